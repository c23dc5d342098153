"""The evidence of a rollout over pods that restart, vanish, or do not answer for a while. Pure.

Each stable pod counts from 0 since its server started. What a pod counted is added to `lost` when its counters fall, since then its server
has restarted, and when it is gone. An operator that starts anew knows what status says was counted in all. Of that it takes as lost what the pods
that it finds do not show, so that nothing counts twice.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from modelway.rollout.judge import Counts
from modelway.rollout.measures import NOTHING, Evidence, Series
from modelway.rollout.situation import StablePods
from modelway.rollout.state import RolloutState

NO_EVIDENCE: Evidence = {}


@dataclass(frozen=True, slots=True)
class PodSample:
    """What one stable pod tells of a rollout, as read from its metrics."""

    rollout: str
    """The id of the rollout that it knows of; empty if it knows of none."""
    weight: float = 0.0
    """The share of requests, in percent, that it hands over or copies."""
    is_stopped: bool = False
    evidence: Evidence = field(default_factory=dict)
    """Its counters of that rollout."""
    unreachable: int = 0
    """Requests that it could not bring to the candidate."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is known of the counts of one rollout."""

    rollout: str
    known: Evidence = field(default_factory=dict)
    """What status held of clients' requests when this operator began to count."""
    unread: frozenset[str] = frozenset()
    """Pods of that time which have not answered yet: what they counted is part of `known`."""
    first: Evidence = field(default_factory=dict)
    """What pods of that time showed when they first answered."""
    present: Mapping[str, Evidence] = field(default_factory=dict)
    """What each pod showed last, by its name."""
    lost: Evidence = field(default_factory=dict)
    """What pods counted that are gone, or have restarted."""

    def totals(self) -> Evidence:
        """All that was counted."""
        return _sum(_beyond(self.known, self.first), self.lost, *self.present.values())


def open_ledger(state: RolloutState, pods: Collection[str]) -> Ledger:
    """A ledger for a rollout, from what status holds.

    Args:
        state: what status holds.
        pods: the names of all stable pods at present.
    """
    return Ledger(state.id, known=state.live_evidence, unread=frozenset(pods))


def enter(ledger: Ledger, samples: Mapping[str, PodSample], pods: Collection[str]) -> Ledger:
    """The ledger after a look at the pods.

    Args:
        ledger: before it.
        samples: what those that answered say, by the pod's name. A pod's name is never given twice.
        pods: the names of all stable pods at present, whether they answered or not.
    """
    for pod in sorted(ledger.present.keys() - set(pods)):
        ledger = _forget(ledger, pod)
    ledger = replace(ledger, unread=ledger.unread & set(pods))
    for pod, sample in sorted(samples.items()):
        if sample.rollout == ledger.rollout and pod in pods:
            ledger = _read(ledger, pod, sample.evidence)
    return ledger


def stable_pods(state: RolloutState | None, samples: Mapping[str, PodSample], pods: Collection[str]) -> StablePods:
    """How many stable pods keep to what is asked of them. One that stopped by itself does: it knows, and protects its clients."""
    if state is None:
        return StablePods(total=len(pods))
    share = state.mirror or (state.weight if state.routing is None else 0)
    ours = [one for pod, one in samples.items() if pod in pods and one.rollout == state.id]
    honouring = sum(one.is_stopped or one.weight == share for one in ours)
    stopped = sum(one.is_stopped for one in ours)
    silent = sum(pod not in samples for pod in pods)
    return StablePods(total=len(pods), honouring=honouring, stopped=stopped, silent=silent)


def unreachable_in(state: RolloutState, samples: Mapping[str, PodSample]) -> int:
    """Requests of a rollout that stable pods could not bring to the candidate. They are no evidence, but say what to mend."""
    return sum(one.unreachable for one in samples.values() if one.rollout == state.id)


def _read(ledger: Ledger, pod: str, evidence: Evidence) -> Ledger:
    if pod in ledger.unread:
        ledger = replace(ledger, unread=ledger.unread - {pod}, first=_sum(ledger.first, evidence))
    elif _has_restarted(ledger.present.get(pod, NO_EVIDENCE), evidence):
        ledger = _forget(ledger, pod)
    return replace(ledger, present={**ledger.present, pod: dict(evidence)})


def _forget(ledger: Ledger, pod: str) -> Ledger:
    others = {name: one for name, one in ledger.present.items() if name != pod}
    return replace(ledger, present=others, lost=_sum(ledger.lost, ledger.present.get(pod, NO_EVIDENCE)))


def _has_restarted(before: Evidence, now: Evidence) -> bool:
    return any(
        now.get(series, NOTHING).trials < counts.trials or now.get(series, NOTHING).bad < counts.bad
        for series, counts in before.items()
    )


def _sum(*parts: Evidence) -> dict[Series, Counts]:
    total: dict[Series, Counts] = {}
    for part in parts:
        for series, counts in part.items():
            before = total.get(series, NOTHING)
            total[series] = Counts(before.bad + counts.bad, before.trials + counts.trials)
    return total


def _beyond(known: Evidence, shown: Evidence) -> dict[Series, Counts]:
    """What was known and no pod shows."""
    rest = {}
    for series, counts in known.items():
        seen_now = shown.get(series, NOTHING)
        rest[series] = Counts(max(0, counts.bad - seen_now.bad), max(0, counts.trials - seen_now.trials))
    return rest
