"""Run the operator as a process, until it is told to stop or one of its parts fails."""

import asyncio
import signal
import socket
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

from modelway.cluster.client import FIELD_MANAGER, Client
from modelway.cluster.connection import connect
from modelway.cluster.election.watchdog import KernelWatchdog
from modelway.cluster.kinds import WATCHED, Kind
from modelway.handlers import watch
from modelway.health import serve
from modelway.manager import Manager
from modelway.metrics import Metrics
from modelway.parts import until_one_ends
from modelway.settings import Settings

LEFTOVER_SECONDS = 2.0
"""The longest that tasks which did not end with their part may hold up the end of the process."""


async def run(
    settings: Settings, environment: Mapping[str, str], kubeconfig: Path | None, kinds: Iterable[Kind] = WATCHED
) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Args:
        settings: what the platform decides.
        environment: holds POD_NAME and how to reach the API server.
        kubeconfig: a kubeconfig that overrides what the environment says.
        kinds: what to watch.

    Raises:
        NoCluster: there is no API server to work with.
        WatchLost, LeaseLost: what is known may be outdated; start a new process.
        OSError: the health endpoint's address cannot be used.
    """
    stop = asyncio.Event()
    _stop_on_signals(stop)
    connection, metrics = await connect(kubeconfig, environment), Metrics()
    instance = environment.get("POD_NAME") or f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
    async with Client(connection, metrics, f"{FIELD_MANAGER} ({instance})") as client:
        manager = Manager(settings, client, metrics, instance, kinds)
        async with serve(manager.health, _health_host(settings, environment), settings.health_port):
            patient = "KUBERNETES_SERVICE_HOST" in environment
            await until_one_ends(stop.wait(), manager.list_first(patient=patient), manager.pulse.beat())
            if stop.is_set():
                return
            started = asyncio.Event()
            await until_one_ends(
                # On a stop, passes end before everything else: they still write while they end.
                until_one_ends(stop.wait(), manager.work_when_leading()),
                manager.pulse.beat(),
                manager.relist.run_forever(),
                manager.discovery.run_forever(),
                _take_signals_back(started, stop),
                # Keep this last: when kopf ends, it cancels every task that is younger than itself.
                watch(
                    connection,
                    settings.watch_namespaces,
                    manager.handle_event,
                    manager.relist,
                    watches=manager.watches,
                    served=manager.served,
                    started=started,
                ),
            )


def _health_host(settings: Settings, environment: Mapping[str, str]) -> str | None:
    """The address of probes and metrics: every one (None) in a pod, since `kubectl port-forward` asks the loopback there."""
    return settings.host or (None if "KUBERNETES_SERVICE_HOST" in environment else "127.0.0.1")


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


async def _take_signals_back(started: asyncio.Event, stop: asyncio.Event) -> None:
    """Install our signal handlers again: kopf replaces them as it starts, and a stop would look like a failure."""
    await started.wait()
    _stop_on_signals(stop)
    await asyncio.Event().wait()


def serve_forever(
    settings: Settings, environment: Mapping[str, str], kubeconfig: Path | None, kinds: Iterable[Kind] = WATCHED
) -> None:
    """`run` in an event loop of its own. The loop ends soon after it, even if one of its tasks never does."""
    watchdog = KernelWatchdog()
    try:
        with asyncio.Runner() as runner:
            try:
                runner.run(run(settings, environment, kubeconfig, kinds))
            finally:
                watchdog.set(LEFTOVER_SECONDS)
    finally:
        watchdog.remove()
