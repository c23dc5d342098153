"""What all that is known says of a candidate: the servers' counts, and the metrics of the spec. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from modelway.api.analysis import AnalysisMetric
from modelway.api.duration import share_of
from modelway.api.status import LARGEST_COUNT, LONGEST_PROBLEM, RolloutMeasure
from modelway.rollout import messages, metric_messages
from modelway.rollout.judge import Finding, Judgement, Measure, Outcome, judge
from modelway.rollout.measures import measures_of
from modelway.rollout.metrics import (
    INCONCLUSIVE,
    Reading,
    Tally,
    is_fresh,
    known_of,
    source_of,
    tally_of,
    trouble_of,
    value_record,
)
from modelway.rollout.situation import Situation
from modelway.rollout.state import RolloutState

_LARGEST = 1e18
"""The largest number in status."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is known of a candidate by now.

    Attributes:
        measures: the questions to the judge.
        judgement: of all counts.
        records: what status is to hold.
        waits: which metrics keep a step from ending, and why, in words.
    """

    measures: tuple[Measure, ...]
    judgement: Judgement
    records: tuple[RolloutMeasure, ...]
    waits: tuple[str, ...]

    @property
    def is_worse(self) -> bool:
        """Whether the candidate is to go."""
        return any(one.outcome == Outcome.WORSE.value for one in self.records)

    @property
    def is_not_worse(self) -> bool:
        """Whether it may take over."""
        return self.judgement.outcome is Outcome.NOT_WORSE and not self.waits

    def verdict(self, state: RolloutState) -> str:
        """Why it goes, in words."""
        if self.judgement.outcome is Outcome.WORSE:
            return messages.worse(self.judgement, self.measures, state)
        beyond = [one for one in self.records if one.outcome == Outcome.WORSE.value]
        return metric_messages.beyond(beyond, state)


def assess(state: RolloutState, situation: Situation, now: datetime) -> Assessment:
    """Judge a candidate by its counts and metrics.

    Args:
        state: what status holds.
        situation: what is so.
        now: the time, with a time zone.
    """
    limits = situation.rollout.limits
    before = {one.name: one for one in state.measures}
    looks = [_Look.at(one, before.get(one.name), situation.readings.get(one.name), now) for one in limits.metrics]
    counting, values = [one for one in looks if one.metric.counts], [one for one in looks if not one.metric.counts]
    own = measures_of(limits, situation.evidence)
    measures = (*own, *(look.measure(share_of(limits.tolerance)) for look in counting))
    judgement = judge(measures)
    findings = {finding.name: finding for finding in judgement.findings}
    records = (
        *(_record(one, findings[one.name]) for one in own),
        *(look.record(findings[look.metric.name]) for look in counting),
        *(value_record(look.metric, look.known, look.reading) for look in values),
    )
    return Assessment(measures, judgement, records, tuple(_waits(looks, records)))


@dataclass(frozen=True, slots=True)
class _Look:
    """One metric at one moment; an answer that is too old is none."""

    metric: AnalysisMetric
    known: RolloutMeasure | None
    reading: Reading | None
    tally: Tally

    @classmethod
    def at(
        cls, metric: AnalysisMetric, before: RolloutMeasure | None, reading: Reading | None, now: datetime
    ) -> "_Look":
        known = known_of(metric, before)
        reading = reading if is_fresh(reading, now) else None
        return cls(metric, known, reading, tally_of(metric, known, reading))

    def measure(self, tolerance: float) -> Measure:
        budget = share_of(self.metric.max_bad or "100%")
        return Measure(self.metric.name, self.tally.candidate, self.tally.stable, budget, tolerance, is_awaited=True)

    def record(self, finding: Finding) -> RolloutMeasure:
        tally = self.tally
        problem, since, lasts = trouble_of(self.known, self.reading)
        words = tally.fall or (self.reading.message if self.reading else self.known.message if self.known else None)
        record = _record(Measure(finding.name, tally.candidate, tally.stable, 0, 0), finding)
        more = {"problem": problem, "time": since, "message": (words or "")[:LONGEST_PROBLEM] or None}
        if lasts and finding.outcome is not Outcome.WORSE:
            more["outcome"] = INCONCLUSIVE
        return record.model_copy(update={**more, "source": source_of(self.metric)})


def _waits(looks: Iterable[_Look], records: Iterable[RolloutMeasure]) -> Iterator[str]:
    named = {one.name: one for one in records}
    for look in looks:
        record = named[look.metric.name]
        if record.problem:
            yield metric_messages.inconclusive(record)
        elif look.reading is None:
            yield metric_messages.unasked(record)
        elif not look.metric.counts and record.bad:
            yield metric_messages.is_beyond(record)


def _record(measure: Measure, finding: Finding) -> RolloutMeasure:
    stable = measure.stable
    return RolloutMeasure.model_construct(
        name=measure.name,
        bad=_count(measure.candidate.bad),
        trials=_count(measure.candidate.trials),
        share=finding.share,
        bound=finding.bound,
        outcome=finding.outcome.value,
        needed=None if finding.needed is None else _count(finding.needed),
        evidence=min(max(finding.evidence, -_LARGEST), _LARGEST),
        stable_bad=None if stable is None else _count(stable.bad),
        stable_trials=None if stable is None else _count(stable.trials),
    )


def _count(number: int) -> int:
    return min(number, LARGEST_COUNT)
