"""Hold back repairs of children that somebody keeps undoing, and say who undoes what."""

import time
from collections import defaultdict
from collections.abc import Callable

from modelway.api import conditions
from modelway.cluster.client import Client
from modelway.cluster.kinds import KIND_NAMED, Kind
from modelway.cluster.repairs.backoff import RepairBackoff
from modelway.cluster.repairs.field_owners import describe_changes
from modelway.desired.plan import Plan, Step
from modelway.errors import ChildContested
from modelway.observed import Child, ChildId, Key, Observed
from modelway.status.reasons import Reason


class RepairLimiter:
    """The backoff of each child of every ModelDeployment.

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
        self._backoffs: defaultdict[Key, dict[ChildId, RepairBackoff]] = defaultdict(dict)
        self._messages: defaultdict[Key, dict[ChildId, str]] = defaultdict(dict)
        self._due: dict[Key, float] = {}
        self._keys: set[Key] = set()

    def begin_pass(self, plan: Plan, observed: Observed) -> None:
        """Begin a pass. The first one over a ModelDeployment resumes what an earlier operator reported in status."""
        key = observed.owner.key
        self._due.pop(key, None)
        if key in self._keys:
            return
        self._keys.add(key)
        ready = conditions.find(observed.owner.status.get("conditions"), "Ready") or {}
        if ready.get("reason") == Reason.CHILD_CONTESTED:
            for step in plan.steps:
                self._backoffs[key][step.id] = RepairBackoff.resume(self._clock())
                self._messages[key][step.id] = str(ready.get("message"))

    def knows(self, key: Key, child: ChildId) -> bool:
        """Whether a child was ever repaired or had to be."""
        return child in self._backoffs.get(key, {})

    async def must_wait(self, key: Key, step: Step, present: Child | None) -> bool:
        """Whether the repair of a child must wait. Where it begins to, what happens to the child is looked up.

        Raises:
            ClusterError, RetryLater: the API server does not tell.
        """
        backoff = self._backoffs[key].setdefault(step.id, RepairBackoff())
        was_active, wait = backoff.active, backoff.pause(self._clock())
        if wait <= 0:
            return False
        if not was_active:
            self._messages[key].pop(step.id, None)
        if step.id not in self._messages[key]:
            self._messages[key][step.id] = await self._describe(step, present)
        self._look_again_in(key, wait)
        return True

    def note_repair(self, key: Key, child: ChildId) -> None:
        """A child was repaired."""
        backoff = self._backoffs[key].setdefault(child, RepairBackoff())
        backoff.note_repair(self._clock())
        self._look_again_in(key, backoff.seconds_to_end(self._clock()))

    def note_change(self, key: Key, child: ChildId) -> None:
        """A child was made, or changed to what is wanted now."""
        backoff = self._backoffs.get(key, {}).get(child)
        if backoff is not None:
            backoff.note_change(self._clock())
            self._look_again_in(key, backoff.seconds_to_end(self._clock()))

    def note_intact(self, key: Key, child: ChildId) -> None:
        """A child is as it should be."""
        backoff = self._backoffs.get(key, {}).get(child)
        if backoff is not None:
            self._look_again_in(key, backoff.seconds_to_end(self._clock()))

    def end_pass(self, plan: Plan, key: Key) -> None:
        """End a pass.

        Raises:
            ChildContested: somebody keeps undoing the repairs of a child that is wanted.
        """
        backoffs, wanted = self._backoffs.get(key) or {}, {step.id for step in plan.steps}
        messages = [self._messages[key][child] for child, one in backoffs.items() if one.active and child in wanted]
        if messages:
            raise ChildContested(messages[0], seconds=max(self._due.get(key, 1.0), 0.1))

    def forget_child(self, key: Key, child: ChildId) -> None:
        """A child is not wanted, or its kind is not served."""
        self._backoffs[key].pop(child, None)
        self._messages[key].pop(child, None)

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._backoffs.pop(key, None)
        self._messages.pop(key, None)
        self._due.pop(key, None)
        self._keys.discard(key)

    def _look_again_in(self, key: Key, seconds: float) -> None:
        if seconds > 0:
            self._due[key] = min(seconds, self._due.get(key, seconds))

    async def _describe(self, step: Step, present: Child | None) -> str:
        name, namespace = step.id.name, step.body["metadata"]["namespace"]
        answer = (
            await self._client.get(self._kind_named(step.id.kind), namespace, name) if present is not None else None
        )
        what = (
            f"its {describe_changes(step.body, answer)}"
            if answer is not None
            else "it is deleted each time it is made anew"
        )
        return (
            f"{step.id} is contested: {what}, again and again. Modelway puts it right every few minutes only, so as not to "
            "fight. Stop the program that does this, or make the change in the ModelDeployment; if you cannot find it, ask "
            "whoever can read the cluster's audit log."
        )
