"""`modelway evaluate`: hold a model against its preflight on this machine. The Job of a cluster runs the same commands."""

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from modelway.api.scorers import strange_scorers
from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli.local_pod import Process
from modelway.cli.local_preflight import LocalFiles, preflight_processes
from modelway.cli.local_process import (
    Child,
    check_server_is_installed,
    choose,
    failure_in,
    say_digest,
    say_secrets,
    start,
    stop,
    uri_of,
)
from modelway.cli.manifests import load_deployments, settings_of
from modelway.cli.model_environment import model_environment
from modelway.cli.preflight_output import render
from modelway.cli.preflight_result import NOT_TRIED, Result, result_of, result_of_failure
from modelway.desired.children.job import FETCH_DATASET, FETCH_STABLE, PREPARE_STABLE, PROVE
from modelway.desired.contestants import contestants_of
from modelway.desired.pod import FETCH, PREPARE
from modelway.errors import ModelwayError, WrongUsage
from modelway.printable import printable

_PROGRESS = {
    FETCH: "Fetching the model",
    FETCH_DATASET: "Fetching the dataset",
    FETCH_STABLE: "Fetching the model to compare with",
    PREPARE: "Trying the model, and choosing its engine",
    PREPARE_STABLE: "Trying the model to compare with",
    PROVE: "Holding the model against its preflight",
}
_INTERRUPTED = 130
_STACK = {"LoadCrashed", "LoadTimeout"}
"""Reasons for which the place in the model's code tells more than the message."""


def run(arguments: argparse.Namespace) -> int:
    """Run the preflight, and print what it found.

    Returns:
        0 when the model passed, 1 when it is refused, 2 when it was not tried.
    """
    try:
        check_server_is_installed()
        settings = settings_of(arguments)
        deployment = choose(load_deployments(arguments.filename, arguments.namespace), arguments.name)
        for problem in strange_scorers(deployment):
            print(f"Warning: {problem}", file=sys.stderr)
        files = _files(arguments, deployment)
        with tempfile.TemporaryDirectory(prefix="modelway-") as directory:
            if arguments.model is not None:
                say_digest(deployment)
            pod = preflight_processes(deployment, settings, Path(directory), files)
            say_secrets(process for process in pod if process.name in _remote(files, deployment))
            result = _run_all(pod, Path(directory), deployment)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except ModelwayError as error:
        print(error, file=sys.stderr)
        return NOT_TRIED
    print(render(result, deployment.metadata.name, arguments.output), end="")
    return result.exit_status


def _files(arguments: argparse.Namespace, deployment: ModelDeployment) -> LocalFiles:
    preflight = deployment.spec.preflight
    if arguments.dataset is not None and (preflight is None or preflight.evaluation is None):
        raise WrongUsage(
            "--dataset: the file has no spec.preflight.evaluation. Write which column is the target there."
        )
    paths = {name: getattr(arguments, name) for name in ("model", "dataset", "against")}
    for name, path in paths.items():
        if path is not None and not path.exists():
            raise WrongUsage(f"--{name}: there is no {path}. Name a file or folder of this machine.")
    uris = {name: None if path is None else uri_of(path) for name, path in paths.items()}
    return LocalFiles(**uris, candidates=_candidates(arguments.candidate, deployment))


def _candidates(pairs: Sequence[tuple[str, Path]], deployment: ModelDeployment) -> dict[str, str]:
    names = [one.name for one in deployment.spec.model.candidates]
    for name, path in pairs:
        if name not in names:
            there = f"only {', '.join(names)}" if names else "none"
            raise WrongUsage(f"--candidate: the file has no candidate {name} in spec.model.candidates, {there}.")
        if not path.exists():
            raise WrongUsage(f"--candidate: there is no {path}. Name a file or folder of this machine.")
    return {name: uri_of(path) for name, path in pairs}


def _remote(files: LocalFiles, deployment: ModelDeployment) -> set[str]:
    """The containers that may need credentials."""
    own = {name for name, uri in ((FETCH, files.model), (FETCH_DATASET, files.dataset)) if uri is None}
    return own | {one.fetch for one in contestants_of(deployment)[1:] if one.name not in files.candidates} - {FETCH}


def _run_all(pod: Iterable[Process], directory: Path, deployment: ModelDeployment) -> Result:
    stopping = signal.signal(signal.SIGTERM, signal.default_int_handler)
    steps = _PROGRESS | _contest(deployment)
    try:
        for process in pod:
            print(f"{steps[process.name]} ...", file=sys.stderr, flush=True)
            result = _run(process, directory)
            if result is not None:
                return result
    finally:
        signal.signal(signal.SIGTERM, stopping)
    raise ModelwayError("The preflight ended without a verdict. Report this.")


def _contest(deployment: ModelDeployment) -> dict[str, str]:
    """What the containers of the models that compete with that of `spec.model.uri` do."""
    others = contestants_of(deployment)[1:]
    fetches = {one.fetch: f"Fetching candidate {one.name}" for one in others if one.fetch != FETCH}
    return fetches | {one.prepare: f"Trying candidate {one.name}, and choosing its engine" for one in others}


def _run(process: Process, directory: Path) -> Result | None:
    """Run one container; the result if it is the last one, or fails."""
    # in a pod, too, only `fetch` sees credentials
    base = dict(os.environ) if process.name.startswith(FETCH) else model_environment(os.environ, directory)
    with (directory / "output").open("w+b") as output, (directory / "log").open("w+b") as log:
        child = start(process, directory, {"MODELWAY_LOG_LEVEL": "WARNING"} | base, output=output, log=log)
        code = _wait(child)
        output.seek(0)
        lines = _documents(output.read())
    if code:
        return _failure(process, code, directory)
    return result_of(lines) if process.name == PROVE else None


def _wait(child: Child) -> int:
    try:
        return child.wait()
    finally:
        stop(child)


def _documents(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def _failure(process: Process, code: int, directory: Path) -> Result:
    report = failure_in(directory)
    log = printable((directory / "log").read_text(encoding="utf-8", errors="replace"))
    if not report:
        raise WrongUsage(f"{log}\n{process.name} ended with exit status {code}".lstrip())
    if report["reason"] in _STACK:
        print(log, file=sys.stderr)
    has_model = not process.name.startswith(FETCH) and process.name != PREPARE_STABLE
    return result_of_failure(report, is_candidates=has_model)
