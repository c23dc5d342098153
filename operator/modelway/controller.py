"""All parts of one operator, wired: what watches tell goes into the cache, what changed into the queue, what is due into passes."""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Coroutine, Mapping
from operator import attrgetter
from typing import Any

from modelway.cluster.apply import Applier
from modelway.cluster.cache import Cache
from modelway.cluster.client import Client
from modelway.cluster.kinds import Kind
from modelway.cluster.lease import Candidate
from modelway.cluster.publish import Publisher
from modelway.cluster.readmission import Readmission
from modelway.cluster.resync import Resync
from modelway.errors import ClusterError, NoCluster, RetryLater
from modelway.fuse import KernelFuse
from modelway.health import Health, Pulse
from modelway.metrics import Metrics
from modelway.model_gauges import ModelGauges
from modelway.queue import WorkQueue, work
from modelway.reconcile import Reconciler
from modelway.settings import Settings
from modelway.state import Key

WORKERS = 20
"""Passes at the same time."""

WORKERS_OF_A_NAMESPACE = 16
"""Passes at the same time over ModelDeployments of one namespace: what waits there for a slow API leaves the others room."""

PASS_SECONDS = 60.0
"""The longest that one pass may take."""

SECOND_LOOK_SECONDS = 20.0
"""When to list again after the start: finds what went between the first LIST and the first moment of the watches."""

RETRY_SECONDS = 3.0
"""When to list again after a LIST failed."""

RELIST_SECONDS = 2.0
"""How long after a watch had to list anew everything else is listed too: what was deleted meanwhile no watch will tell."""

LONGEST_RELIST_SECONDS = 20.0

TICK_SECONDS = 1.0
STOP_SECONDS = 8.0
"""The longest that parts may take to end."""

_JITTER = 0.1

logger = logging.getLogger(__name__)


