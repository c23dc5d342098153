"""What an evaluation found: each criterion, and the verdict on all."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from modelway_server.errors import EvaluationFailed, EvaluationInconclusive, LoadFailure
from modelway_server.evaluation.wish import OnInconclusive, Rule


class Outcome(StrEnum):
    """The end of a criterion, or of all."""

    PASSED = "passed"
    """The whole interval is on the good side of the limit."""
    FAILED = "failed"
    """The whole interval is on the bad side."""
    INCONCLUSIVE = "inconclusive"
    """The limit is inside the interval."""


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One limit of one metric on one part of the rows.

    Attributes:
        metric: the scorer's name.
        rule: what the limit limits: the metric itself, or its difference to the stable revision.
        threshold: the number that `value` or `difference` is held to; minus the limit for `notWorseThanStableBy`.
        slice: `column=value`; None for all rows.
        value: of the candidate; None where the metric is not defined for these rows.
        stable: of the stable revision, where it is compared.
        difference: candidate less stable, where they are compared.
        low: lower end of the interval of the value, or of the difference where they are compared; None where there is none.
        high: its upper end.
        outcome: of this criterion.
        rows: that it was computed from.
        rows_needed: rows of this part that would then tell in 90 % of cases; None where it is known, or nobody can say.
    """

    metric: str
    rule: Rule
    threshold: float
    slice: str | None
    value: float | None
    stable: float | None
    difference: float | None
    low: float | None
    high: float | None
    outcome: Outcome
    rows: int
    rows_needed: int | None


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an evaluation found.

    Attributes:
        outcome: failed where a criterion failed, else inconclusive where one is, else passed.
        criteria: each limit on each part.
        rows: of the dataset.
        skipped: why limits were not judged, in sentences.
        on_inconclusive: what follows where the outcome is inconclusive.
        message: what was found, in one sentence.
        remedy: what to do; empty where there is nothing to do.
    """

    outcome: Outcome
    criteria: tuple[Criterion, ...]
    rows: int
    skipped: tuple[str, ...]
    on_inconclusive: OnInconclusive
    message: str
    remedy: str

    def failure(self) -> LoadFailure | None:
        """Why the candidate is refused; None where it is accepted."""
        if self.outcome is Outcome.FAILED:
            return EvaluationFailed(self.message, remedy=self.remedy)
        if self.outcome is Outcome.INCONCLUSIVE and self.on_inconclusive is OnInconclusive.REFUSE:
            return EvaluationInconclusive(self.message, remedy=self.remedy)
        return None

    def document(self) -> dict[str, Any]:
        """The whole report as JSON values; members without a value are left out."""
        return {
            "outcome": str(self.outcome),
            "message": self.message,
            "remedy": self.remedy,
            "rows": self.rows,
            "skipped": list(self.skipped),
            "criteria": [_document(criterion) for criterion in self.criteria],
        }

    def compact(self) -> list[dict[str, Any]]:
        """The criteria for a termination message: failed ones first, then inconclusive, then without slice; numbers of five digits."""
        order = [Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.PASSED]
        criteria = sorted(self.criteria, key=lambda one: (order.index(one.outcome), one.slice is not None))
        return [_short(_document(criterion)) for criterion in criteria]


def _document(criterion: Criterion) -> dict[str, Any]:
    return {_CAMEL.get(name, name): value for name, value in asdict(criterion).items() if value is not None}


_CAMEL = {"rows_needed": "rowsNeeded"}


def _short(document: dict[str, Any]) -> dict[str, Any]:
    return {name: float(f"{value:.5g}") if isinstance(value, float) else value for name, value in document.items()}
