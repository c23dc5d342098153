"""What docs/evaluation.md promises of the gate, counted on drawn datasets."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from modelway_server.evaluation.report import Outcome
from support.evaluation.pairs import EQUAL, TWO_POINTS_WORSE, Pair

ROWS: Final = 2000


@dataclass(frozen=True)
class Promise:
    """Datasets of one kind, and the share of an outcome that is promised for them.

    Attributes:
        candidate: in words.
        pair: the two models.
        tolerance: of notWorseThanStableBy.
        advised: whether each dataset has the rows that an inconclusive report on 2,000 rows asked for.
        outcome: that is counted.
        limit: of its share.
        is_floor: whether the share is at least the limit.
    """

    candidate: str
    pair: Pair
    tolerance: float
    advised: bool
    outcome: Outcome
    limit: float
    is_floor: bool = False


@dataclass(frozen=True)
class Figure:
    """What was counted.

    Attributes:
        promise: what for.
        rows: of a dataset; the median where they differ.
        shares: of each outcome.
    """

    promise: Promise
    rows: int
    shares: dict[str, float]


_EQUAL, _WORSE = "equally good, 4 % of answers differ", "2 points worse, 4 % of answers differ"
PROMISES: Final = (
    Promise(_EQUAL, EQUAL, 0.01, advised=False, outcome=Outcome.FAILED, limit=0.001),
    Promise(_EQUAL, EQUAL, 0.0, advised=False, outcome=Outcome.FAILED, limit=0.001),
    Promise(_WORSE, TWO_POINTS_WORSE, 0.01, advised=False, outcome=Outcome.PASSED, limit=0.001),
    Promise(_WORSE, TWO_POINTS_WORSE, 0.0, advised=False, outcome=Outcome.FAILED, limit=0.9, is_floor=True),
    Promise(_EQUAL, EQUAL, 0.01, advised=True, outcome=Outcome.PASSED, limit=0.9, is_floor=True),
    Promise(_WORSE, TWO_POINTS_WORSE, 0.01, advised=True, outcome=Outcome.FAILED, limit=0.9, is_floor=True),
)


def measure(datasets: int, say: Callable[[str], None]) -> list[Figure]:
    """Count the outcomes of each promise.

    Args:
        datasets: to draw for each.
        say: tells of the progress.
    """
    figures = []
    for promise in PROMISES:
        figures.append(_figure(promise, datasets))
        say(f"{promise.candidate}, tolerance {promise.tolerance:g}: {figures[-1].rows} rows, {figures[-1].shares}")
    return figures


def _figure(promise: Promise, datasets: int) -> Figure:
    sizes = (_advised(promise, datasets) if promise.advised else []) or [ROWS] * datasets
    outcomes = Counter(
        str(promise.pair.judge(rows, promise.tolerance, seed).outcome) for seed, rows in enumerate(sizes)
    )
    return Figure(promise, round(median(sizes)), {end: outcomes[end] / len(sizes) for end in map(str, Outcome)})


def _advised(promise: Promise, datasets: int) -> list[int]:
    """The rows that reports on 2,000 other rows ask for, where these did not tell."""
    reports = (promise.pair.judge(ROWS, promise.tolerance, datasets + seed) for seed in range(datasets))
    return [each.rows_needed for report in reports for each in report.criteria if each.rows_needed]


def tables(figures: Sequence[Figure], datasets: int) -> str:
    """The figures as a table in Markdown."""
    head = [
        f"Drawn datasets of each kind: {datasets:,}; of the last two those that 2,000 rows did not decide. Metric accuracy, confidence 0.999.",
        "",
        "| candidate | notWorseThanStableBy | rows | passed | failed | inconclusive | to reach | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *map(_row, figures)]) + "\n"


def _row(figure: Figure) -> str:
    promise = figure.promise
    share = figure.shares[promise.outcome]
    is_reached = share >= promise.limit if promise.is_floor else share <= promise.limit
    ends = " | ".join(f"{figure.shares[end]:.2%}" for end in map(str, Outcome))
    rows = (
        f"as an inconclusive report on {ROWS:,} rows asks: {figure.rows:,}" if promise.advised else f"{figure.rows:,}"
    )
    goal = f"{promise.outcome} {'at least' if promise.is_floor else 'at most'} {promise.limit:.1%}"
    return f"| {promise.candidate} | {promise.tolerance:g} | {rows} | {ends} | {goal} | {'reached' if is_reached else 'falls short'} |"
