"""Tell what a preflight found: bounded to the kubelet, whole on standard output as JSON lines, in one line to the log."""

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from modelway_server.errors import LoadFailure
from modelway_server.evaluation.selection import Choice, Contestant, choose, find_best
from modelway_server.evaluation.wish import Wish
from modelway_server.preflight.contract import describe_changes
from modelway_server.preflight.trial import Trial
from modelway_server.printable import scrub_all
from modelway_server.process.exit_report import failure_report, write_termination_message

PROVED: Final = "Proved"
_LOGGER = logging.getLogger(__name__)


@dataclass
class Report:
    """What was found so far.

    Attributes:
        trials: of the model, then of those that compete with it.
        choice: which of them serves; None where that is not known, or none may.
    """

    trials: Sequence[Trial] = ()
    choice: Choice | None = None

    @property
    def competes(self) -> bool:
        """Whether there are several models."""
        return len(self.trials) > 1

    @property
    def decisive(self) -> Trial:
        """The trial that the verdict speaks of: of the choice, else of the model with the best value, else of the first."""
        name = find_best(self._contestants).name if self.choice is None else self.choice.name
        return next(trial for trial in self.trials if trial.model.name == name)

    @property
    def _contestants(self) -> list[Contestant]:
        return [trial.contestant for trial in self.trials]

    def choose(self, wish: Wish | None, least: Mapping[tuple[str, str], float]) -> LoadFailure | None:
        """Choose one of the models; why all are refused, or None.

        Args:
            wish: what the evaluation asked of them; None where there was none.
            least: of a model and a better one, the least difference; see `selection.choose`.
        """
        metric, max_loss = ("", None) if wish is None else (wish.metrics[0].name, wish.max_loss)
        self.choice = choose(self._contestants, metric, max_loss=max_loss, least=least)
        failure = self.decisive.failure
        if failure is None or not self.competes:
            return failure
        name, count = self.decisive.model.name, len(self.trials)
        return type(failure)(f"none of {count} candidates may serve; {name}: {failure.message}", remedy=failure.remedy)


def write_findings(report: Report) -> None:
    """Write every finding to standard output, one JSON object a line."""
    _write(whole(report))


def publish(report: Report, verdict: LoadFailure | None) -> None:
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


def summarise(report: Report, verdict: LoadFailure | None) -> dict[str, Any]:
    """The termination message, before it is cut."""
    document: dict[str, Any] = {"reason": PROVED} if verdict is None else dict(failure_report(verdict))
    if not report.trials:
        return document
    trial, parts = report.decisive, []
    if trial.fingerprint:
        document["fingerprint"] = trial.fingerprint
    if trial.changes:
        document["contract"] = describe_changes(trial.changes)
    if report.competes and report.choice is not None:
        parts.append(report.choice.reason)
        document["choice"] = report.choice.name
    if trial.findings is not None:
        parts += [trial.findings.message, *trial.findings.skipped]
        document["rows"] = trial.findings.rows
    if parts:
        document = {"reason": document["reason"], "message": ". ".join(part.rstrip(".") for part in parts)} | document
    if report.competes:
        document["candidates"] = [each.row() for each in report.trials]
    if trial.findings is not None:
        document["evaluation"] = trial.findings.compact  # the last list is the first that is cut
    return document


def whole(report: Report) -> Iterator[Mapping[str, Any]]:
    """Every finding, as one JSON object each."""
    for trial in report.trials:
        if not report.competes:
            yield from _lines(trial)
            continue
        row = trial.row()
        name = {"candidate": row.pop("name")}
        yield from (name | line for line in _lines(trial))
        serves = {"choice": True} if report.choice is not None and trial.model.name == report.choice.name else {}
        failure = {} if trial.failure is None else {"message": trial.failure.message}
        yield name | row | serves | failure


def _lines(trial: Trial) -> Iterator[dict[str, Any]]:
    for change in trial.changes or ():
        yield {"change": change.text, "breaks": change.breaks}
    for outcome in trial.outcomes:
        problem = {"problem": outcome.problem} if outcome.problem else {}
        yield {"test": outcome.name, "outcome": "failed" if problem else "passed", **problem}
    if trial.findings is not None:
        yield from map(dict, trial.findings.criteria)
        yield from ({"skipped": note} for note in trial.findings.skipped)
