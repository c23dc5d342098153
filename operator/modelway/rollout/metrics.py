"""What the sources of a spec's metrics say, and what status then holds of each. Pure.

Status holds all that the next look needs, so a look is a function of it and of what was said since: a killed operator goes on with the same
evidence, and the same answer never counts twice.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from modelway.api.analysis import AnalysisMetric
from modelway.api.status import MeasureOutcome, RolloutMeasure
from modelway.rollout.judge import Counts
from modelway.rollout.measures import NOTHING

LOOKS = 5
"""A value that is beyond its limit at so many looks in a row rolls back. Looks that tell nothing are passed over."""
FRESH = timedelta(seconds=60)
"""For how long an answer tells of the present."""
PATIENCE = timedelta(seconds=30)
"""For how long a metric may tell nothing before it counts as inconclusive: a look that fails is no news."""
INCONCLUSIVE: Final = "Inconclusive"
_WOBBLE = 0.1
"""By what part a count may be less than before without being said: `increase()` estimates."""
_WOBBLES = 2


@dataclass(frozen=True, slots=True)
class Reading:
    """What the source of a metric said."""

    at: datetime
    """When it was asked, with a time zone."""
    candidate: Counts | None = None
    """Of a metric that counts."""
    stable: Counts | None = None
    """The same of the stable revision, where the metric compares both."""
    value: float | None = None
    """Of a metric that is a value."""
    problem: str = ""
    """Why it said nothing that can be used."""
    message: str = ""
    """What it says beside the numbers."""


def source_of(metric: AnalysisMetric) -> str:
    """Tells what is asked from other questions; limits may change without a new beginning."""
    question = metric.model_dump_json(include={"prometheus", "webhook", "beside_stable"}, exclude_none=True)
    kind = "counts" if metric.counts else "value"
    return hashlib.sha256(f"{kind} {question}".encode()).hexdigest()[:12]


def known_of(metric: AnalysisMetric, before: RolloutMeasure | None) -> RolloutMeasure | None:
    """What status holds of a metric; nothing if that was asked in another way."""
    return before if before is not None and before.source == source_of(metric) else None


def is_fresh(reading: Reading | None, now: datetime) -> bool:
    """Whether an answer tells of the present."""
    return reading is not None and now - reading.at <= FRESH


@dataclass(frozen=True, slots=True)
class Tally:
    """What a metric has counted since the rollout began.

    A counter that falls has been reset, or part of it cannot be seen for a while. Both look alike, so the larger count stands until it is
    passed: nothing counts twice.
    """

    candidate: Counts
    stable: Counts | None
    fall: str = ""
    """Which counter is far below what it was, in words."""


def tally_of(metric: AnalysisMetric, known: RolloutMeasure | None, reading: Reading | None) -> Tally:
    """The counts of a metric after an answer, or without one."""
    candidate = Counts(known.bad, known.trials) if known is not None else NOTHING
    stable = Counts(known.stable_bad or 0, known.stable_trials or 0) if known is not None else NOTHING
    if reading is None or reading.candidate is None:
        return Tally(candidate, stable if metric.beside_stable else None)
    falls = _falls(candidate, reading.candidate)
    candidate = _larger(candidate, reading.candidate)
    if metric.beside_stable and reading.stable is not None:
        falls += [f"the stable revision's {fall}" for fall in _falls(stable, reading.stable)]
        stable = _larger(stable, reading.stable)
    return Tally(candidate, stable if metric.beside_stable else None, "; ".join(falls))


def _larger(before: Counts, now: Counts) -> Counts:
    return Counts(max(before.bad, now.bad), max(before.trials, now.trials))


def _falls(before: Counts, now: Counts) -> list[str]:
    pairs = (("bad", before.bad, now.bad), ("trials", before.trials, now.trials))
    return [
        f"{name} fell from {old} to {new}, as after a restart: {old} stands until it counts more"
        for name, old, new in pairs
        if old - new > max(_WOBBLES, _WOBBLE * old)
    ]


def trouble_of(known: RolloutMeasure | None, reading: Reading | None) -> tuple[str | None, str | None, bool]:
    """Why a metric tells nothing, since when, and whether that has lasted; None where it tells something."""
    if reading is None:
        return (
            (known.problem, known.time, known.outcome == INCONCLUSIVE)
            if known and known.problem
            else (None, None, False)
        )
    if not reading.problem:
        return None, None, False
    since = known.time if known is not None and known.problem and known.time else written(reading.at)
    return reading.problem, since, reading.at - datetime.fromisoformat(since) >= PATIENCE


def value_record(metric: AnalysisMetric, known: RolloutMeasure | None, reading: Reading | None) -> RolloutMeasure:
    """What status is to hold of a metric that is a value."""
    problem, since, lasts = trouble_of(known, reading)
    run = known.bad if known is not None and known.bound in (metric.min, metric.max) else 0
    time = known.time if known is not None and known.bad else None
    value = known.value if known is not None and reading is None else None
    if reading is not None and reading.value is not None:
        value = reading.value
        if not is_beyond(metric, value):
            run, time = 0, None
        elif run == 0 or time is None or reading.at > datetime.fromisoformat(time):
            run, time = run + 1, written(reading.at)
    return RolloutMeasure.model_construct(
        name=metric.name,
        bad=min(run, LOOKS),
        trials=LOOKS,
        bound=_nearest(metric, value),
        outcome=_outcome(run, value, lasts=lasts),
        evidence=0.0,
        value=None if value is None else _short(value),
        problem=problem,
        time=since or time,
        message=reading.message or None if reading is not None else known.message if known else None,
        source=source_of(metric),
    )


def is_beyond(metric: AnalysisMetric, value: float) -> bool:
    """Whether a value is beyond a limit."""
    return (metric.min is not None and value < metric.min) or (metric.max is not None and value > metric.max)


def written(time: datetime) -> str:
    """A time as status holds it, to the microsecond: looks are told apart by it."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _outcome(run: int, value: float | None, *, lasts: bool) -> MeasureOutcome:
    if run >= LOOKS:
        return "Worse"
    if lasts:
        return INCONCLUSIVE
    return "Undecided" if run or value is None else "NotWorse"


def _nearest(metric: AnalysisMetric, value: float | None) -> float:
    limits = [limit for limit in (metric.min, metric.max) if limit is not None]
    return min(limits, key=lambda limit: abs(limit - value)) if value is not None else limits[-1]


def _short(value: float) -> float:
    return min(max(float(f"{value:.6g}"), -1e18), 1e18)
