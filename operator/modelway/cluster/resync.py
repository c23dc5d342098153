"""List the whole cluster now and then, and find what the watches missed.

kopf reports no deletion that happened while a watch was broken, and a watch can die silently. A LIST finds both. Each difference corrects
the cache at once and becomes a debt of the watch, which should bring the same event within moments. Events that stay away are counted. A
watch that owes events and has brought nothing since is dead: it is restarted, and at last the whole process is.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelway.cluster.cache import Cache, ObjectId, object_id
from modelway.cluster.client import Client
from modelway.cluster.kinds import OWNER, Kind, selector_of
from modelway.cluster.served_kinds import NOT_FOUND, ServedKinds
from modelway.cluster.watches import Watch, Watches
from modelway.errors import ClusterError, RetryLater, WatchLost
from modelway.metrics import Metrics
from modelway.observed import Key

GRACE_SECONDS = 30.0
"""How long a watch may take to bring what a LIST found: a busy connection is late by moments."""

DEATH_SECONDS = 150.0
"""How long a watch that owes events may be silent before it counts as dead: twice what kopf needs to open a new one."""

MOST_RESTARTS = 2
"""How often a watch that owes events is restarted before the whole process is."""

FORBIDDEN = 403

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Debt:
    """What a LIST found and the watch had not brought."""

    version: int
    since: float
    deletion: bool


class Resync:
    """Compares the cache with the cluster.

    Args:
        client: lists.
        cache: is corrected.
        metrics: counts what the watches missed.
        namespaces: where to look; everywhere when empty.
        watches: restarts those that are dead.
        served: which kinds are listed; it learns of those that have gone.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        client: Client,
        cache: Cache,
        metrics: Metrics,
        namespaces: Iterable[str] = (),
        *,
        watches: Watches | None = None,
        served: ServedKinds | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._cache = cache
        self._metrics = metrics
        self._namespaces: tuple[str | None, ...] = tuple(namespaces) or (None,)
        self._clock = clock
        self._debts: dict[ObjectId, _Debt] = {}
        self._watches = watches
        self._served = served or ServedKinds()
        self._served.subscribe(self._forget)
        self._last_news: dict[Watch, float] = {}
        self._restarts: dict[Watch, list[float]] = {}
        self._versions_by_watch: dict[ObjectId, int] | None = None
        self._highest: dict[tuple[str, str | None], int] = {}
        self._forbidden: set[str] = set()
        self.last_success: float | None = None
        """When everything was last listed, by the clock; None before the first time."""
        self.trouble: str | None = None
        """Why the last attempt failed; None when it did not."""

    async def run(self) -> set[Key]:
        """List every kind and correct the cache; the ModelDeployments that need a pass because of what was found.

        Raises:
            ClusterError, RetryLater: a LIST failed; what was corrected until then stays so.
            WatchLost: the cluster was set back to an earlier state.
        """
        try:
            concerned = await self._list_all(owing=self.last_success is not None)
        except (ClusterError, RetryLater) as error:
            self.trouble = str(error)
            raise
        self.last_success, self.trouble = self._clock(), None
        return concerned

    async def probe(self) -> None:
        """Read one ModelDeployment, to find out whether the API server and its store are there.

        Raises:
            ClusterError, RetryLater: the request failed.
        """
        await self._client.sample(OWNER, self._namespaces[0])

    def excuse(self) -> None:
        """Forgive the watches what they owe: the API server was away."""
        self._debts.clear()
        if self._watches is not None:
            self._watches.excuse()

    async def _list_all(self, *, owing: bool) -> set[Key]:
        """List every kind in every namespace. A namespace that is closed to us does not hold up the others, nor does an optional kind that is absent."""
        concerned: set[Key] = set()
        refusals: list[ClusterError] = []
        listed = 0
        for kind in self._served.present:
            for namespace in self._namespaces:
                try:
                    concerned |= await self._list(kind, namespace, owing=owing)
                    listed += 1
                except ClusterError as error:
                    if error.status == NOT_FOUND and kind.optional:
                        self._served.note_absent(kind)
                        break
                    if error.status != FORBIDDEN or namespace is None:
                        raise
                    refusals.append(error)
        if refusals and not listed:
            raise refusals[0]
        self._log_refusals({str(error) for error in refusals})
        return concerned

    def _forget(self, kind: Kind) -> None:
        """Forget everything that is known of a kind that has gone, and once it is back, what passes noted meanwhile."""
        self._cache.forget_kind(kind)
        self._debts = {id: debt for id, debt in self._debts.items() if id.kind != kind.name}  # noqa: A001 -- the term
        if self._watches is not None:
            self._watches.forget(kind.name)

    def _log_refusals(self, refusals: set[str]) -> None:
        for refusal in sorted(refusals - self._forbidden):
            logger.warning("Not watched until the operator has the rights: %s", refusal)
        self._forbidden = refusals

    def note_event(self, kind: Kind, obj: Mapping[str, Any]) -> None:
        """Note an event of a watch: it no longer owes this change of the object."""
        watch = self._watch_on(object_id(kind, obj))
        self._last_news[watch] = self._clock()
        self._restarts.pop(watch, None)
        id, version = object_id(kind, obj), int(obj["metadata"]["resourceVersion"])  # noqa: A001 -- the term
        if self._versions_by_watch is not None:
            self._versions_by_watch[id] = version
        debt = self._debts.get(id)
        if debt is not None and version >= debt.version:
            del self._debts[id]

    def settle(self) -> None:
        """Count the events that did not arrive in time.

        Raises:
            WatchLost: a watch owes events, is silent, and restarts did not help.
        """
        now = self._clock()
        if self._watches is not None:
            self._watches.look()
        for id, debt in list(self._debts.items()):  # noqa: A001 -- the term
            watch = self._watch_on(id)
            silent_since = max(debt.since, self._last_news.get(watch, debt.since), *self._restarts.get(watch, ()))
            if not debt.deletion and now - silent_since > DEATH_SECONDS:
                self._restart(watch, f"silent for {now - silent_since:.0f} s while {id.namespace}/{id.name} changed")
            if now - debt.since > GRACE_SECONDS and (debt.deletion or self._last_news.get(watch, 0.0) > debt.since):
                self._metrics.misses.labels(kind=id.kind).inc()
                logger.warning("The watch on %s missed a change of %s/%s", id.kind, id.namespace, id.name)
                del self._debts[id]

    def _watch_on(self, id: ObjectId) -> Watch:  # noqa: A002 -- the term
        return Watch(id.kind, "" if self._namespaces == (None,) else id.namespace)

    def _restart(self, watch: Watch, why: str) -> None:
        """Restart a watch. When that has not helped, only a new process can."""
        restarts = self._restarts.setdefault(watch, [])
        if self._watches is None or len(restarts) >= MOST_RESTARTS:
            raise WatchLost(f"the watch on {watch} has been {why}, and restarts do not help")
        logger.warning("The watch on %s has been %s: restarting it", watch, why)
        restarts.append(self._clock())
        self._watches.restart(watch)

    @property
    def deaf(self) -> bool:
        """Whether some watch is dead, so that only a LIST finds changes."""
        return self._watches is not None and self._watches.deaf

    async def _list(self, kind: Kind, namespace: str | None, *, owing: bool) -> set[Key]:
        self._cache.begin_listing()
        known = self._cache.versions(kind)
        by_watch: dict[ObjectId, int] = {}
        self._versions_by_watch = by_watch
        try:
            listed, version, concerned = await self._store_pages(kind, namespace)
        finally:
            self._cache.end_listing()
            self._versions_by_watch = None
        if not self._served.serves(kind):  # it went while it was listed
            self._forget(kind)
            return concerned
        for id, last in known.items():  # noqa: A001 -- the term
            if id not in listed and last <= version and namespace in {None, id.namespace}:
                dropped = self._cache.drop(id, version)
                concerned |= dropped
                if dropped and owing:
                    self._debts[id] = _Debt(version, self._clock(), deletion=True)
        if owing:
            for one, last in listed.items():
                if last > max(known.get(one, 0), by_watch.get(one, 0)):
                    self._debts[one] = _Debt(last, self._clock(), deletion=False)
        return concerned

    async def _store_pages(self, kind: Kind, namespace: str | None) -> tuple[dict[ObjectId, int], int, set[Key]]:
        """Store what is listed. The answer: the version of each object, the version of the LIST, and whom a difference concerns."""
        listed: dict[ObjectId, int] = {}
        concerned: set[Key] = set()
        version = 0
        async for page in self._client.pages(kind, namespace, selector_of(kind)):
            version = version or self._check_version(int(page["metadata"]["resourceVersion"]), kind, namespace)
            for obj in page.get("items") or ():
                listed[object_id(kind, obj)] = int(obj["metadata"]["resourceVersion"])
                concerned |= self._cache.store(kind, obj)
        return listed, version, concerned

    def _check_version(self, version: int, kind: Kind, namespace: str | None) -> int:
        """The version of a LIST. It goes back only when the whole cluster was set back.

        Raises:
            WatchLost: it went back.
        """
        highest = self._highest.get((kind.name, namespace), 0)
        if version < highest:
            raise WatchLost(
                f"the cluster was set back: {kind.plural} are listed at version {version} after {highest}, so everything in the cache is too new"
            )
        self._highest[kind.name, namespace] = version
        return version
