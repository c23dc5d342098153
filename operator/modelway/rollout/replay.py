"""A replay as part of a rollout: when known rows are asked, what their counts mean, and which steps they spare. Pure.

The counts are entered once: the state that holds them says in the same write that the replay is done, and whoever counts anew after a crash
begins with that state. Clients' requests are counted apart, and both are added up for the judge.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from modelway.api.replay import LONGEST_MESSAGE, ReplayMeasure, ReplayStatus
from modelway.rollout.judge import DISAGREEMENT, FAILED, REFUSED, Counts
from modelway.rollout.measures import CANDIDATE, NOTHING, Evidence, Series, requests_in
from modelway.wording import counted

PATIENCE = timedelta(minutes=2)
"""How long clients' requests wait for a replay that has not ended; later it goes on beside them."""
MEASURES = (FAILED, REFUSED, DISAGREEMENT)
"""What a replay counts. How slow a candidate is, is not among them: it answers no clients meanwhile, and the stable revision does."""


class ReplayPhase(StrEnum):
    """How far a replay has come."""

    RUNNING = "Running"
    DONE = "Done"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What the Job of a replay says."""

    evidence: Evidence = field(default_factory=dict)
    """What it counted; nothing where it could not."""
    message: str = ""
    """What came of it, or why it could not."""
    is_final: bool = True
    """Whether it has ended; else the message says what hinders it."""


@dataclass(frozen=True, slots=True)
class Replaying:
    """The replay of one rollout, as status has it. `api.replay.ReplayStatus` says what each field means."""

    phase: ReplayPhase
    started: datetime
    ended: datetime | None = None
    message: str = ""
    evidence: Evidence = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        """Whether rows are still to be asked."""
        return self.phase is ReplayPhase.RUNNING

    @property
    def requests(self) -> int:
        """Requests that were counted."""
        return requests_in(self.evidence)

    def take(self, report: ReplayReport | None, now: datetime) -> "Replaying":
        """The replay after a look at its Job."""
        if report is None or not self.is_running:
            return self
        message = report.message[:LONGEST_MESSAGE]
        if not report.is_final:
            return replace(self, message=message)
        phase = ReplayPhase.DONE if requests_in(report.evidence) else ReplayPhase.FAILED
        return replace(self, phase=phase, ended=now, message=message, evidence=report.evidence)

    def to_status(self) -> ReplayStatus:
        """The value of `status.rollout.replay`."""
        return ReplayStatus.model_construct(
            phase=self.phase.value,
            started=_text(self.started),
            ended=_text(self.ended) if self.ended is not None else None,
            message=self.message or None,
            measures=tuple(
                ReplayMeasure.model_construct(name=series.measure, bad=counts.bad, trials=counts.trials)
                for series, counts in self.evidence.items()
            ),
        )

    @classmethod
    def from_status(cls, status: ReplayStatus) -> "Replaying":
        """The replay that status holds.

        Raises:
            ValueError: a time is none.
        """
        return cls(
            ReplayPhase(status.phase),
            datetime.fromisoformat(status.started),
            datetime.fromisoformat(status.ended) if status.ended else None,
            status.message or "",
            {Series(one.name, CANDIDATE): Counts(one.bad, one.trials) for one in status.measures},
        )


def begin_replay(now: datetime) -> Replaying:
    """The replay of a candidate that has just become ready."""
    return Replaying(ReplayPhase.RUNNING, now)


def known_part(document: Any) -> dict[str, Any]:
    """What this release knows of `status.rollout.replay`; later releases may write more."""
    known = {name: value for name, value in dict(document).items() if name in ReplayStatus.model_fields}
    measures = known.get("measures") or ()
    return {**known, "measures": [{name: dict(one)[name] for name in ReplayMeasure.model_fields} for one in measures]}


def evidence_in_report(measures: Any, most: int) -> Evidence:
    """The counts of a report, which a process wrote that nobody trusts to be well formed.

    Args:
        measures: as the report has them.
        most: requests that were to be asked.

    Raises:
        ValueError: they are no counts of a replay.
    """
    if not isinstance(measures, list) or len(measures) > len(MEASURES):
        raise ValueError("measures is no list of counts")
    evidence = {}
    for one in measures:
        if not isinstance(one, Mapping) or one.get("name") not in MEASURES:
            raise ValueError("it counts something else")
        bad, trials = one.get("bad"), one.get("trials")
        if type(bad) is not int or type(trials) is not int or not 0 <= bad <= trials <= most:
            raise ValueError(f"{one.get('name')} has counts that no replay has")
        evidence[Series(str(one["name"]), CANDIDATE)] = Counts(bad, trials)
    return evidence


def sum_of(live: Evidence, replayed: Evidence) -> Evidence:
    """What clients' requests and a replay show together."""
    if not replayed:
        return live
    total = dict(live)
    for series, counts in replayed.items():
        before = total.get(series, NOTHING)
        total[series] = Counts(before.bad + counts.bad, before.trials + counts.trials)
    return total


def without(total: Evidence, replayed: Evidence) -> Evidence:
    """What clients' requests show, where a sum with a replay is known."""
    if not replayed:
        return total
    return {
        series: Counts(
            max(0, counts.bad - replayed.get(series, NOTHING).bad),
            max(0, counts.trials - replayed.get(series, NOTHING).trials),
        )
        for series, counts in total.items()
    }


def describe(replaying: Replaying, *, is_awaited: bool = True) -> str:
    """A replay in words: what it waits for, what it counted, or why it could not.

    Args:
        replaying: the replay.
        is_awaited: whether clients' requests wait for it while it runs.
    """
    match replaying.phase:
        case ReplayPhase.RUNNING:
            text = "known rows are asked of both revisions"
            if replaying.message:
                text = f"known rows cannot be asked yet: {replaying.message.rstrip('.')}"
            if not is_awaited:
                text += "; clients' requests do not wait for it any more"
            return text
        case ReplayPhase.DONE:
            return f"{counted(replaying.requests, 'request')} replayed"
        case ReplayPhase.FAILED:
            return f"no rows were replayed: {replaying.message.rstrip('.') or 'nobody knows why'}"


def counts_of(replaying: Replaying) -> str:
    """What a replay counted: `failed 0 of 1000, disagreement 3 of 1000`."""
    counts = ((series.measure, counts) for series, counts in replaying.evidence.items())
    return ", ".join(f"{name} {one.bad} of {one.trials}" for name, one in counts)


def _text(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")
