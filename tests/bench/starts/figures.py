"""What starts of a model's pod took, and the table of it; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

COLD, WARM = "cold", "warm"
WAYS: Final = (COLD, WARM)


@dataclass(frozen=True)
class Start:
    """One start.

    Attributes:
        seconds: from the request for the pod until kubectl saw it Ready.
        processor: seconds of a processor that its containers and the node took meanwhile.
    """

    seconds: float
    processor: float


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Everything that one run found.

    Attributes:
        machine: what it ran on.
        load: of the machine, at the beginning and at the end: programs that run or wait for a processor.
        starts: by how containers begin.
    """

    machine: Mapping[str, str]
    load: tuple[float, float]
    starts: Mapping[str, Sequence[Start]]


def table(figures: Figures) -> str:
    """All figures in Markdown."""
    machine = "; ".join(f"{name} {value}" for name, value in figures.machine.items())
    begin, end = figures.load
    rounds = min(map(len, figures.starts.values()))
    cold, warm = [_medians(figures.starts[way]) for way in WAYS]
    shares = [after / before for before, after in zip(cold, warm, strict=True)]
    return "\n".join(
        [
            f"Measured on: {machine}. Load {begin:.1f} at the beginning, {end:.1f} at the end. Medians of {rounds} starts of each, by turns.",
            "",
            "| containers of a model's pod begin | until it is Ready | time of a processor |",
            "|---|---|---|",
            f"| as new programs | {cold[0]:.2f} s | {cold[1]:.2f} s |",
            f"| as forks (`--warm`) | {warm[0]:.2f} s | {warm[1]:.2f} s |",
            f"| as forks, to new programs | {shares[0]:.0%} | {shares[1]:.0%} |",
            "",
        ]
    )


def _medians(starts: Sequence[Start]) -> tuple[float, float]:
    return median(one.seconds for one in starts), median(one.processor for one in starts)
