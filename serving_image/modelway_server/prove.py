"""`modelway-server prove`: hold a prepared model against smoke tests, the stable model's contract and metrics on a dataset.

This process loads no model. Each is loaded once, in a throwaway process behind walls, one after the other.
"""

import argparse
import os
import signal
from pathlib import Path
from types import FrameType

from modelway_server.arguments import names, positive
from modelway_server.errors import LoadFailure, Verdict
from modelway_server.preflight.child import Deadline, Material, PreparedModel, load_walled
from modelway_server.preflight.contract import check_contract, contract_changes
from modelway_server.preflight.evaluate import CANDIDATE, STABLE, begin_evaluation
from modelway_server.preflight.report import Report, publish, write_findings
from modelway_server.preflight.smoke_tests import check_outcomes, outcomes_of, smoke_task
from modelway_server.preflight.spec import InvalidPreflight, Preflight, read_preflight
from modelway_server.process.exit_report import report_failure

_SHOWN = 500
"""Characters of a wrong spec in a message."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `prove`."""
    add = parser.add_argument
    add("--model-dir", required=True, type=Path, help="directory that holds the model's file")
    add("--prepared-dir", required=True, type=Path, help="directory that `prepare` has filled")
    add("--trusted-types", default=(), type=names, help="classes, by commas, that the file may hold beyond the known")
    add("--spec", default=Preflight(), type=_spec, help="spec.preflight of the ModelDeployment, as JSON")
    add("--dataset-dir", type=Path, help="directory that holds the dataset's file")
    add("--stable-model-dir", type=Path, help="directory that holds the stable model's file")
    add("--stable-prepared-dir", type=Path, help="directory that `prepare` has filled for the stable model")
    add("--stable-trusted-types", default=(), type=names, help="classes that the stable model's file may hold")
    add("--stable-revision", default="", help="hash of the stable revision, for messages")
    add("--timeout", type=positive, default=600.0, help="seconds for everything together")
    add("--exit-zero", action="store_true", help="end with status 0 if the model is refused; the report tells")


def run(arguments: argparse.Namespace) -> int:
    """Prove the model, and report to the log, to standard output and to the kubelet; the exit status."""
    signal.signal(signal.SIGTERM, _end)
    report, deadline = Report(), Deadline(arguments.timeout)
    try:
        prove(arguments.spec, _material(arguments), deadline, report)
    except Verdict as verdict:
        publish(report, verdict)
        return 0 if arguments.exit_zero else verdict.exit_code
    except LoadFailure as failure:
        write_findings(report)
        return report_failure(failure)
    publish(report, None)
    return 0


def prove(demands: Preflight, material: Material, deadline: Deadline, report: Report) -> None:
    """Hold the candidate against all that is demanded, the quickest first.

    Args:
        demands: on it.
        material: the candidate, and what it is compared with.
        deadline: for everything.
        report: to note what was found.

    Raises:
        Verdict: the candidate is refused.
        LoadFailure: it could not be tried.
    """
    candidate, stable = material.candidate, material.stable
    if stable is not None:
        report.changes = contract_changes(candidate, stable)
        check_contract(report.changes, demands.contract)
    with begin_evaluation(demands.evaluation, material, deadline) as evaluation:
        tasks = [smoke_task(candidate, demands.smoke_tests)]
        tasks += [] if evaluation is None else [evaluation.task(CANDIDATE)]
        with load_walled(candidate, tasks, deadline) as model:
            report.outcomes = outcomes_of(demands.smoke_tests, model.step())
            check_outcomes(report.outcomes)
            if evaluation is None:
                return
            evaluation.finish_reading()
            model.step()
        if stable is not None and evaluation.compares:
            with load_walled(stable, [evaluation.task(STABLE)], deadline) as model:
                model.step()
        report.findings = evaluation.judge()
    if report.findings.failure is not None:
        raise report.findings.failure


def _material(arguments: argparse.Namespace) -> Material:
    trusted, dataset = arguments.trusted_types, arguments.dataset_dir
    candidate = PreparedModel(model_dir=arguments.model_dir, prepared_dir=arguments.prepared_dir, trusted_types=trusted)
    if arguments.stable_model_dir is None or arguments.stable_prepared_dir is None:
        return Material(candidate=candidate, dataset_dir=dataset)
    stable = PreparedModel(
        model_dir=arguments.stable_model_dir,
        prepared_dir=arguments.stable_prepared_dir,
        trusted_types=arguments.stable_trusted_types,
        title=f"the stable revision {arguments.stable_revision}".rstrip(),
    )
    return Material(candidate=candidate, stable=stable, dataset_dir=dataset)


def _spec(text: str) -> Preflight:
    try:
        return read_preflight(text)
    except InvalidPreflight as error:
        raise argparse.ArgumentTypeError(f"{text[:_SHOWN]!r} is no preflight: {error}") from error


def _end(signum: int, _: FrameType | None) -> None:
    """SIGTERM: the child ends with this process (and as process 1 no signal has a default)."""
    os._exit(128 + signum)
