"""The operator's parts in the test's own process, without watches: passes run when the test says so, and may be cut off at any write."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from modelway.cluster.apply import Applier
from modelway.cluster.cache import Cache
from modelway.cluster.client import Client
from modelway.cluster.connection import Connection, connect
from modelway.cluster.kinds import CHILDREN, Kind
from modelway.cluster.publish import Publisher
from modelway.cluster.refused_pods import RefusedPods
from modelway.cluster.resync import Resync
from modelway.cluster.revision_records import RevisionRecords
from modelway.cluster.rollouts import Rollouts
from modelway.cluster.scrape import Scraper
from modelway.errors import RetryLater
from modelway.metrics import Metrics
from modelway.observed import Key
from modelway.reconcile import Reconciler
from modelway.settings import Settings

SETTINGS = Settings(service_port=8080, drain_seconds=0, preflight_enabled=False)
MOST_PASSES = 20


class Crash(BaseException):
    """The process is gone: nothing catches it."""


class CountingClient(Client):
    """Counts writes, and crashes right after one to a child has reached the server.

    How often status is written depends on how fast controllers are; what becomes of children does not.

    Args:
        connection: where the API server is.
        crash_after: the write to a child that is the last one; 0 for none.
        crash_after_any: the write of whatever kind that is the last one; 0 for none.
    """

    def __init__(self, connection: Connection, crash_after: int = 0, crash_after_any: int = 0) -> None:
        super().__init__(connection, Metrics())
        self.count = 0
        self.of_children = 0
        self.has_crashed = False
        self._crash_after = crash_after
        self._crash_after_any = crash_after_any

    async def _write(
        self, kind: Kind, verb: str, method: str, path: str, query: Mapping[str, str], **rest: Any
    ) -> dict[str, Any]:
        if self.has_crashed:
            raise Crash
        answer = await super()._write(kind, verb, method, path, query, **rest)
        self.count += 1
        self.of_children += kind in CHILDREN
        if self.of_children == self._crash_after > 0 or self.count == self._crash_after_any > 0:
            self.has_crashed = True
            raise Crash
        return answer


class Parts:
    """One life of an operator; what it knows dies with it."""

    def __init__(self, client: CountingClient, settings: Settings = SETTINGS, scraper: Scraper | None = None) -> None:
        self.client = client
        self.cache = Cache()
        self.metrics = Metrics()
        self.resync = Resync(client, self.cache, self.metrics, settings.watch_namespaces)
        self.publisher = Publisher(client, self.cache, "test")
        self.reconciler = Reconciler(
            self.cache,
            Applier(client, self.cache, self.metrics),
            self.publisher,
            RefusedPods(client),
            RevisionRecords(client),
            rollouts=Rollouts(scraper or Scraper(), settings),
            settings=settings,
            metrics=self.metrics,
        )

    async def look(self) -> set[Key]:
        """List everything; whom a difference concerns."""
        return await self.resync.run()

    async def converge(self, *keys: Key) -> None:
        """Run passes over ModelDeployments, each round on a fresh view, over each until one writes nothing."""
        restless = list(keys)
        for _ in range(MOST_PASSES):
            await self.look()
            restless = [key for key in restless if not await self._rests(key)]
            if not restless:
                return
        raise AssertionError(f"{restless} did not come to rest in {MOST_PASSES} passes")

    async def _rests(self, key: Key) -> bool:
        """Whether a pass writes nothing."""
        before = self.client.count
        with contextlib.suppress(RetryLater):
            await self.reconciler.reconcile(key)
            return self.client.count == before
        return False


@contextlib.asynccontextmanager
async def life(
    kubeconfig: Path,
    *,
    crash_after: int = 0,
    crash_after_any: int = 0,
    settings: Settings = SETTINGS,
    scraper: Scraper | None = None,
) -> AsyncIterator[Parts]:
    """An operator that lives until the block ends, or until its last write."""
    client = CountingClient(await connect(kubeconfig), crash_after, crash_after_any)
    async with client:
        with contextlib.suppress(Crash):
            yield Parts(client, settings, scraper)
