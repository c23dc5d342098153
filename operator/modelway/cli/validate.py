"""`modelway validate`: judge files as the API server and the operator would, without a cluster."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from modelway.api.meta import KIND
from modelway.api.scorers import strange_scorers
from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli.admission.verdict import verdict
from modelway.cli.documents import Document, UnreadableFile
from modelway.cli.manifests import NO_OBJECT, MissingFile, is_object, is_ours, read
from modelway.errors import Problem
from modelway.wording import counted

API_SERVER, OPERATOR, FILE = "api-server", "operator", "file"
"""Who refuses: the API server when it is applied, the operator afterwards, or whoever reads the file."""
_EXTENSIONS = {".yaml", ".yml", ".json"}


@dataclass(frozen=True)
class Finding:
    """One thing wrong, and where."""

    file: str
    line: int
    field: str
    message: str
    by: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {Problem(self.field, self.message)}"


@dataclass
class Outcome:
    """What a run came to, over all files."""

    accepted: int = 0
    refused: int = 0
    skipped: int = 0
    problems: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)


def run(arguments: argparse.Namespace) -> int:
    """Judge every ModelDeployment and say all that is wrong.

    Returns:
        0 when all are accepted; 1 when anything is wrong with a file or a ModelDeployment; 2 when what was named cannot be read, or
        is a folder without YAML or JSON files.
    """
    outcome = Outcome()
    try:
        for name, is_named in _files(arguments.filename):
            _judge_file(name, outcome, is_named=is_named)
    except MissingFile as error:
        print(error, file=sys.stderr)
        return error.exit_status
    _print(outcome, arguments.output)
    return 1 if outcome.problems else 0


def _files(names: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Each file once, with whether it was named itself; a folder stands for the files below it."""
    for name in dict.fromkeys(names):
        folder = Path(name)
        if not folder.is_dir():
            yield name, True
            continue
        below = [path for path in sorted(folder.rglob("*")) if path.suffix in _EXTENSIONS and path.is_file()]
        if not below:
            raise MissingFile(f"{name}: holds no file that ends in {', '.join(sorted(_EXTENSIONS))}")
        yield from ((str(path), False) for path in below)


def _judge_file(name: str, outcome: Outcome, *, is_named: bool) -> None:
    try:
        for document in read(name):
            _judge(document, outcome, is_named=is_named)
    except UnreadableFile as error:
        outcome.problems.append(Finding(error.source, error.line, "", error.problem, FILE))


def _judge(document: Document, outcome: Outcome, *, is_named: bool) -> None:
    value = document.value
    ours = isinstance(value, dict) and is_ours(value)
    if not ours and (is_object(value) or not is_named):
        # A folder may hold YAML that is no Kubernetes object at all, such as the values of a chart.
        outcome.skipped += 1
        return
    findings = [
        Finding(document.source, line, "", f"{key} stands here for the second time: keep one of them", FILE)
        for key, line in document.twice
    ]
    if ours:
        findings += _refusals(document)
        outcome.warnings += [] if findings else _warnings(document)
        outcome.refused += bool(findings)
        outcome.accepted += not findings
    else:
        findings.append(Finding(document.source, document.line(), "", NO_OBJECT, FILE))
    outcome.problems += sorted(findings, key=lambda finding: finding.line)


def _refusals(document: Document) -> list[Finding]:
    judged = verdict(document.value)
    early = {problem.field for problem in judged.api_server}
    return [
        Finding(
            document.source,
            document.line(problem.field),
            problem.field,
            problem.message,
            API_SERVER if problem.field in early else OPERATOR,
        )
        for problem in judged.problems
    ]


def _warnings(document: Document) -> list[Finding]:
    """What a valid ModelDeployment says that only an image of the user's own may know."""
    metadata = {"namespace": "default", **(document.value.get("metadata") or {})}
    deployment = ModelDeployment.parse({**document.value, "metadata": metadata, "status": None})
    return [
        Finding(document.source, document.line(one.field), one.field, one.message, OPERATOR)
        for one in strange_scorers(deployment)
    ]


def _print(outcome: Outcome, output: str) -> None:
    if output == "json":
        print(json.dumps(asdict(outcome), indent=2))
        return
    for problem in outcome.problems:
        print(problem)
    for warning in outcome.warnings:
        print(f"Warning: {warning}")
    print(
        f"{counted(outcome.accepted + outcome.refused, KIND)}: {outcome.accepted} accepted, {outcome.refused} refused",
        end="",
    )
    print(f"; {outcome.skipped} of other kinds skipped" if outcome.skipped else "")
