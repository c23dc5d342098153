"""What was measured of rollouts' requests, what is to be reached, and the table of both; pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np

BARE, NONE, HANDOVER, MIRROR = "no rollouts at all", "no rollout", "weight 50", "mirror 100"
ARMS: Final = (BARE, NONE, HANDOVER, MIRROR)
"""A server that is never told of rollouts; one that is, without any; with half of the requests handed over; with copies of all."""
MOST_ADDED: Final = 1e-3
MOST_SLOWER: Final = 1.02
DRAWS: Final = 1000
_MILLI: Final = 1e-3

Array = Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One arm in one round.

    Attributes:
        seconds: of each answer.
        foreign: of each answer whether the candidate gave it.
        stable, candidate: CPU seconds of the server that clients ask with the processes beside it, and of the other one.
        judged_share: of the copies that were due; 1 where none were.
    """

    seconds: Array
    foreign: Sequence[bool]
    stable: float
    candidate: float
    judged_share: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Everything that one run found.

    Attributes:
        machine: what it ran on.
        load: processes that wanted a processor, on average over the minute before the first and the last round.
        rate: requests a second.
        span: seconds of a trial.
        rounds: of each the trials, by arm.
        seconds: what the whole run took.
    """

    machine: Mapping[str, str]
    load: tuple[float, float]
    rate: float
    span: float
    rounds: Sequence[Mapping[str, Trial]]
    seconds: float


@dataclass(frozen=True)
class Estimate:
    """A figure of all rounds together.

    Attributes:
        value: of it.
        low, high: 95 of 100 such runs are between, by drawing rounds anew.
    """

    value: float
    low: float
    high: float


Rounds = Sequence[Mapping[str, Trial]]


def estimate(rounds: Rounds, figure: Callable[[Rounds], float]) -> Estimate:
    """A figure, and how much it depends on which rounds there were."""
    random = np.random.default_rng(0)
    values = [figure([rounds[index] for index in random.integers(len(rounds), size=len(rounds))]) for _ in range(DRAWS)]
    low, high = np.quantile(values, [0.025, 0.975])
    return Estimate(figure(rounds), float(low), float(high))


def ratio(arm: str, to: str, share: float) -> Callable[[Rounds], float]:
    """How many times as long answers of one arm take as those of another: a quantile of all answers."""
    return lambda rounds: _quantile(rounds, arm, share) / _quantile(rounds, to, share)


def cpu_ratio(arm: str, to: str) -> Callable[[Rounds], float]:
    """How many times as much of a processor the asked pod takes for a request: the median of the rounds."""
    return lambda rounds: median(_cost(each[arm]) / _cost(each[to]) for each in rounds)


def added(rounds: Rounds) -> float:
    """Seconds by which answers of the candidate take longer than those of a server without a rollout, at the median: that of the rounds."""
    return median(
        float(np.median(np.asarray(each[HANDOVER].seconds)[np.asarray(each[HANDOVER].foreign, dtype=bool)]))
        - float(np.median(each[NONE].seconds))
        for each in rounds
    )


def _quantile(rounds: Rounds, arm: str, share: float) -> float:
    return float(np.quantile(np.concatenate([np.asarray(each[arm].seconds) for each in rounds]), share))


def _cost(trial: Trial) -> float:
    return trial.stable / len(trial.seconds)


def table(figures: Figures) -> str:
    """All figures in Markdown."""
    machine = "; ".join(f"{name} {value}" for name, value in figures.machine.items())
    begin, end = figures.load
    rounds = figures.rounds
    spent = f"{len(rounds)} rounds of {figures.span:g} s an arm, {figures.rate:g} requests a second at drawn moments"
    load = f"Load {begin:.1f} at the beginning, {end:.1f} at the end"
    judged = min(each[MIRROR].judged_share for each in rounds)
    return "\n".join(
        [
            (
                f"Measured on: {machine}. {load}. {spent}. The whole run took {figures.seconds:.0f} s. "
                f"Of the copies of a round at least {judged:.1%} were answered and judged."
            ),
            "",
            "| requests of one row | p50 | p95 | p99 | CPU of the asked pod for each | CPU of the candidate for each |",
            "|---|---|---|---|---|---|",
            *(_line(rounds, arm) for arm in ARMS),
            "",
            "| what | measured (95 of 100 such runs) | to reach | |",
            "|---|---|---|---|",
            _goal("added to an answer by handing it over, at p50", estimate(rounds, added), MOST_ADDED, _in_ms),
            *(
                _goal(name, estimate(rounds, figure), MOST_SLOWER if is_goal else None, _plain)
                for name, figure, is_goal in _RATIOS
            ),
            "",
        ]
    )


_RATIOS: Final[tuple[tuple[str, Callable[[Rounds], float], bool], ...]] = (
    (f"p99 with {MIRROR}, to {NONE}", ratio(MIRROR, NONE, 0.99), True),
    (f"p50 with {MIRROR}, to {NONE}", ratio(MIRROR, NONE, 0.5), False),
    (f"CPU with {MIRROR}, to {NONE}", cpu_ratio(MIRROR, NONE), False),
    (f"CPU with {HANDOVER}, to {NONE}", cpu_ratio(HANDOVER, NONE), False),
    (f"p50 with {NONE}, to {BARE}", ratio(NONE, BARE, 0.5), True),
    (f"p99 with {NONE}, to {BARE}", ratio(NONE, BARE, 0.99), False),
    (f"CPU with {NONE}, to {BARE}", cpu_ratio(NONE, BARE), True),
)


def _line(rounds: Rounds, arm: str) -> str:
    times = (_in_ms(_quantile(rounds, arm, share)) for share in (0.5, 0.95, 0.99))
    costs = (
        _in_ms(median(_cost(each[arm]) for each in rounds)),
        _in_ms(median(each[arm].candidate / len(each[arm].seconds) for each in rounds)),
    )
    return f"| {' | '.join((arm, *times, *costs))} |"


def _goal(name: str, figure: Estimate, limit: float | None, write: Callable[[float], str]) -> str:
    value = f"{write(figure.value)} ({write(figure.low)} to {write(figure.high)})"
    if limit is None:
        return f"| {name} | {value} | | |"
    return f"| {name} | {value} | at most {write(limit)} | {'reached' if figure.value <= limit else 'falls short'} |"


def _in_ms(seconds: float) -> str:
    return f"{seconds / _MILLI:.3f} ms"


def _plain(value: float) -> str:
    return f"{value:.3f}"
