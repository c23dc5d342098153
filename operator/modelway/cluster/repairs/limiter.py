"""Holds back repairs of children that somebody keeps undoing, and says who and what."""

import time
from collections import defaultdict
from collections.abc import Callable

from modelway.api import conditions
from modelway.cluster.client import Client
from modelway.cluster.kinds import KIND_NAMED, Kind
from modelway.cluster.repairs.backoff import RepairBackoff
from modelway.cluster.repairs.field_owners import undoing
from modelway.desired.plan import Plan, Step
from modelway.errors import ChildContested
from modelway.observed import Child, ChildId, Key, Observed
from modelway.status.reasons import Reason


class RepairLimiter:
    """The contests over the children of every ModelDeployment.

    Args:
        client: reads who changed a child.
        clock: seconds, monotonic.
        kind_named: finds a kind by its name.
    """

    def __init__(
        self,
        client: Client,
        clock: Callable[[], float] = time.monotonic,
        kind_named: Callable[[str], Kind] = KIND_NAMED.__getitem__,
    ) -> None:
        self._client = client
        self._clock = clock
        self._kind_named = kind_named
        self._contests: defaultdict[Key, dict[ChildId, RepairBackoff]] = defaultdict(dict)
        self._stories: defaultdict[Key, dict[ChildId, str]] = defaultdict(dict)
        self._due: dict[Key, float] = {}
        self._met: set[Key] = set()

    def recall(self, plan: Plan, observed: Observed) -> None:
        """A pass begins; the first one over a ModelDeployment takes up the contests that an earlier operator reported."""
        key = observed.owner.key
        self._due.pop(key, None)
        if key in self._met:
            return
        self._met.add(key)
        told = conditions.find(observed.owner.status.get("conditions"), "Ready") or {}
        if told.get("reason") == Reason.CHILD_CONTESTED:
            for step in plan.steps:
                self._contests[key][step.id] = RepairBackoff.resumed(self._clock())
                self._stories[key][step.id] = str(told.get("message"))

    def remembers(self, key: Key, child: ChildId) -> bool:
        """Whether there has been a contest over a child."""
        return child in self._contests.get(key, {})

    async def holds(self, key: Key, step: Step, present: Child | None) -> bool:
        """Whether the repair of a child must wait; what keeps happening to it is looked up then.

        Raises:
            ClusterError, RetryLater: the API server does not tell.
        """
        contest = self._contests[key].setdefault(step.id, RepairBackoff())
        was_going_on, wait = contest.going_on, contest.pause(self._clock())
        if wait <= 0:
            return False
        if not was_going_on:
            self._stories[key].pop(step.id, None)
        if step.id not in self._stories[key]:
            self._stories[key][step.id] = await self._story(step, present)
        self._come_back(key, wait)
        return True

    def broken(self, key: Key, child: ChildId) -> None:
        """A child was put right."""
        contest = self._contests[key].setdefault(child, RepairBackoff())
        contest.repaired(self._clock())
        self._come_back(key, contest.peace(self._clock()))

    def changed(self, key: Key, child: ChildId) -> None:
        """A child was made, or brought to what is wanted now."""
        contest = self._contests.get(key, {}).get(child)
        if contest is not None:
            contest.changed(self._clock())
            self._come_back(key, contest.peace(self._clock()))

    def keep(self, key: Key, child: ChildId) -> None:
        """A child is as it should be."""
        contest = self._contests.get(key, {}).get(child)
        if contest is not None:
            self._come_back(key, contest.peace(self._clock()))

    def report(self, key: Key) -> None:
        """A pass is over.

        Raises:
            ChildContested: somebody keeps undoing what is put right.
        """
        contests = self._contests.get(key) or {}
        stories = [self._stories[key][child] for child, one in contests.items() if one.going_on]
        if stories:
            raise ChildContested(stories[0], seconds=max(self._due.get(key, 1.0), 0.1))

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._contests.pop(key, None)
        self._stories.pop(key, None)
        self._due.pop(key, None)
        self._met.discard(key)

    def _come_back(self, key: Key, seconds: float) -> None:
        if seconds > 0:
            self._due[key] = min(seconds, self._due.get(key, seconds))

    async def _story(self, step: Step, present: Child | None) -> str:
        name, namespace = step.id.name, step.body["metadata"]["namespace"]
        found = await self._client.get(self._kind_named(step.id.kind), namespace, name) if present is not None else None
        what = f"its {undoing(step.body, found)}" if found is not None else "it is deleted each time it is made anew"
        return (
            f"{step.id} is contested: {what}, again and again. Modelway puts it right every few minutes only, so as not to "
            "fight. Stop the program that does this, or make the change in the ModelDeployment; if you cannot find it, ask "
            "whoever can read the cluster's audit log."
        )
