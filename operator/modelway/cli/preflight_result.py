"""What a preflight found, as `modelway-server prove` writes it: one JSON object a line, the verdict last. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from modelway.desired.evidence import candidates_in
from modelway.printable import one_line

PASSED, REFUSED, NOT_TRIED = 0, 1, 2
"""Exit statuses."""
PROVED = "Proved"
_OF_ANOTHER = frozenset({"InvalidDataset", "LoadTimeout", "ServerIncomplete", "StorageFull"})
"""Reasons that hold nothing against the model itself."""
_FINDINGS = frozenset({"change", "test", "metric", "skipped"})
"""Members by which a line is a finding, about the one of several models that its member `candidate` names."""
_STABLE_TITLE = "the stable revision"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a preflight found.

    Attributes:
        exit_status: PASSED, REFUSED or NOT_TRIED.
        reason: `Proved`, or why the model is refused.
        message: the same in words; empty where there is nothing to say.
        remedy: what to do; empty where there is nothing to do.
        changes: of the contract, each with `change` and whether it `breaks` a client.
        tests: the smoke tests, each with its name as `test`, its `outcome`, and its `problem` where it failed.
        criteria: every limit of every metric on every part of the rows.
        skipped: why limits were not judged.
        choice: the name of the model that a cluster would serve, where several competed and one was accepted.
        candidates: the models that competed, in the words of status, each with a `message` where it cannot serve.
    """

    exit_status: int
    reason: str
    message: str = ""
    remedy: str = ""
    changes: Sequence[Mapping[str, Any]] = ()
    tests: Sequence[Mapping[str, Any]] = ()
    criteria: Sequence[Mapping[str, Any]] = ()
    skipped: Sequence[str] = ()
    choice: str = ""
    candidates: Sequence[Mapping[str, Any]] = ()

    @property
    def notes(self) -> list[str]:
        """Why limits were not judged, where the message does not say it."""
        return [note for note in self.skipped if note.rstrip(".") not in self.message]

    def shown(self, findings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The findings about the choice; where there is none, those about all models that competed, with their names."""
        if self.choice:
            return [one for one in findings if one.get("candidate", self.choice) == self.choice]
        return [_with_name(one) for one in findings]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        document = {name: value for name, value in asdict(self).items() if value != ""}
        if not self.candidates:
            del document["candidates"]
        return {"exitStatus": document.pop("exit_status"), **document}


def _with_name(finding: Mapping[str, Any]) -> Mapping[str, Any]:
    """The finding with the name of the model in front of its own."""
    subject = next(part for part in ("change", "test", "metric") if part in finding)
    return {**finding, subject: f"{finding['candidate']}: {finding[subject]}"} if "candidate" in finding else finding


def result_of(lines: Sequence[Mapping[str, Any]]) -> Result:
    """The result in the lines of a preflight that came to a verdict."""
    *findings, verdict = (_readable(line) for line in lines)
    reason = verdict["reason"]
    tried = PASSED if reason == PROVED else _status_of(reason, verdict.get("message", ""))
    return Result(
        exit_status=tried,
        reason=reason,
        message=verdict.get("message", ""),
        remedy=verdict.get("remedy", ""),
        changes=[line for line in findings if "change" in line],
        tests=[line for line in findings if "test" in line],
        criteria=[line for line in findings if "metric" in line],
        skipped=list(dict.fromkeys(line["skipped"] for line in findings if "skipped" in line)),
        choice=verdict.get("choice", ""),
        candidates=list(filter(None, map(_candidate, findings))),
    )


def _candidate(line: Mapping[str, Any]) -> dict[str, Any] | None:
    """A model that competed, in the words of status; None if the line is about something else."""
    if "candidate" not in line or not _FINDINGS.isdisjoint(line):
        return None
    candidates = candidates_in({"candidates": [{**line, "name": line["candidate"]}]})
    return {**candidates[0], **({"message": line["message"]} if line.get("message") else {})} if candidates else None


def result_of_failure(report: Mapping[str, Any], *, is_candidates: bool) -> Result:
    """The result of a preflight that came to no verdict.

    Args:
        report: the reason, message and remedy of the process that failed.
        is_candidates: whether it had the model before it, and no other.
    """
    reason, message, remedy = (one_line(str(report[name])) for name in ("reason", "message", "remedy"))
    status = _status_of(reason, message) if is_candidates else NOT_TRIED
    return Result(exit_status=status, reason=reason, message=message, remedy=remedy)


def _status_of(reason: str, message: str) -> int:
    return NOT_TRIED if reason in _OF_ANOTHER or message.startswith(_STABLE_TITLE) else REFUSED


def _readable(line: Mapping[str, Any]) -> dict[str, Any]:
    """The line with texts that no terminal is misled by: they come from models, datasets and specs."""
    return {name: one_line(value) if isinstance(value, str) else value for name, value in line.items()}
