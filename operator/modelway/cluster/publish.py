"""Write status when it changed, and an Event when readiness did."""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, NoReturn

from modelway.api import conditions
from modelway.cluster import kinds
from modelway.cluster.cache import Cache
from modelway.cluster.client import FIELD_MANAGER, Client
from modelway.desired.evidence import ACCEPTED
from modelway.errors import ClusterError, ModelwayError, RetryLater
from modelway.observed import Key, Owner
from modelway.rollout.notices import Notice
from modelway.rollout.state import is_on_trial
from modelway.status.exposure import CONDITION as EXPOSED
from modelway.status.preflight import PROVED
from modelway.status.reasons import Reason
from modelway.status.report import merge_patch

LONGEST_EVENT_MESSAGE = 1000
"""Characters; the API server refuses more than 1024."""

MINOR_SECONDS = 10.0
"""How old counts and messages in status may be while no condition changes: a rollout moves them with every pod. A status that somebody else
overwrote stays so for as long: two programs that overwrite each other would never end."""

COUNTS_SECONDS = 30.0
"""The same for the counts of a rollout that is still on trial: they change with every look, for hours. A crash loses none, since pods count."""

AGAIN_SECONDS = 0.1
"""When to judge again a ModelDeployment that changed meanwhile."""

_ANNOUNCED = ("Ready", EXPOSED)
"""The conditions whose changes are told as Events."""

_QUIET = frozenset({Reason.PROGRESSING, Reason.PROVING, Reason.NOT_ENOUGH_REPLICAS, Reason.ROUTE_PENDING})
"""Reasons that come and go with every rollout. Status shows them; Events about them would bury the others."""

_TOLD = frozenset({Reason.ROLLOUT_PROGRESSING, Reason.ROLLOUT_SUSPENDED, Reason.ROLLED_BACK})
"""Reasons of a rollout, which tells each of its turns as an Event of its own."""

_COURSE = (
    *("id", "phase", "step", "weight", "mirror", "since", "shareFrom", "unready", "unserved", "paused", "pause"),
    *("order", "cause", "by"),
)
"""Parts of a rollout that are written at once: what is decided next depends on them. Its counts and its message may wait."""

logger = logging.getLogger(__name__)


class _Written(NamedTuple):
    """What was written last, and what the API server made of it: a definition older than the operator drops fields."""

    uid: str
    sent: Mapping[str, Any]
    stored: Mapping[str, Any]


