"""Bring about what a plan asks for, and nothing else: what is as it should be is not written, what is not ours is not touched."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from modelway.cluster.cache import Cache, ObjectId
from modelway.cluster.client import FIELD_MANAGER, HANDOVER_MANAGER, Client
from modelway.cluster.kinds import KIND_NAMED, OWNER_KIND
from modelway.cluster.ownership import owned_hash, wanted_hash
from modelway.cluster.truce import Truce
from modelway.errors import ClusterError, Leftover, NameConflict, RetryLater
from modelway.metrics import Metrics
from modelway.plan import Plan, Step
from modelway.state import Child, ChildId, Key, Observed

LEFTOVER_SECONDS = 1.0
"""When to look again for children that are being collected with an earlier ModelDeployment of the same name."""

logger = logging.getLogger(__name__)


class _Applied(NamedTuple):
    """What was applied last, and what the server made of it."""

    wanted: str
    uid: str
    owned: str


Refusals = dict[ChildId, ClusterError]
"""The children that were refused, and why."""


class Applier:
    """Carries plans out.

    Args:
        client: talks to the API server.
        cache: learns the answers at once, so that the next pass does not have to wait for the watch.
        metrics: counts repairs.
        clock: seconds, monotonic.
    """

    def __init__(
        self, client: Client, cache: Cache, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._cache = cache
        self._metrics = metrics
        self._truce = Truce(client, clock)
        self._applied: defaultdict[Key, dict[ChildId, _Applied]] = defaultdict(dict)

    async def carry_out(self, plan: Plan, observed: Observed) -> None:
        """Prune and apply, in the order of the plan.

        A child that is refused, or that somebody keeps changing, does not hold up the others.

        Raises:
            NameConflict: an object of a child's name is not ours; nothing was written.
            RetryLater: something of that name is still on its way out, or the API server is busy.
            ClusterError: a write was refused.
            ChildContested: somebody keeps undoing what is put right.
            Vanished: the namespace is going.
        """
        self._truce.recall(plan, observed)
        uids = await self._claimed(plan, observed)
        refusals = await self._prune(plan.prune, observed.owner.key.namespace)
        refusals |= await self._take_all(plan.steps, observed.owner.key, uids)
        if refusals:
            raise next(iter(refusals.values()))
        self._truce.report(observed.owner.key)

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._applied.pop(key, None)
        self._truce.forget(key)

    async def _prune(self, children: Iterable[Child], namespace: str) -> Refusals:
        refusals: Refusals = {}
        for child in children:
            kind = KIND_NAMED[child.id.kind]
            try:
                await self._client.delete(kind, namespace, child.id.name, uid=child.uid)
            except ClusterError as error:
                refusals[child.id] = _of_child(error, child.id)
            else:
                self._cache.drop(ObjectId(kind.name, namespace, child.id.name), int(child.resource_version))
        return refusals

    async def _take_all(self, steps: Iterable[Step], key: Key, uids: Mapping[ChildId, str | None]) -> Refusals:
        refusals: Refusals = {}
        withheld: set[ChildId] = set()
        for step in steps:
            if step.id in withheld or step.id in refusals:
                continue
            try:
                if not await self._take(step, key, uids):
                    withheld.add(step.id)
            except ClusterError as error:
                refusals[step.id] = _of_child(error, step.id)
        return refusals

    async def _take(self, step: Step, key: Key, uids: Mapping[ChildId, str | None]) -> bool:
        """Bring one step about; whether the next step of the same child may follow."""
        now = self._cache.observe(key)
        present = now.owned(step.id) if now else None
        if present is not None and present.deleting:
            return True
        if present is not None and not step.handover and self._as_wanted(key, step, present):
            self._truce.keep(key, step.id)
            return True
        repair = self._is_repair(key, step, present)
        if repair and await self._truce.holds(key, step, present):
            return False
        uid = present.uid if present else uids.get(step.id)
        metadata = {**step.body["metadata"], **({"uid": uid} if uid else {})}
        manager = HANDOVER_MANAGER if step.handover else FIELD_MANAGER
        kind = KIND_NAMED[step.id.kind]
        try:
            # Without force while nothing of that name exists: should a stranger be faster, the conflict keeps us off.
            body = {**step.body, "metadata": metadata}
            answer = await self._client.apply(kind, body, force=uid is not None, manager=manager)
        except ClusterError as error:
            if error.status == 409:
                raise RetryLater(f"{step.id} changed meanwhile: {error}", seconds=LEFTOVER_SECONDS) from error
            raise
        self._cache.store(kind, answer)
        if repair:
            self._truce.broken(key, step.id)
            self._metrics.repairs.labels(kind=step.id.kind).inc()
            logger.info("Repaired %s", step.id, extra={"resource": key})
        if not step.handover:
            owned = owned_hash(answer, FIELD_MANAGER)
            self._applied[key][step.id] = _Applied(wanted_hash(step.body), answer["metadata"]["uid"], owned)
        return True

    def _as_wanted(self, key: Key, step: Step, present: Child) -> bool:
        wanted = wanted_hash(step.body)
        # Should the server keep a value otherwise than we send it, sending it again would change nothing: once is enough.
        return wanted == present.owned_hash or self._applied[key].get(step.id) == (
            wanted,
            present.uid,
            present.owned_hash,
        )

    def _is_repair(self, key: Key, step: Step, present: Child | None) -> bool:
        """Whether the child was as it should be once, and somebody changed or deleted it."""
        before = self._applied[key].get(step.id)
        if before is None:
            return not step.handover and self._truce.remembers(key, step.id)
        if present is None or present.uid != before.uid:
            return True
        return not step.handover and before.wanted == wanted_hash(step.body)

    # Whose it is ------------------------------------------------------------------------------------------------------------------------

    async def _claimed(self, plan: Plan, observed: Observed) -> dict[ChildId, str | None]:
        """The UID of each child that the cache does not know as ours; None where the name is free."""
        unknown = {step.id for step in plan.steps if observed.owned(step.id) is None}
        found = await asyncio.gather(*(self._claim(child, observed) for child in unknown))
        return dict(zip(unknown, found, strict=True))

    async def _claim(self, child: ChildId, observed: Observed) -> str | None:
        namespace, name = observed.owner.key
        metadata = await self._client.metadata_of(KIND_NAMED[child.kind], namespace, child.name)
        if metadata is None:
            return None
        owners = metadata.get("ownerReferences") or ()
        owner: Mapping[str, Any] = next((one for one in owners if one.get("controller")), {})
        if owner.get("uid") == observed.owner.uid:
            return str(metadata["uid"])
        if owner.get("kind") == OWNER_KIND and owner.get("name") == name:
            raise Leftover(
                f"Waiting for {child} of an earlier {OWNER_KIND} {name} to be deleted.", seconds=LEFTOVER_SECONDS
            )
        kind = KIND_NAMED[child.kind].plural
        raise NameConflict(
            f"{child} exists in namespace {namespace} and does not belong to this {OWNER_KIND}, so it is left alone. "
            f"Delete it (kubectl delete {kind} {child.name} -n {namespace}) or give the {OWNER_KIND} another name."
        )


def _of_child(error: ClusterError, child: ChildId) -> ClusterError:
    """The error, with the child that was refused.

    Raises:
        ClusterError: nothing was refused, the API server is out of reach: the other children need not be tried.
    """
    error.about = str(child)
    if error.status < 400:
        raise error
    return error
