"""The operator as a process: put the parts together, run them until told to stop or until one of them fails."""

import asyncio
import logging
import random
import signal
import time
from collections import Counter
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

from modelway.cluster.apply import Applier
from modelway.cluster.cache import Cache
from modelway.cluster.client import Client
from modelway.cluster.connection import connect
from modelway.cluster.kinds import Kind
from modelway.cluster.publish import Publisher
from modelway.cluster.readmission import Readmission
from modelway.cluster.resync import Resync
from modelway.errors import ClusterError, NoCluster, RetryLater
from modelway.handlers import watch
from modelway.health import Health, Pulse, served
from modelway.metrics import Metrics
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
STOP_SECONDS = 3.0
_JITTER = 0.1

logger = logging.getLogger(__name__)


class Operator:
    """All parts of one operator, wired.

    Args:
        settings: what the platform decides.
        client: talks to the API server.
        metrics: what the operator tells about itself.
        instance: the name of its pod.
    """

    def __init__(self, settings: Settings, client: Client, metrics: Metrics, instance: str) -> None:
        self.settings = settings
        self.metrics = metrics
        self.cache = Cache()
        self.queue: WorkQueue[Key] = WorkQueue(attrgetter("namespace"), most=WORKERS_OF_A_NAMESPACE)
        self.pulse = Pulse(time.monotonic)
        self.resync = Resync(client, self.cache, metrics, settings.watch_namespaces)
        applier, publisher = Applier(client, self.cache, metrics), Publisher(client, self.cache, instance)
        self.reconciler = Reconciler(
            self.cache, applier, publisher, Readmission(client), settings=settings, metrics=metrics
        )
        oldest = 2 * settings.resync_seconds + 60
        self.health = Health(self.pulse, self.resync, oldest, metrics, self.refresh_gauges)
        self._asked: float | None = None
        self._due: float | None = None

    def refresh_gauges(self) -> None:
        """Bring the gauges up to date for a scrape."""
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
            if is_away(error):
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
                if not (patient and is_away(error)):
                    raise NoCluster(_explained(error)) from error
                logger.warning("Waiting for the API server: %s", error)
            except RetryLater as later:
                logger.warning("Waiting for the API server: %s", later)
            await asyncio.sleep(RETRY_SECONDS)
        self._wake({owner.key for owner in self.cache.owners()})
        logger.info("Listed the cluster: %d ModelDeployments", len(self.queue))

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

    def _wake(self, keys: set[Key]) -> None:
        for key in keys:
            self.queue.add(key)


async def run(settings: Settings, environment: Mapping[str, str], kubeconfig: Path | None) -> None:
    """Be the operator until SIGTERM or SIGINT.

    Args:
        settings: what the platform decides.
        environment: where POD_NAME and the way to the API server are looked up.
        kubeconfig: a kubeconfig that overrides what the environment says.

    Raises:
        NoCluster: there is no API server to work with.
        WatchLost: a watch failed; start afresh.
        OSError: the health endpoint's address cannot be used.
    """
    stop = asyncio.Event()
    _stop_on_signals(stop)
    connection, metrics = await connect(kubeconfig, environment), Metrics()
    async with Client(connection, metrics) as client:
        operator = Operator(settings, client, metrics, environment.get("POD_NAME") or "modelway")
        async with served(operator.health, _health_host(settings, environment), settings.health_port):
            await _run_until(stop, operator.first_look(patient="KUBERNETES_SERVICE_HOST" in environment))
            if stop.is_set():
                return
            started = asyncio.Event()
            workers = [work(operator.queue, operator.look_at, seconds=PASS_SECONDS) for _ in range(WORKERS)]
            await _run_until(
                stop,
                *workers,
                operator.pulse.beat(),
                operator.keep_resyncing(),
                _take_signals_back(started, stop),
                # The last one on purpose: when it ends, kopf cancels whatever task is younger than itself.
                watch(connection, settings.watch_namespaces, operator.take_in, operator.ask_for_a_list, started),
            )


def _health_host(settings: Settings, environment: Mapping[str, str]) -> str | None:
    """The address of probes and metrics: every one (None) in a pod, since `kubectl port-forward` asks the loopback there."""
    return settings.host or (None if "KUBERNETES_SERVICE_HOST" in environment else "127.0.0.1")


async def _run_until(stop: asyncio.Event, *parts: Any) -> None:
    """Run the parts until `stop` or until one of them ends; an end that is an error is raised."""
    tasks = [asyncio.create_task(stop.wait()), *(asyncio.create_task(part) for part in parts)]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.wait(pending, timeout=STOP_SECONDS)
    for task in done:
        task.result()


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


async def _take_signals_back(started: asyncio.Event, stop: asyncio.Event) -> None:
    """Take the signals back: kopf takes the signals to itself as it starts; it would end, and we would not know whether somebody asked for it."""
    await started.wait()
    _stop_on_signals(stop)
    await asyncio.Event().wait()


def is_away(error: ClusterError) -> bool:
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


def serve_forever(settings: Settings, environment: Mapping[str, str], kubeconfig: Path | None) -> None:
    """`run` in an event loop of its own."""
    asyncio.run(run(settings, environment, kubeconfig))