class Operator:
    """All parts of one operator, wired.

    Args:
        settings: what the platform decides.
        client: talks to the API server.
        metrics: what the operator tells about itself.
        instance: the name of its pod, or another that no operator has that runs at the same time.
    """

    def __init__(self, settings: Settings, client: Client, metrics: Metrics, instance: str) -> None:
        self.settings = settings
        self.metrics = metrics
        self.cache = Cache()
        ModelGauges(self.cache.models, metrics.registry)
        self.queue: WorkQueue[Key] = WorkQueue(attrgetter("namespace"), most=WORKERS_OF_A_NAMESPACE)
        self.pulse = Pulse(time.monotonic)
        self.resync = Resync(client, self.cache, metrics, settings.watch_namespaces)
        applier, publisher = Applier(client, self.cache, metrics), Publisher(client, self.cache, instance)
        self.reconciler = Reconciler(
            self.cache, applier, publisher, Readmission(client), settings=settings, metrics=metrics
        )
        oldest = 2 * settings.resync_seconds + 60
        self.candidate = Candidate(client, settings.lease, instance, KernelFuse()) if settings.lease else None
        self.health = Health(
            self.pulse, self.resync, oldest, metrics, self.refresh_gauges, hindrance=self._never_to_lead
        )
        self._asked: float | None = None
        self._due: float | None = None
        self._leads = False

    async def work_when_leading(self) -> None:
        """Work on every ModelDeployment there is, and then on what changes, for ever: while the Lease is held where there is one.

        Raises:
            LeaseLost: another operator has led since this one did.
        """
        await (self.candidate.stand(self._lead) if self.candidate else self._lead())

    async def _lead(self) -> None:
        self._leads = True
        try:
            self._wake({owner.key for owner in self.cache.owners()})
            # What another operator did last, its watches may not have told here yet.
            self.ask_for_a_list()
            workers = [work(self.queue, self.look_at, seconds=PASS_SECONDS) for _ in range(WORKERS)]
            await until_one_ends(*workers)
        finally:
            self._leads = False

    def refresh_gauges(self) -> None:
        """Bring the gauges up to date for a scrape."""
        self.metrics.leader.set(int(self._leads))
        self.metrics.depth.set(len(self.queue))
        self.metrics.oldest.set(self.queue.oldest_age())
        counted = Counter(_readiness(owner.status) for owner in self.cache.owners())
        for ready in ("True", "False", "Unknown"):
            self.metrics.deployments.labels(ready=ready).set(counted[ready])

    def take_in(self, kind: Kind, change: str | None, obj: Mapping[str, Any]) -> None:
        """An event of a watch: correct the cache, wake whom it concerns."""
        self.resync.told(kind, obj)
        if change is None:
            self.ask_for_a_list(over=False)
        self._wake(self.cache.remove(kind, obj) if change == "DELETED" else self.cache.store(kind, obj))

    async def look_at(self, key: Key) -> float | None:
        """One pass over one ModelDeployment; when it ends for want of an API server, its return is watched for.

        Raises:
            ModelwayError: the pass did not reach its end and should be tried again.
        """
        try:
            return await self.reconciler(key)
        except ClusterError as error:
            if _is_away(error):
                self.ask_for_a_list()
            raise

    def ask_for_a_list(self, *, over: bool = True) -> None:
        """Something may have happened that no watch will tell: list everything soon.

        Args:
            over: whether it is done; else, as while a watch lists anew, it is waited for, but not for long.
        """
        now = time.monotonic()
        self._asked = self._asked or now
        if self._due is None or not over:
            self._due = min(now, self._asked + LONGEST_RELIST_SECONDS) + RELIST_SECONDS

    async def first_look(self, *, patient: bool) -> None:
        """List everything for the first time, and put every ModelDeployment on the queue.

        Args:
            patient: whether to wait for an API server that does not answer, as a pod should that would only be started again.

        Raises:
            NoCluster: that is not possible here; the text says why and what to do.
        """
        while True:
            try:
                await self.resync.run()
                break
            except ClusterError as error:
                if not (patient and _is_away(error)):
                    raise NoCluster(_explained(error)) from error
                logger.warning("Waiting for the API server: %s", error)
            except RetryLater as later:
                logger.warning("Waiting for the API server: %s", later)
            await asyncio.sleep(RETRY_SECONDS)
        logger.info("Listed the cluster: %d ModelDeployments", sum(1 for _ in self.cache.owners()))

    async def keep_resyncing(self) -> None:
        """For ever: list everything now and then, and soon after a watch was torn or the API server was away.

        Raises:
            WatchLost: a watch is dead, or the cluster was set back.
        """
        pause = SECOND_LOOK_SECONDS
        while True:
            await self._settle_for(pause)
            try:
                was_away, self._asked, self._due = self.resync.trouble is not None, None, None
                self._wake(await self.resync.run())
                if was_away:
                    logger.info("The API server answers again")
                self.queue.hurry()
                pause = self.settings.resync_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 -- jitter
            except (ClusterError, RetryLater) as error:
                logger.warning("Resync failed: %s", error)
                pause = RETRY_SECONDS

    async def _settle_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and (self._due is None or time.monotonic() < self._due):
            await asyncio.sleep(TICK_SECONDS)
            self.resync.settle()

    def _never_to_lead(self) -> str | None:
        return self.candidate.trouble if self.candidate else None

    def _wake(self, keys: set[Key]) -> None:
        """Put keys on the queue; whoever begins to lead puts all of them there."""
        if self._leads:
            for key in keys:
                self.queue.add(key)


async def until_one_ends(*parts: Coroutine[Any, Any, object]) -> None:
    """Run the parts until one of them ends, then end the others; an end that is an error is raised."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=STOP_SECONDS)
    for task in done:
        task.result()


def _is_away(error: ClusterError) -> bool:
    """Whether the API server, or the store behind it, is out of reach."""
    return error.status == 0 or error.status >= 500


def _readiness(status: Mapping[str, Any]) -> str:
    return next(
        (str(one.get("status")) for one in status.get("conditions") or () if one.get("type") == "Ready"), "Unknown"
    )


def _explained(error: ClusterError) -> str:
    match error.status:
        case 0:
            return f"{error}. Check the address in the kubeconfig, and that the cluster is up."
        case 401 | 403:
            return f"{error}. Install the operator's role and binding with the chart, or use another account."
        case 404:
            return f"{error}. The cluster does not know ModelDeployments: install the chart, or apply the CRD."
        case _:
            return str(error)
