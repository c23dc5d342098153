"""Decide criteria by their bounds, with Holm's correction for their number."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelway_server.evaluation.estimates import Estimate
from modelway_server.evaluation.report import Outcome
from modelway_server.evaluation.wish import Rule


@dataclass(frozen=True, eq=False)
class Question:
    """Whether an estimate keeps a limit.

    Attributes:
        rule: what is limited.
        threshold: the number that the estimate is held to.
        estimate: of the metric or of the difference.
    """

    rule: Rule
    threshold: float
    estimate: Estimate

    def good_bound(self, level: float) -> float:
        """The bound that must be on the good side of the threshold for a pass."""
        return self.estimate.upper(level) if self.rule is Rule.MAX else self.estimate.lower(level)

    def bad_bound(self, level: float) -> float:
        """The bound that must be on the bad side for a failure."""
        return self.estimate.lower(level) if self.rule is Rule.MAX else self.estimate.upper(level)

    def keeps(self, number: float) -> bool:
        """Whether a number is on the good side of the threshold, or on it."""
        return number <= self.threshold if self.rule is Rule.MAX else number >= self.threshold


@dataclass(frozen=True)
class Decision:
    """The end of a question.

    Attributes:
        outcome: of the three.
        good: the bound that had to be good for a pass; None where there are no bounds.
        bad: the bound that had to be bad for a failure.
    """

    outcome: Outcome
    good: float | None
    bad: float | None


def decide(questions: Sequence[Question], level: float) -> list[Decision]:
    """The end of each question.

    The probability of any wrong pass is at most `level`, and so is that of any wrong failure, however many questions there are.
    """
    known = [index for index, question in enumerate(questions) if question.estimate.is_known]
    good = _step_down(
        known,
        level,
        lambda index, at: questions[index].good_bound(at),
        lambda index, bound: questions[index].keeps(bound),
    )
    bad = _step_down(
        known,
        level,
        lambda index, at: questions[index].bad_bound(at),
        lambda index, bound: not questions[index].keeps(bound),
    )
    return [
        _decision(question, good[index], bad[index]) if index in good else Decision(Outcome.INCONCLUSIVE, None, None)
        for index, question in enumerate(questions)
    ]


def _decision(question: Question, good: float, bad: float) -> Decision:
    if question.keeps(good):
        return Decision(Outcome.PASSED, good, bad)
    return Decision(Outcome.INCONCLUSIVE if question.keeps(bad) else Outcome.FAILED, good, bad)


def _step_down(
    indices: Sequence[int],
    level: float,
    bound: Callable[[int, float], float],
    is_decided: Callable[[int, float], bool],
) -> dict[int, float]:
    """Holm's procedure: each question's bound at the level at which it was decided, or at the last one."""
    bounds: dict[int, float] = {}
    remaining = list(indices)
    while remaining:
        bounds |= {index: bound(index, level / len(remaining)) for index in remaining}
        open_still = [index for index in remaining if not is_decided(index, bounds[index])]
        if len(open_still) == len(remaining):
            break
        remaining = open_still
    return bounds
