"""Tell what a preflight found: bounded to the kubelet, whole on standard output as JSON lines, in one line to the log."""

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from modelway_server.errors import Verdict
from modelway_server.preflight.changes import Change
from modelway_server.preflight.contract import describe_changes
from modelway_server.preflight.evaluate import Findings
from modelway_server.preflight.smoke_tests import Outcome
from modelway_server.printable import scrub_all
from modelway_server.process.exit_report import failure_report, write_termination_message

PROVED: Final = "Proved"
_LOGGER = logging.getLogger(__name__)


@dataclass
class Report:
    """What was found so far.

    Attributes:
        outcomes: of the smoke tests.
        changes: of the contract; None where there is no stable model.
        findings: of the evaluation; None where there is none.
    """

    outcomes: Sequence[Outcome] = ()
    changes: Sequence[Change] | None = None
    findings: Findings | None = None


def write_findings(report: Report) -> None:
    """Write every finding to standard output, one JSON object a line."""
    _write(whole(report))


def publish(report: Report, verdict: Verdict | None) -> None:
    """Report to all who ask: the kubelet, the log, and the reader of standard output.

    Args:
        report: what was found.
        verdict: why the model is refused; None where it is proved.
    """
    summary = summarise(report, verdict)
    _write([*whole(report), summary])
    if verdict is None:
        _LOGGER.info("proved", extra={"reason": PROVED})
    else:
        _LOGGER.error(verdict.message, extra={"reason": verdict.reason, "remedy": verdict.remedy})
    write_termination_message(summary)


def _write(lines: Iterable[Mapping[str, Any]]) -> None:
    for line in lines:
        text = json.dumps(scrub_all(line), ensure_ascii=False)
        sys.stdout.buffer.write(f"{text}\n".encode())  # whatever the locale
    sys.stdout.buffer.flush()


def summarise(report: Report, verdict: Verdict | None) -> dict[str, Any]:
    """The termination message, before it is cut."""
    document: dict[str, Any] = {"reason": PROVED} if verdict is None else dict(failure_report(verdict))
    if report.changes:
        document["contract"] = describe_changes(report.changes)
    if report.findings is not None:
        parts = [report.findings.message, *report.findings.skipped]
        message = ". ".join(part.rstrip(".") for part in parts)
        document = {"reason": document["reason"], "message": message} | document
        document |= {"rows": report.findings.rows, "evaluation": report.findings.compact}
    return document


def whole(report: Report) -> Iterator[Mapping[str, Any]]:
    """Every finding, as one JSON object each."""
    for change in report.changes or ():
        yield {"change": change.text, "breaks": change.breaks}
    for outcome in report.outcomes:
        problem = {"problem": outcome.problem} if outcome.problem else {}
        yield {"test": outcome.name, "outcome": "failed" if problem else "passed", **problem}
    if report.findings is not None:
        yield from report.findings.criteria
        yield from ({"skipped": note} for note in report.findings.skipped)
