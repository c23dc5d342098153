"""Wire the parts of one operator: events go into the cache, changed keys into the queue, due keys into passes."""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any

from modelway.api import conditions
from modelway.cluster.apply import Applier
from modelway.cluster.cache import Cache
from modelway.cluster.client import Client
from modelway.cluster.discovery import Discovery
from modelway.cluster.election.candidate import Candidate
from modelway.cluster.election.watchdog import KernelWatchdog
from modelway.cluster.kinds import WATCHED, Kind
from modelway.cluster.metric_reader import MetricReader
from modelway.cluster.metric_sources import Sources
from modelway.cluster.outage import may_be_away
from modelway.cluster.publish import Publisher
from modelway.cluster.refused_pods import RefusedPods
from modelway.cluster.relist import RelistSchedule
from modelway.cluster.resync import Resync
from modelway.cluster.revision_records import RevisionRecords
from modelway.cluster.rollouts import Rollouts
from modelway.cluster.scrape import Scraper
from modelway.cluster.served_kinds import ServedKinds
from modelway.cluster.watches import Watches
from modelway.errors import ClusterError, ServerAway
from modelway.health import Health, Pulse
from modelway.metrics import Metrics
from modelway.model_gauges import ModelGauges
from modelway.observed import Key
from modelway.queue import WorkQueue, run_workers
from modelway.reconcile import Reconciler
from modelway.settings import Settings

WORKERS = 20
"""Passes at the same time."""

WORKERS_OF_A_NAMESPACE = 16
"""Passes at the same time over ModelDeployments of one namespace: one slow namespace leaves room for the others."""

PASS_SECONDS = 90.0
"""The longest that one pass may take: the longest plan and the longest write of status."""

AWAY_SECONDS = 5.0
"""How often a pass that waits for the API server checks whether it is back."""

GRACE_SECONDS = 7.0
"""How long running passes may take to end when the operator stops; shorter than the Lease lets it write."""

logger = logging.getLogger(__name__)


class Manager:
    """All parts of one operator, wired.

    Args:
        settings: what the platform decides.
        client: talks to the API server.
        metrics: what the operator reports about itself.
        instance: the name of its pod, or another name that no other running operator has.
        kinds: what to watch.
    """

    def __init__(
        self, settings: Settings, client: Client, metrics: Metrics, instance: str, kinds: Iterable[Kind] = WATCHED
    ) -> None:
        self.settings = settings
        self.metrics = metrics
        self.cache = Cache()
        ModelGauges(self.cache.models, metrics.registry)
        self.queue: WorkQueue[Key] = WorkQueue(attrgetter("namespace"), most=WORKERS_OF_A_NAMESPACE)
        self.pulse = Pulse(time.monotonic)
        self.served = ServedKinds(kinds)
        self.watches = Watches(
            lambda watch: metrics.watch_restarts.labels(*watch).inc(), time.monotonic, self.served.serves_named
        )
        self.discovery = Discovery(client, self.served, settings.watch_namespaces)
        self.resync = Resync(
            client, self.cache, metrics, settings.watch_namespaces, watches=self.watches, served=self.served
        )
        self.served.subscribe(lambda _: self._wake_all())  # after the cache, which drops what has gone
        self.relist = RelistSchedule(self.resync, settings.resync_seconds, self._wake, self.queue.hurry)
        applier = Applier(client, self.cache, metrics, served=self.served)
        publisher = Publisher(client, self.cache, instance)
        self.reconciler = Reconciler(
            self.cache,
            applier,
            publisher,
            RefusedPods(client),
            RevisionRecords(client),
            rollouts=Rollouts(Scraper(), settings, MetricReader(Sources(settings), metrics.count_question)),
            settings=settings,
            metrics=metrics,
            wake=self.queue.add,
        )
        self.candidate = Candidate(client, settings.lease, instance, KernelWatchdog()) if settings.lease else None
        self.health = Health(self.pulse, self.resync, metrics, self.refresh_gauges, hindrance=self._never_to_lead)
        self._leads = False

    async def work_when_leading(self) -> None:
        """Run a pass over every ModelDeployment, then over those that change, for ever. Where there is a Lease, do so only while it is held.

        Raises:
            LeaseLost: another operator has led since this one did.
        """
        await (self.candidate.stand(self._lead) if self.candidate else self._lead())

    async def _lead(self) -> None:
        self._leads = True
        try:
            self._wake_all()
            # The watches may not yet have brought what another operator did last.
            self.relist.ask_for_a_list()
            await run_workers(self.queue, self.run_pass, size=WORKERS, seconds=PASS_SECONDS, grace=self._grace)
        finally:
            self._leads = False

    def refresh_gauges(self) -> None:
        """Bring the gauges up to date for a scrape."""
        self.metrics.leader.set(int(self._leads))
        self.metrics.watch_silence.clear()  # some watches may have ended
        for watch, seconds in self.watches.silence():
            self.metrics.watch_silence.labels(*watch).set(seconds)
        self.metrics.depth.set(len(self.queue))
        self.metrics.waiting_rollouts.set(self.reconciler.waiting_rollouts)
        self.metrics.oldest.set(self.queue.oldest_age())
        ready_conditions = (
            conditions.find(owner.status.get("conditions"), "Ready") or {} for owner in self.cache.owners()
        )
        counted = Counter(str(condition.get("status", "Unknown")) for condition in ready_conditions)
        for ready in ("True", "False", "Unknown"):
            self.metrics.deployments.labels(ready=ready).set(counted[ready])

    def handle_event(self, kind: Kind, change: str | None, obj: Mapping[str, Any]) -> None:
        """Correct the cache by an event of a watch, and queue the ModelDeployments that it concerns."""
        if not self.served.serves(kind):
            return  # a late event of a watch that has ended
        self.resync.note_event(kind, obj)
        if change is None:
            self.relist.ask_for_a_list()
        self._wake(self.cache.remove(kind, obj) if change == "DELETED" else self.cache.store(kind, obj))

    async def run_pass(self, key: Key) -> float | None:
        """Run one pass over one ModelDeployment. If the API server may be unreachable, have it probed.

        Raises:
            ServerAway: the API server is away, so no pass was begun.
            ModelwayError: the pass did not reach its end and should be tried again.
        """
        if self.relist.away is not None:
            raise ServerAway(self.relist.away, seconds=AWAY_SECONDS)
        try:
            return await self.reconciler(key)
        except ClusterError as error:
            if may_be_away(error):
                self.relist.doubt()
            raise

    async def list_first(self, *, patient: bool) -> None:
        """List everything for the first time.

        Args:
            patient: whether to wait for an API server that does not answer. A pod should: ending would only restart it.

        Raises:
            NoCluster: that is not possible here; the text says why and what to do.
        """
        await self.relist.list_first(patient=patient)
        logger.info("Listed the cluster: %d ModelDeployments", sum(1 for _ in self.cache.owners()))

    def _grace(self) -> float:
        """How long running passes may take to end: no longer than they may write."""
        return min(GRACE_SECONDS, self.candidate.seconds_left()) if self.candidate else GRACE_SECONDS

    def _never_to_lead(self) -> str | None:
        return self.candidate.trouble if self.candidate else None

    def _wake_all(self) -> None:
        self._wake({owner.key for owner in self.cache.owners()})

    def _wake(self, keys: Iterable[Key]) -> None:
        """Queue keys, but only while leading: whoever begins to lead queues all of them."""
        if self._leads:
            for key in keys:
                self.queue.add(key)
