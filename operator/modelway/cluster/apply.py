"""Apply a plan. A child that is as it should be is not written, and an object of another owner is not touched."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from modelway.api.labels import SERVED_ANNOTATION
from modelway.cluster.adoption import Adoption
from modelway.cluster.cache import Cache, ObjectId
from modelway.cluster.child_writes import ChildWriter
from modelway.cluster.client import FIELD_MANAGER, Client
from modelway.cluster.discovery import find_out
from modelway.cluster.kinds import REVISION, SERVICE, Kind
from modelway.cluster.managed_fields import owned_hash, wanted_hash
from modelway.cluster.repairs.limiter import RepairLimiter
from modelway.cluster.repairs.refusals import RefusalBackoff
from modelway.cluster.served_kinds import NOT_FOUND, ServedKinds, not_served
from modelway.desired.plan import Plan, Step
from modelway.errors import ClusterError, RetryLater
from modelway.metrics import Metrics
from modelway.observed import Child, ChildId, Key, Observed

LONGEST_SECONDS = 45.0
"""The longest that one plan may take. A webhook that hangs on each child must leave time to say so in status."""

SLOW_SECONDS = 5.0
"""When to go on with a plan that took longer."""

logger = logging.getLogger(__name__)


class _Applied(NamedTuple):
    """What was applied last, and what the server made of it."""

    wanted: str
    uid: str
    owned: str


_GONE = ""
"""What is wanted of a child that is pruned."""

Refusals = dict[ChildId, ClusterError]
"""The children that were refused, and why."""


class Applier:
    """Applies plans.

    Args:
        client: talks to the API server.
        cache: stores the answers at once, so that the next pass need not wait for the watch.
        metrics: counts repairs.
        clock: seconds, monotonic.
        served: which kinds the cluster serves; it learns of those that have gone.
    """

    def __init__(
        self,
        client: Client,
        cache: Cache,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        *,
        served: ServedKinds | None = None,
    ) -> None:
        self._client = client
        self._cache = cache
        self._metrics = metrics
        self._served = served or ServedKinds()
        self._limiter = RepairLimiter(client, clock, self._served.named)
        self._adoption = Adoption(client, cache, clock, self._served.named)
        self._writer = ChildWriter(client, cache, self._adoption, self._served.named)
        self._applied: defaultdict[Key, dict[ChildId, _Applied]] = defaultdict(dict)
        self._clock = clock
        self._spared: dict[Key, RefusalBackoff] = {}

    async def carry_out(self, plan: Plan, observed: Observed, *, spares_refused: bool = False) -> None:
        """Prune and apply, in the order of the plan. The Service is applied beside the others, since it is slow to create.

        A child that is refused, or that somebody keeps changing, does not hold up the others.

        Args:
            plan: what is to be done.
            observed: what exists.
            spares_refused: whether a refused child is tried less and less often, since the next pass comes soon whatever becomes of it.

        Raises:
            NameConflict: an object of a child's name is not ours; that one and the children after it were not written.
            RetryLater: something of that name is still on its way out or was taken over, or the API server is busy.
            ClusterError: a write was refused.
            ChildContested: somebody keeps undoing what is put right.
            KindNotServed: all else is done, but the spec asks for a kind that the cluster does not serve.
            Vanished: the namespace is going.
        """
        self._limiter.begin_pass(plan, observed)
        if spares_refused:
            self._spared.setdefault(observed.owner.key, RefusalBackoff())
        else:
            self._spared.pop(observed.owner.key, None)
        refusals: Refusals = {}
        in_time = True
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                await self._adoption.take_over(observed)
                await self._mark_served(plan, observed.owner.key)
                await self._prune(plan.prune, observed.owner.key, refusals)
                await self._apply_all(plan, observed, refusals)
        except TimeoutError:
            in_time = False
        if refusals:
            raise next(iter(refusals.values()))
        if not in_time:
            raise RetryLater(
                f"the API server took longer than {LONGEST_SECONDS:.0f} s over the children", seconds=SLOW_SECONDS
            )
        self._limiter.end_pass(plan, observed.owner.key)
        self._require_served(plan)

    def _require_served(self, plan: Plan) -> None:
        """Check that the kinds which the spec asks for are served. That is the last check: no retry of ours would help."""
        for step in plan.steps:
            kind = self._served.named(step.id.kind)
            if kind.field and not self._served.serves(kind):
                raise not_served(kind)

    async def _mark_served(self, plan: Plan, key: Key) -> None:
        record = plan.record_to_mark
        if record is None:
            return
        change = {"uid": record.uid, "annotations": {SERVED_ANNOTATION: "true"}}
        try:
            answer = await self._client.patch_metadata(REVISION, key.namespace, record.id.name, change)
        except ClusterError as error:
            if error.status < 400:
                raise
            logger.warning("The revision was not marked as having served: %s", error, extra={"resource": key})
        else:
            self._cache.store(REVISION, answer)

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._applied.pop(key, None)
        self._spared.pop(key, None)
        self._adoption.forget(key)
        self._limiter.forget(key)

    def _forget_child(self, key: Key, child: ChildId) -> None:
        """A child is not wanted, or cannot be had. To make it anew one day is no repair, and nobody contests it until then."""
        self._applied[key].pop(child, None)
        self._limiter.forget_child(key, child)

    async def _prune(self, children: Iterable[Child], key: Key, refusals: Refusals) -> None:
        for child in children:
            if self._is_spared(key, child.id, _GONE, refusals):
                continue
            kind = self._served.named(child.id.kind)
            try:
                await self._client.delete(kind, key.namespace, child.id.name, uid=child.uid)
            except ClusterError as error:
                self._note_refusal(key, child.id, _GONE, error, refusals)
            else:
                self._cache.drop(ObjectId(kind.name, key.namespace, child.id.name), int(child.resource_version))
                self._forget_child(key, child.id)

    async def _apply_all(self, plan: Plan, observed: Observed, refusals: Refusals) -> None:
        """Kubernetes 1.34 makes about ten Services a second in the whole cluster: nothing else waits for one."""
        records, services = ([one for one in plan.steps if one.id.kind == kind.name] for kind in (REVISION, SERVICE))
        others = [one for one in plan.steps if one.id.kind not in {REVISION.name, SERVICE.name}]
        await _run_both(self._apply_in_turn(records, observed, refusals), self._check_address(services, observed))
        if plan.evidence is not None and plan.evidence.accepted and any(one.id in refusals for one in records):
            others = []  # pods of a revision run only once it is recorded which bytes were proved
        await _run_both(
            self._apply_in_turn(services, observed, refusals), self._apply_in_turn(others, observed, refusals)
        )

    async def _check_address(self, services: Iterable[Step], observed: Observed) -> None:
        """Check before the first Deployment whether another owner has the Service: without one, pods serve nobody.

        Raises:
            NameConflict: another owner has it.
        """
        for step in services:
            if observed.owned(step.id) is None and step.id not in self._applied[observed.owner.key]:
                try:
                    await self._adoption.find_uid(step.id, observed)
                except ClusterError as error:
                    raise _name_child(error, step.id) from error

    async def _apply_in_turn(self, steps: Iterable[Step], observed: Observed, refusals: Refusals) -> None:
        withheld: set[ChildId] = set()
        for step in steps:
            if step.id in withheld or step.id in refusals:
                continue
            kind, key = self._served.named(step.id.kind), observed.owner.key
            if self._is_spared(key, step.id, wanted_hash(step.body), refusals):
                continue
            try:
                if self._served.serves(kind) and not await self._apply_step(step, observed):
                    withheld.add(step.id)
            except ClusterError as error:
                if not await self._has_gone(kind, key.namespace, error):
                    self._note_refusal(key, step.id, wanted_hash(step.body), error, refusals)
            else:
                self._note_taken(key, step.id)
            if not self._served.serves(kind):
                self._forget_child(key, step.id)

    def _is_spared(self, key: Key, child: ChildId, wanted: str, refusals: Refusals) -> bool:
        """Whether a child was refused a moment ago, and is left alone."""
        backoff = self._spared.get(key)
        error = backoff.standing(child, wanted, self._clock()) if backoff is not None else None
        if error is not None:
            refusals[child] = error
        return error is not None

    def _note_refusal(self, key: Key, child: ChildId, wanted: str, error: ClusterError, refusals: Refusals) -> None:
        refusals[child] = _name_child(error, child)
        if (backoff := self._spared.get(key)) is not None:
            pause = backoff.note(child, wanted, error, self._clock())
            logger.warning("%s is refused, next try in %.0f s: %s", child, pause, error, extra={"resource": key})

    def _note_taken(self, key: Key, child: ChildId) -> None:
        if (backoff := self._spared.get(key)) is not None:
            backoff.forget(child)

    async def _has_gone(self, kind: Kind, namespace: str, error: ClusterError) -> bool:
        """Whether a write was refused because the cluster no longer serves an optional kind."""
        if error.status != NOT_FOUND or not kind.optional:
            return False
        return not await find_out(self._client, self._served, kind, (namespace,))

    async def _apply_step(self, step: Step, observed: Observed) -> bool:
        """Apply one step. The answer: whether the next step of the same child may follow."""
        key = observed.owner.key
        now = self._cache.observe(key)
        present = now.owned(step.id) if now else None
        if present is not None and present.deleting:
            return True
        if present is not None and not step.handover and self._is_as_wanted(key, step, present):
            self._limiter.note_intact(key, step.id)
            return True
        repair = self._is_repair(key, step, present)
        if repair and await self._limiter.must_wait(key, step, present):
            return False
        answer = await (self._writer.update(step, present.uid) if present else self._writer.create(step, observed))
        self._cache.store(self._served.named(step.id.kind), answer)
        if repair:
            self._limiter.note_repair(key, step.id)
            self._metrics.repairs.labels(kind=step.id.kind).inc()
            logger.info("Repaired %s", step.id, extra={"resource": key})
        else:
            self._limiter.note_change(key, step.id)
        if not step.handover:
            owned = owned_hash(answer, FIELD_MANAGER)
            self._applied[key][step.id] = _Applied(wanted_hash(step.body), answer["metadata"]["uid"], owned)
        return True

    def _is_as_wanted(self, key: Key, step: Step, present: Child) -> bool:
        wanted = wanted_hash(step.body)
        # The server may store a value in another form than the one sent. Sending it again would change nothing.
        return wanted == present.owned_hash or self._applied[key].get(step.id) == (
            wanted,
            present.uid,
            present.owned_hash,
        )

    def _is_repair(self, key: Key, step: Step, present: Child | None) -> bool:
        """Whether the child was as it should be once, and somebody changed or deleted it."""
        before = self._applied[key].get(step.id)
        if before is None:
            return not step.handover and self._limiter.knows(key, step.id)
        if present is None or present.uid != before.uid:
            return True
        return not step.handover and before.wanted == wanted_hash(step.body)


async def _run_both(*tracks: Awaitable[None]) -> None:
    """Run two tracks at once, to the end of both. Then raise the first error."""
    for end in await asyncio.gather(*tracks, return_exceptions=True):
        if end is not None:
            raise end


def _name_child(error: ClusterError, child: ChildId) -> ClusterError:
    """Name the child in an error.

    Raises:
        ClusterError: the API server is out of reach, so the other children need not be tried.
    """
    error.child = str(child)
    if error.status < 400:
        raise error
    return error
