"""`modelway-server prove`: hold a prepared model against smoke tests, the stable model's contract and metrics on a dataset.

This process loads no model. Each is loaded once, in a throwaway process behind walls, one after the other.
"""

import argparse
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from modelway_server.arguments import names, positive
from modelway_server.errors import LoadCrashed, LoadFailure, Verdict
from modelway_server.preflight.child import MODEL, Deadline, Material, PreparedModel, load_walled
from modelway_server.preflight.contestants import InvalidCandidates, read_candidates
from modelway_server.preflight.evaluate import Evaluation, begin_evaluation
from modelway_server.preflight.footprint import footprint_task
from modelway_server.preflight.report import Report, publish, write_findings
from modelway_server.preflight.smoke_tests import smoke_task
from modelway_server.preflight.spec import InvalidPreflight, Preflight, read_preflight
from modelway_server.preflight.trial import Trial
from modelway_server.process.exit_report import report_failure

_SHOWN = 500
"""Characters of a wrong spec in a message."""
_NO_ANSWERS = "the process with the model left no answers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `prove`."""
    add = parser.add_argument
    add("--model-dir", required=True, type=Path, help="directory that holds the model's file")
    add("--prepared-dir", required=True, type=Path, help="directory that `prepare` has filled")
    add("--trusted-types", default=(), type=names, help="classes, by commas, that the file may hold beyond the known")
    add("--candidates", default=(), type=_candidates, help="models that compete with it, as JSON")
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
        verdict = prove(arguments.spec, _material(arguments), deadline, report)
    except Verdict as failure:
        verdict = failure
    except LoadFailure as failure:
        write_findings(report)
        return report_failure(failure)
    publish(report, verdict)
    return 0 if verdict is None or arguments.exit_zero else verdict.exit_code


def prove(demands: Preflight, material: Material, deadline: Deadline, report: Report) -> LoadFailure | None:
    """Hold each candidate against all that is demanded, the quickest first, and choose one; why all are refused, or None.

    Args:
        demands: on them.
        material: the candidates, and what they are compared with.
        deadline: for everything.
        report: to note what was found.

    Raises:
        Verdict: the dataset cannot be used.
        LoadFailure: a candidate could not be tried.
    """
    report.trials = tuple(Trial(model) for model in material.contestants)
    with begin_evaluation(demands.evaluation, material, deadline) as evaluation:
        for trial in report.trials:
            _try(trial, demands, material.stable, evaluation, deadline, competes=len(report.trials) > 1)
        least: Mapping[tuple[str, str], float] = {}
        if evaluation is not None and any(trial.failure is None for trial in report.trials):
            if material.stable is not None and evaluation.compares:
                with load_walled(material.stable, [evaluation.task_of_stable()], deadline) as model:
                    model.step()
            least = _judge(report.trials, evaluation)
    verdict = report.choose(None if evaluation is None else evaluation.wish, least)
    if verdict is not None and not (report.competes or isinstance(verdict, Verdict)):
        raise verdict
    return verdict


def _try(
    trial: Trial,
    demands: Preflight,
    stable: PreparedModel | None,
    evaluation: Evaluation | None,
    deadline: Deadline,
    *,
    competes: bool,
) -> None:
    """Try one model; its trial says what is held against it."""
    trial.note(lambda: trial.read_preparation(stable, demands.contract))
    if trial.failure is not None:
        return
    tasks = [smoke_task(trial.model, demands.smoke_tests)]
    tasks += [footprint_task()] if competes else []
    tasks += [] if evaluation is None else [evaluation.task(trial.model)]
    with load_walled(trial.model, tasks, deadline) as model:
        trial.note(lambda: trial.take_answers(demands.smoke_tests, model.step()))
        if competes:
            trial.note(lambda: trial.take_footprint(model.step()))
        if evaluation is not None and trial.failure is None:
            evaluation.finish_reading()
            trial.note(model.step)


def _judge(trials: Sequence[Trial], evaluation: Evaluation) -> Mapping[tuple[str, str], float]:
    """Have the answers judged; of each pair the least difference."""
    results = evaluation.judge()
    for trial in trials:
        if trial.failure is None:
            trial.take_findings(results.findings.get(trial.model.name) or LoadCrashed(_NO_ANSWERS))
    return results.least


def _material(arguments: argparse.Namespace) -> Material:
    trusted, dataset, others = arguments.trusted_types, arguments.dataset_dir, arguments.candidates
    candidate = PreparedModel(model_dir=arguments.model_dir, prepared_dir=arguments.prepared_dir, trusted_types=trusted)
    if arguments.stable_model_dir is None or arguments.stable_prepared_dir is None:
        return Material(candidate=candidate, others=others, dataset_dir=dataset)
    stable = PreparedModel(
        model_dir=arguments.stable_model_dir,
        prepared_dir=arguments.stable_prepared_dir,
        trusted_types=arguments.stable_trusted_types,
        title=f"the stable revision {arguments.stable_revision}".rstrip(),
    )
    return Material(candidate=candidate, others=others, stable=stable, dataset_dir=dataset)


def _spec(text: str) -> Preflight:
    try:
        return read_preflight(text)
    except InvalidPreflight as error:
        raise argparse.ArgumentTypeError(f"{text[:_SHOWN]!r} is no preflight: {error}") from error


def _candidates(text: str) -> tuple[PreparedModel, ...]:
    try:
        return read_candidates(text, MODEL)
    except InvalidCandidates as error:
        raise argparse.ArgumentTypeError(f"{text[:_SHOWN]!r} is no list of candidates: {error}") from error


def _end(signum: int, _: FrameType | None) -> None:
    """SIGTERM: the child ends with this process (and as process 1 no signal has a default)."""
    os._exit(128 + signum)