class Publisher:
    """Writes status and Events.

    Args:
        client: talks to the API server.
        cache: stores the answers at once.
        instance: the name of this operator's pod, shown in Events.
        clock: seconds, monotonic.
    """

    def __init__(
        self, client: Client, cache: Cache, instance: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._cache = cache
        self._instance = instance
        self._clock = clock
        self._written: dict[Key, _Written] = {}
        self._minor_since: dict[Key, float] = {}

    async def publish(
        self, owner: Owner, status: Mapping[str, Any], *, now: datetime, notices: Sequence[Notice] = ()
    ) -> float | None:
        """Write the status of a ModelDeployment if it changed, then an Event if its readiness did.

        Args:
            owner: as it is.
            status: as it is to be.
            now: the time, with a time zone.
            notices: what else is to be told once the status is written.

        Returns:
            In how many seconds to publish again, where a change is too small to be written at once; None when there is none.

        Raises:
            ClusterError: the write was refused.
            RetryLater: the API server is busy, or the ModelDeployment changed meanwhile.
        """
        patch, last = merge_patch(owner.status, status), self._written.get(owner.key)
        if not patch or last == (owner.uid, status, owner.status):
            self._minor_since.pop(owner.key, None)
            return None
        undone = last is not None and last[:2] == (owner.uid, status)
        if undone or _verdicts(owner.status) == _verdicts(status):
            since = self._minor_since.setdefault(owner.key, self._clock())
            left = since + (COUNTS_SECONDS if _is_of_counts(patch, status) else MINOR_SECONDS) - self._clock()
            if left > 0:
                return left
        if await self._write(owner, status, patch, now):
            for notice in notices:
                status_of_notice = "False" if notice.is_warning else "True"
                event = {"status": status_of_notice, "reason": notice.reason, "message": notice.message}
                await self._announce(owner, event, now)
        return None

    async def _write(self, owner: Owner, status: Mapping[str, Any], patch: Mapping[str, Any], now: datetime) -> bool:
        """Write a status, and tell what it changes. The answer: whether the ModelDeployment is still there."""
        namespace, name = owner.key
        try:
            answer = await self._client.patch_status(
                kinds.OWNER, namespace, name, patch, version=owner.resource_version
            )
        except ClusterError as error:
            if error.status == 404:
                return False  # deleted since it was observed
            if error.status == 409:
                await self._catch_up(owner)
            raise
        self._minor_since.pop(owner.key, None)
        self._written[owner.key] = _Written(owner.uid, status, answer.get("status") or {})
        self._cache.store(kinds.OWNER, answer)
        for choice in choices(owner.status, status):
            await self._announce(owner, choice, now)
        for kind in _ANNOUNCED:
            before, after = (conditions.find(one.get("conditions"), kind) or {} for one in (owner.status, status))
            if _worth_telling(before, after):
                await self._announce(owner, after, now)
        return True

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._written.pop(key, None)
        self._minor_since.pop(key, None)

    async def _catch_up(self, owner: Owner) -> NoReturn:
        """Store what is there now, which may be another ModelDeployment of that name.

        Raises:
            RetryLater: judge again.
        """
        answer = await self._client.get(kinds.OWNER, *owner.key)
        if answer is not None:
            self._cache.store(kinds.OWNER, answer)
        raise RetryLater(f"{owner.key} changed meanwhile", seconds=AGAIN_SECONDS)

    async def _announce(self, owner: Owner, verdict: Mapping[str, Any], now: datetime) -> None:
        try:
            await self._client.create(kinds.EVENT, self._event(owner, verdict, now))
        except ModelwayError as error:  # losing an Event must not fail a pass that went well
            logger.warning("An Event was not written: %s", error, extra={"resource": owner.key})

    def _event(self, owner: Owner, verdict: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        namespace, name = owner.key
        stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        unique = hashlib.sha256(f"{owner.uid}{verdict['reason']}{now.isoformat()}".encode()).hexdigest()[:16]
        return {
            "apiVersion": kinds.EVENT.api_version,
            "kind": kinds.EVENT.name,
            "metadata": {"name": f"{name}.{unique}", "namespace": namespace},
            "involvedObject": {
                "apiVersion": kinds.OWNER.api_version,
                "kind": kinds.OWNER.name,
                "namespace": namespace,
                "name": name,
                "uid": owner.uid,
                "resourceVersion": owner.resource_version,
            },
            "type": "Normal" if verdict["status"] == "True" or verdict["reason"] == Reason.SUSPENDED else "Warning",
            "reason": verdict["reason"],
            "message": verdict["message"][:LONGEST_EVENT_MESSAGE],
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER,
            "reportingInstance": self._instance,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
        }


def choices(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, str]]:
    """A verdict for each revision of which a preflight has just accepted one of several models."""
    known = {one["revision"] for one in before.get("revisions") or () if one["verdict"] == ACCEPTED}
    return [
        {
            "status": "True",
            "reason": PROVED,
            "message": f"Revision {one['revision']} is accepted: {one.get('message') or one['choice'] + ' serves'}",
        }
        for one in after.get("revisions") or ()
        if one["verdict"] == ACCEPTED and one.get("choice") and one["revision"] not in known
    ]


def _verdicts(status: Mapping[str, Any]) -> list[object]:
    """What a reader acts on: the generation, and each condition but for its words.

    That a model was accepted is left out: readiness follows within moments, and both then take one write.
    """
    conditions = [
        one for one in status.get("conditions") or () if one["type"] != "ModelAccepted" or one["status"] == "False"
    ]
    rollout = status.get("rollout") or {}
    course = [rollout.get(part) for part in _COURSE]
    looks = [(one["name"], one["bad"], one.get("time")) for one in rollout.get("measures") or () if _is_looked_at(one)]
    return [
        status.get("observedGeneration"),
        *course,
        (rollout.get("replay") or {}).get("phase"),
        looks,
        *((one["type"], one["status"], one["reason"]) for one in conditions),
    ]


def _is_looked_at(measure: Mapping[str, Any]) -> bool:
    """Whether looks are counted at which the value of a metric was beyond its limit: one that is not written is not counted."""
    return "source" in measure and measure.get("share") is None


def _is_of_counts(patch: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """Whether a minor change is about a rollout on trial alone: its counts, and the message that tells them."""
    return is_on_trial(status) and patch.keys() <= {"rollout", "conditions"}


def _worth_telling(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    changed = (before.get("status"), before.get("reason")) != (after.get("status"), after.get("reason"))
    return bool(after) and changed and after.get("reason") not in _QUIET | _TOLD
