"""What was measured of replays, what is to be reached, and the table of both; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

VERDICT_SECONDS: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Everything that one run found; times are seconds, one of each round.

    Attributes:
        machine: what it ran on.
        load: processes that wanted a processor, on average over the minute before the first and the last round.
        requests: of each replay.
        promoted: from the readiness of the candidate's pod to the decision that it takes over.
        rolled_back: the same to the decision that it goes.
    """

    machine: Mapping[str, str]
    load: tuple[float, float]
    requests: int
    promoted: Sequence[float]
    rolled_back: Sequence[float]


def table(figures: Figures) -> str:
    """All figures in Markdown."""
    machine = "; ".join(f"{name} {value}" for name, value in figures.machine.items())
    begin, end = figures.load
    return "\n".join(
        [
            f"Measured on: {machine}. Load {begin:.1f} at the beginning, {end:.1f} at the end.",
            "",
            f"| a verdict by {figures.requests:,} replayed requests, from when the candidate is ready | measured | to reach |",
            "|---|---|---|",
            f"| the same model is promoted | {_span(figures.promoted)} | {VERDICT_SECONDS:g} s |",
            f"| a model that answers otherwise is rolled back | {_span(figures.rolled_back)} | {VERDICT_SECONDS:g} s |",
            "",
        ]
    )


def _span(seconds: Sequence[float]) -> str:
    return f"median {median(seconds):.2f} s, worst {max(seconds):.2f} s"
