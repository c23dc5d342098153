"""`modelway check`: find out on this machine whether a model would be served, and how. A pod's init container does the same."""

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelway.cli.model_environment import model_environment
from modelway.errors import WrongUsage

_PASSED_ON = ("format", "method", "engine", "tolerance", "trusted_types", "samples", "timeout")
_SAMPLES_REMEDY = 'Write it as {"instances": [...]}, with rows as they would be sent to the model.'
_WRONG_USAGE = 2
"""argparse's exit status."""
_USAGE = re.compile(r"error: argument (?P<option>--[a-z-]+): (?P<words>.*)")
_SHOWN_COLUMNS = 50
_SHOWN_VALUES = 8
_STACK = {"LoadCrashed", "LoadTimeout"}
"""Reasons for which the place in the model's code tells more than the message."""


def run(arguments: argparse.Namespace) -> int:
    """Try the model in a throwaway process; print its contract and engine, or why it is refused.

    Returns:
        0 when it would be served, 1 when not, 2 when it was not tried.
    """
    try:
        _check_usage(arguments)
        with tempfile.TemporaryDirectory(prefix="modelway-") as directory:
            return _check(arguments, Path(directory))
    except WrongUsage as error:
        print(error, file=sys.stderr)
        return error.exit_status


def _check_usage(arguments: argparse.Namespace) -> None:
    if importlib.util.find_spec("joblib") is None:
        raise WrongUsage(
            "The model server is not installed. Install it, in a checkout of Modelway: pip install '.[server]'"
        )
    if not arguments.model.exists():
        raise WrongUsage(f"There is no {arguments.model}.")
    _check_samples(arguments.samples)


def _check_samples(path: str | None) -> None:
    """Refuse a file of samples that is none, whatever the model takes.

    Raises:
        WrongUsage: it cannot be read, or is no JSON.
    """
    if path is None:
        return
    try:
        json.loads(Path(path).read_bytes())
    except OSError as error:
        raise WrongUsage(f"--samples: {path} cannot be read ({error.strerror}). Name a JSON file of rows.") from error
    except (ValueError, RecursionError) as error:
        raise WrongUsage(f"--samples: {path} is no JSON ({error}). {_SAMPLES_REMEDY}") from error


def _check(arguments: argparse.Namespace, directory: Path) -> int:
    models, prepared, report_file = directory / "models", directory / "prepared", directory / "termination"
    models.mkdir()
    model = arguments.model.resolve()
    name = model.name or "model"  # the root has no name
    (models / name).symlink_to(model)
    options = [
        f"--{name.replace('_', '-')}={value}" for name in _PASSED_ON if (value := getattr(arguments, name)) is not None
    ]
    command = [
        sys.executable,
        "-m",
        "modelway_server",
        "prepare",
        f"--model-dir={models}",
        f"--prepared-dir={prepared}",
    ]
    environment = {
        **model_environment(os.environ, directory),
        "MODELWAY_TERMINATION_LOG": str(report_file),
        "MODELWAY_LOG_LEVEL": "ERROR",
    }
    log = directory / "log"
    with log.open("wb") as file:  # of a pipe the end would only come with that of the last process that has it
        process = subprocess.run([*command, *options], env=environment, stdout=file, stderr=file, check=False)  # noqa: S603  (our own program)
    if process.returncode == 0:
        print("\n".join(describe(name, json.loads((prepared / "prepared.json").read_text()))))
        print(f"  walls    {_text(prepared / 'walls.txt')}")
        return 0
    report = json.loads(report_file.read_text()) if report_file.exists() else {}
    if wrong := _wrong_usage(process.returncode, _text(log)):
        raise WrongUsage(wrong)
    if not report:
        raise WrongUsage(_text(log).strip() or f"the model server ended with exit status {process.returncode}")
    if report["reason"] in _STACK:
        print(_text(log), file=sys.stderr)
    if arguments.samples and report["message"].startswith(f"{Path(arguments.samples).name} holds no samples"):
        raise WrongUsage(f"--samples: {report['message']}. {report['remedy']}")
    print(f"{name} is refused: {report['reason']}: {report['message']}.\n{report['remedy']}")
    if (prepared / "walls.txt").exists():
        print(f"Walls while it was tried: {_text(prepared / 'walls.txt')}.")
    return 1


def _wrong_usage(status: int, log: str) -> str | None:
    """Which option has a value that the server does not take, and which it takes."""
    match = _USAGE.search(log) if status == _WRONG_USAGE else None
    return f"{match['option']}: {match['words']}." if match else None


def _text(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")


def describe(name: str, prepared: Mapping[str, Any]) -> list[str]:
    """What a prepared model is, in lines for a person.

    Args:
        name: of its file.
        prepared: the document that `modelway-server prepare` leaves.
    """
    facts = prepared["description"]
    versions = [
        f"{key.replace('scikit_learn', 'scikit-learn').replace('_', ' ')} {value}"
        for key, value in facts.items()
        if key not in {"estimator", "batching", "caution", "example"}
    ]
    caution = facts.get("caution")
    signature = prepared["signature"]
    return [
        f"{name} would be served.",
        f"  model    {', '.join([facts.get('estimator', prepared['platform']), *versions])}",
        f"  engine   {prepared['engine']}: {prepared['reason']}",
        f"  batching {facts['batching']}",
        *([f"  caution  {caution}"] if caution else []),
        "  answers",
        *(
            f"    {_output(output)}"
            for method in prepared["methods"]
            for output in signature["outputs"].get(method, ())
        ),
        "  takes",
        *(f"    {line}" for line in _inputs(signature)),
    ]


def _output(output: Mapping[str, Any]) -> str:
    classes = output["classes"]
    return f"{output['name']} {output['datatype']} [{_dimensions(output['shape'])}]" + (
        f": {_join(classes)}" if classes else ""
    )


def _dimensions(shape: list[int]) -> str:
    return ", ".join(["rows", *("any" if size == -1 else str(size) for size in shape[1:])])


def _inputs(signature: Mapping[str, Any]) -> list[str]:
    columns = signature["columns"]
    if signature.get("inputs"):
        return [f"{name} {datatype} [{_dimensions(shape)}]" for name, datatype, shape in signature["inputs"]]
    if signature["form"] == "text":
        return ["one text a row"]
    if not columns:
        return ["rows of numbers; the model does not say how many"]
    kinds = {_column({**column, "name": ""}).strip() for column in columns}
    if not signature["named"] and len(kinds) == 1:
        return [f"{len(columns)} values a row: {kinds.pop()}"]
    lines = [_column(column) for column in columns[:_SHOWN_COLUMNS] if column.get("used", True)]
    more = len(columns) - _SHOWN_COLUMNS
    return [*lines, *([f"and {more} more columns"] if more > 0 else [])]


def _column(column: Mapping[str, Any]) -> str:
    kind = "date" if column.get("dates") else column.get("datatype", "FP64")
    missing = ", may be missing" if column.get("nullable") else ""
    names = ""
    if only := column.get("categories"):
        names = f": {_join(sorted(only, key=str))}"
    elif known := column.get("known"):
        names = f": {_join(sorted(known, key=str))}; any other is answered as unknown"
    return f"{column['name']} {kind}{missing}{names}"


def _join(values: list[Any]) -> str:
    more = f" and {len(values) - _SHOWN_VALUES} more" if len(values) > _SHOWN_VALUES else ""
    return ", ".join(map(str, values[:_SHOWN_VALUES])) + more
