"""What was measured of preflights, what is to be reached, and the table of both; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

ACCEPT_SECONDS: Final = 6.0
REVERT_SECONDS: Final = 1.0
REVERT_JOBS: Final = 0
START_RATIO: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Everything that one run found; times are seconds, one of each round.

    Attributes:
        machine: what it ran on.
        load: processes that wanted a processor, on average over the minute before the first and the last round.
        megabytes: of the model's file.
        rows: of the evaluation.
        accepted: from the ModelDeployment to the Deployment of the revision that was accepted.
        processor: what the Jobs of these took of processors, which another load changes less.
        reverted: from the ModelDeployment to the Deployment of a revision that had been accepted before.
        revert_jobs: Jobs that were made for all of these together.
        pinned: from a pod to its readiness, where it is held to what was proved.
        plain: the same where nothing was proved.
        seconds: what the whole run took.
    """

    machine: Mapping[str, str]
    load: tuple[float, float]
    megabytes: float
    rows: int
    accepted: Sequence[float]
    processor: Sequence[float]
    reverted: Sequence[float]
    revert_jobs: int
    pinned: Sequence[float]
    plain: Sequence[float]
    seconds: float

    @property
    def start_ratio(self) -> float:
        """How many times as long a pinned pod takes to start: the median of the rounds, of which each started one of both."""
        return median(ours / other for ours, other in zip(self.pinned, self.plain, strict=True))


def table(figures: Figures) -> str:
    """All figures in Markdown."""
    machine = "; ".join(f"{name} {value}" for name, value in figures.machine.items())
    begin, end = figures.load
    starts = f"{_span(figures.pinned)}; without a preflight {_span(figures.plain)}"
    return "\n".join(
        [
            f"Measured on: {machine}. Load {begin:.1f} at the beginning, {end:.1f} at the end. The whole run took {figures.seconds:.0f} s.",
            "",
            f"| a random forest of {figures.megabytes:.0f} MB, {figures.rows:,} rows of evaluation | measured | to reach |",
            "|---|---|---|",
            f"| accepted after it was applied | {_span(figures.accepted)} | {ACCEPT_SECONDS:g} s |",
            f"| processor time of its Job | {_span(figures.processor)} | |",
            f"| decided after going back to an accepted revision | {_span(figures.reverted)} | {REVERT_SECONDS:g} s |",
            f"| Jobs for {len(figures.reverted)} such ways back | {figures.revert_jobs} | {REVERT_JOBS} |",
            f"| a pod that is held to what was proved is ready | {starts} | |",
            f"| the ratio of the two, median of {len(figures.pinned)} pairs | {figures.start_ratio:.2f} | {START_RATIO:g} |",
            "",
        ]
    )


def _span(seconds: Sequence[float]) -> str:
    return f"median {median(seconds):.2f} s, worst {max(seconds):.2f} s"
