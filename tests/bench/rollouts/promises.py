"""What docs/verdicts.md says of verdicts on rollouts, counted on drawn requests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.stats import binomtest

from bench.rollouts.streams import ALPHA, BETA, Stream
from modelway.rollout.judge import Outcome

MOST: Final = 6000
"""The requests of a rollout whose wrong verdicts are counted."""
LONG: Final = 30_000


@dataclass(frozen=True)
class Speed:
    """Rollouts of one kind, and how many requests their verdict may take.

    Attributes:
        candidate: in words.
        stream: its requests.
        outcome: that is waited for.
        median: that is promised, and `p95`; None where nothing is.
    """

    candidate: str
    stream: Stream
    outcome: Outcome
    median: int | None = None
    p95: int | None = None


@dataclass(frozen=True)
class Error:
    """Rollouts of one kind, and how many of them may get a verdict that is wrong.

    Attributes:
        candidate: in words.
        streams: of its measures; one verdict is enough to be wrong.
        outcome: that is wrong.
        limit: the share of rollouts that is promised; None where nothing is.
    """

    candidate: str
    streams: tuple[Stream, ...]
    outcome: Outcome
    limit: float | None


@dataclass(frozen=True)
class Figure:
    """What was counted.

    Attributes:
        promise: what for.
        median: requests until the verdict, in half of the rollouts, and `p95` in 95 of 100; infinite where there was none by then.
        wrong: the number of rollouts with a wrong verdict.
    """

    promise: Speed | Error
    median: float = 0.0
    p95: float = 0.0
    wrong: int = 0
    rollouts: int = 0


_WORSE, _NOT_WORSE = Outcome.WORSE, Outcome.NOT_WORSE
SPEEDS: Final = (
    Speed("fails every request", Stream("failed", 0.001, 1.0), _WORSE, 3),
    Speed("fails 10 %", Stream("failed", 0.001, 0.1), _WORSE, 30),
    Speed("fails 2 %", Stream("failed", 0.001, 0.02), _WORSE),
    Speed('answers 2 % otherwise, `maxDisagreement: "0.1%"`', Stream("disagreement", 0.001, 0.02), _WORSE, 250, 600),
    Speed('answers 3 % otherwise, `maxDisagreement: "1%"`', Stream("disagreement", 0.01, 0.03), _WORSE, 800, 1650),
    Speed("answers 15 % otherwise", Stream("disagreement", 0.1, 0.15), _WORSE),
    Speed("answers 20 % otherwise", Stream("disagreement", 0.1, 0.2), _WORSE),
    Speed("answers half otherwise", Stream("disagreement", 0.1, 0.5), _WORSE),
    Speed("is slow in 8 % in place of 5 %, weight 5 %", Stream("slow", 0, 0.08, 0.05), _WORSE, 1400),
    Speed("is slow in 8 % in place of 5 %, weight 50 %", Stream("slow", 0, 0.08, 0.05, weight=50), _WORSE),
    Speed("is slow in 15 % in place of 5 %, weight 5 %", Stream("slow", 0, 0.15, 0.05), _WORSE),
    Speed('is bad in 3 % by a metric, `maxBad: "1%"`', Stream("app", 0.01, 0.03, metrics=1), _WORSE),
    Speed("the same, one of 8 metrics", Stream("app", 0.01, 0.03, metrics=8), _WORSE),
    Speed("fails none", Stream("failed", 0.001, 0.0), _NOT_WORSE),
    Speed("fails 0.1 %, as it may", Stream("failed", 0.001, 0.001), _NOT_WORSE),
    Speed("answers 2 % otherwise", Stream("disagreement", 0.1, 0.02), _NOT_WORSE),
    Speed("answers 5 % otherwise", Stream("disagreement", 0.1, 0.05), _NOT_WORSE),
    Speed("answers 8 % otherwise", Stream("disagreement", 0.1, 0.08), _NOT_WORSE),
    Speed("is as fast, weight 5 %", Stream("slow", 0, 0.05, 0.05), _NOT_WORSE),
    Speed("is as fast, weight 25 %", Stream("slow", 0, 0.05, 0.05, weight=25), _NOT_WORSE),
    Speed("is as fast, weight 50 %", Stream("slow", 0, 0.05, 0.05, weight=50), _NOT_WORSE),
)
_SAME: Final = (Stream("failed", 0.001, 0.0), Stream("disagreement", 0.1, 0.0), Stream("slow", 0, 0.05, 0.05))
_AT_BUDGET: Final = (Stream("failed", 0.001, 0.001), Stream("disagreement", 0.1, 0.1), Stream("slow", 0, 0.05, 0.05))
_SHARES: Final = (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.05, 0.1)
_WITH_METRICS: Final = (
    *(replace(stream, metrics=len(_SHARES)) for stream in _AT_BUDGET),
    *(Stream("app", share, share, metrics=len(_SHARES)) for share in _SHARES),
)
ERRORS: Final = (
    Error("the same model", _SAME, _WORSE, ALPHA),
    Error("as bad in all measures as it may be", _AT_BUDGET, _WORSE, ALPHA),
    Error("as bad in all measures and in 8 metrics as it may be", _WITH_METRICS, _WORSE, ALPHA),
    Error("is bad in 3 % by a metric: 1 % and tolerance", (Stream("app", 0.01, 0.03, metrics=1),), _NOT_WORSE, BETA),
    Error("fails 2.1 %: budget and tolerance", (Stream("failed", 0.001, 0.021),), _NOT_WORSE, BETA),
    Error("answers 12 % otherwise: budget and tolerance", (Stream("disagreement", 0.1, 0.12),), _NOT_WORSE, BETA),
    Error("is slow in 7 % in place of 5 %: tolerance", (Stream("slow", 0, 0.07, 0.05),), _NOT_WORSE, BETA),
    Error("fails 0.1 %, in runs of 5", (Stream("failed", 0.001, 0.001, run=5),), _WORSE, None),
    Error("answers 10 % otherwise, in runs of 5", (Stream("disagreement", 0.1, 0.1, run=5),), _WORSE, None),
    Error("answers 5 % otherwise, in runs of 5", (Stream("disagreement", 0.1, 0.05, run=5),), _WORSE, None),
    Error("answers 12 % otherwise, in runs of 5", (Stream("disagreement", 0.1, 0.12, run=5),), _NOT_WORSE, None),
)
TIMES_NEAR_THE_LIMIT: Final = 4
"""So many times more rollouts are drawn where the limit is BETA, which the judge all but spends: the true share is near the limit by design."""


def measure(rollouts: int, say: Callable[[str], None]) -> list[Figure]:
    """Count the verdicts of each kind.

    Args:
        rollouts: to draw for each; `TIMES_NEAR_THE_LIMIT` as many where the true share is near its limit.
        say: tells of the progress.
    """
    figures = []
    for promise in (*SPEEDS, *ERRORS):
        is_near = isinstance(promise, Error) and promise.limit == BETA
        number = rollouts * TIMES_NEAR_THE_LIMIT if is_near else rollouts
        figures.append(_speed(promise, number) if isinstance(promise, Speed) else _error(promise, number))
        say(f"{promise.candidate}: {figures[-1].median:g} {figures[-1].p95:g} {figures[-1].wrong}")
    return figures


def _speed(promise: Speed, rollouts: int) -> Figure:
    firsts = [promise.stream.first(promise.outcome, LONG, seed) for seed in range(rollouts)]
    counts = np.array([np.inf if first is None else first for first in firsts])
    median, p95 = np.percentile(counts, [50, 95], method="closest_observation")
    return Figure(promise, float(median), float(p95), rollouts=rollouts)


def _error(promise: Error, rollouts: int) -> Figure:
    wrong = sum(
        any(stream.first(promise.outcome, MOST, seed) is not None for stream in promise.streams)
        for seed in range(rollouts)
    )
    return Figure(promise, wrong=wrong, rollouts=rollouts)


def tables(figures: Sequence[Figure], rollouts: int) -> str:
    """The figures as tables in Markdown."""
    lines = [
        (
            f"Drawn rollouts of each kind: {rollouts:,}; {rollouts * TIMES_NEAR_THE_LIMIT:,} where at most {BETA:.0%} may be wrong. "
            "They are looked at whenever evidence can have grown. Requests are those that the candidate got, or that were compared."
        ),
        "",
        "| the candidate | verdict | half of the rollouts by | 95 in 100 by | to reach | |",
        "|---|---|---|---|---|---|",
        *(_speed_row(each, each.promise) for each in figures if isinstance(each.promise, Speed)),
        "",
        (
            f"Wrong verdicts, in rollouts of {MOST:,} requests. Whatever the true share is, 95 of 100 such counts give an interval that holds it. Where the interval has the limit inside, "
            "so many rollouts do not tell on which side the share is."
        ),
        "",
        "| the candidate | wrong verdict | rollouts | the share is | to reach | |",
        "|---|---|---|---|---|---|",
        *(_error_row(each, each.promise) for each in figures if isinstance(each.promise, Error)),
    ]
    return "\n".join(lines) + "\n"


def _speed_row(figure: Figure, promise: Speed) -> str:
    pairs = ((promise.median, figure.median), (promise.p95, figure.p95))
    goals = [f"{goal:,}" for goal, _ in pairs if goal is not None]
    reached = all(value <= goal for goal, value in pairs if goal is not None)
    mark = ("reached" if reached else "falls short") if goals else ""
    numbers = " | ".join(f"{value:,.0f}" for value in (figure.median, figure.p95))
    return f"| {promise.candidate} | {_words(promise.outcome)} in `{promise.stream.name}` | {numbers} | {' / '.join(goals)} | {mark} |"


def _error_row(figure: Figure, promise: Error) -> str:
    low, high = interval(figure.wrong, figure.rollouts)
    mark = "" if promise.limit is None else _mark(low, high, promise.limit)
    goal = "" if promise.limit is None else f"at most {promise.limit:.2%}"
    wrong = f"{figure.wrong:,} of {figure.rollouts:,} ({figure.wrong / figure.rollouts:.2%})"
    return f"| {promise.candidate} | {_words(promise.outcome)} | {wrong} | {low:.2%} to {high:.2%} | {goal} | {mark} |"


def interval(wrong: int, rollouts: int) -> tuple[float, float]:
    """The exact interval of a share, as Clopper and Pearson have it, which holds the true one in at least 95 of 100 counts."""
    ends = binomtest(wrong, rollouts).proportion_ci(0.95, method="exact")
    return float(ends.low), float(ends.high)


def _mark(low: float, high: float, limit: float) -> str:
    if low > limit:
        return "falls short"
    return "reached" if high <= limit else "the limit is inside"


def _words(outcome: Outcome) -> str:
    return "worse" if outcome is _WORSE else "not worse"
