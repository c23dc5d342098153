"""Write one child: an object is created only where there is none of its name, and changed only while it is the one that was seen."""

from collections.abc import Callable, Mapping
from typing import Any

from modelway.cluster.adoption import LEFTOVER_SECONDS, REPLAN_SECONDS, Adoption
from modelway.cluster.cache import Cache
from modelway.cluster.client import FIELD_MANAGER, HANDOVER_MANAGER, Client
from modelway.cluster.kinds import REVISION, Kind
from modelway.desired.plan import Step
from modelway.errors import ClusterError, RetryLater
from modelway.observed import ChildId, Key, Observed

UNBORN = "1"
"""A resourceVersion that no object has. An apply with it creates the object, or is refused with 409 when one of that name exists.
Tried on every kind."""

_CONFLICT = 409


class ChildWriter:
    """Creates and updates children.

    Args:
        client: talks to the API server.
        cache: stores a record that another operator made.
        adoption: tells whose an object of a child's name is.
        kind_named: finds a kind by its name.
    """

    def __init__(self, client: Client, cache: Cache, adoption: Adoption, kind_named: Callable[[str], Kind]) -> None:
        self._client = client
        self._cache = cache
        self._adoption = adoption
        self._kind_named = kind_named

    async def create(self, step: Step, observed: Observed) -> dict[str, Any]:
        """Create an object, and return what the server made of it. One that is ours already, but not in the cache, is updated instead.

        Args:
            step: the child.
            observed: what the pass began with.

        Raises:
            NameConflict: the object of this name is another's.
            RetryLater: it is on its way out, or was taken over or recorded meanwhile.
            ClusterError: the write was refused.
        """
        uid = (
            await self._adoption.find_uid(step.id, observed)
            if self._adoption.was_taken(observed.owner.key, step.id)
            else None
        )
        if uid is None:
            try:
                return await self._send(step, {"resourceVersion": UNBORN}, force=False)
            except ClusterError as error:
                if error.status != _CONFLICT:
                    raise
            uid = await self._adoption.find_uid(step.id, observed)
        if uid is None:  # it has gone again, or this API server creates nothing that carries a resourceVersion
            return await self._send(step, {}, force=False)
        if step.id.kind == REVISION.name:
            await self._reload_record(step.id, observed.owner.key)
        return await self.update(step, uid)

    async def update(self, step: Step, uid: str) -> dict[str, Any]:
        """Update an object, and return what the server made of it.

        Args:
            step: the child.
            uid: of the object; one that took its place is not changed.

        Raises:
            RetryLater: it changed meanwhile.
            ClusterError: the write was refused.
        """
        try:
            return await self._send(step, {"uid": uid}, force=True)
        except ClusterError as error:
            if error.status == _CONFLICT:
                raise RetryLater(f"{step.id} changed meanwhile: {error}", seconds=LEFTOVER_SECONDS) from error
            raise

    async def _reload_record(self, record: ChildId, key: Key) -> None:
        """Store a record that another operator made first: it decides what the revision runs with.

        Raises:
            RetryLater: plan anew.
        """
        answer = await self._client.get(REVISION, key.namespace, record.name)
        if answer is not None:
            self._cache.store(REVISION, answer)
        raise RetryLater(f"{record} has been recorded already", seconds=REPLAN_SECONDS)

    async def _send(self, step: Step, identity: Mapping[str, str], *, force: bool) -> dict[str, Any]:
        kind = self._kind_named(step.id.kind)
        metadata = {**step.body["metadata"], **identity}
        body = {**step.body, "apiVersion": kind.api_version, "metadata": metadata}
        manager = HANDOVER_MANAGER if step.handover else FIELD_MANAGER
        return await self._client.apply(kind, body, force=force, manager=manager)
