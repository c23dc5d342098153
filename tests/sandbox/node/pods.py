"""One pod bound to this node: volumes, init containers, containers, status, and its end, as a kubelet goes about it."""

import asyncio
import contextlib
import logging
import shutil
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sandbox.api import Api
from sandbox.node.containers import Container
from sandbox.node.events import timestamp
from sandbox.node.payload import MountError
from sandbox.node.pod_object import RETRY_SECONDS, UNREACHABLE, PodObject
from sandbox.node.runtime import Node, Runtime
from sandbox.node.status import TERMINAL, Role, Verdict, pod_status
from sandbox.node.usage import ContainerUsage

logger = logging.getLogger(__name__)

Json = dict[str, Any]
# Fields that change nothing here; the pod's Events say so.
IGNORED = ("shareProcessNamespace", "hostPID", "hostIPC", "runtimeClassName", "ephemeralContainers")
RETRY_LIMIT = 10.0


def _init_role(spec: Json) -> Role:
    return "sidecar" if spec.get("restartPolicy") == "Always" else "init"


class PodWorker:
    """Runs one pod; `ended` is called when nothing of it is left, here and in the API.

    `address` is the pod's. Create it in a running event loop; it works by itself from then on.
    """

    def __init__(self, pod: Json, api: Api, node: Node, address: str, ended: Callable[[str], None]) -> None:
        self._ended = ended
        self.runtime = Runtime(pod, node, address, self._changed)
        self._containers = self._make_containers(pod)
        self._object = PodObject(self.runtime, api, self._status, self.vanish)
        self._refresh = asyncio.Event()
        self._deleted = asyncio.Event()
        self._verdict: Verdict | None = None
        self._alive = True
        self._stop_began: float | None = None
        self._started_at = pod.get("status", {}).get("startTime") or timestamp()
        if "deletionTimestamp" in pod["metadata"]:
            self._deleted.set()
        self.task = asyncio.create_task(self._run(), name=f"pod {self.runtime.title()}")
        self.task.add_done_callback(_report_failure)

    def update(self, pod: Json) -> None:
        """The pod as the API server has it now."""
        before = self.runtime.pod["metadata"]
        self.runtime.pod = pod
        if any(before.get(key) != pod["metadata"].get(key) for key in ("labels", "annotations")):
            self._refresh.set()
        if "deletionTimestamp" in pod["metadata"]:
            self._deleted.set()
        if "readinessGates" in pod["spec"]:
            self._object.note_change()

    def vanish(self) -> None:
        """The pod is gone from the API (deleted by force): end what runs at once."""
        self._object.gone.set()
        self._deleted.set()

    def kill(self) -> None:
        """Kill its processes; the node ends and the pod stays in the API."""
        self.task.cancel()
        for container in self._containers:
            container.kill()

    def usage(self) -> list[ContainerUsage]:
        """What each container that runs uses."""
        return [usage for container in self._containers if (usage := container.usage())]

    def sources_changed(self) -> None:
        """A ConfigMap, a Secret or an image that the pod refers to changed."""
        self.runtime.poke.set()
        self._refresh.set()

    def _changed(self) -> None:
        self._object.note_change()

    def _make_containers(self, pod: Json) -> list[Container]:
        status = pod.get("status", {})
        known = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
        before = {entry["name"]: entry for entry in known}
        inits, mains = pod["spec"].get("initContainers", []), pod["spec"]["containers"]
        roles: list[tuple[Json, Role]] = [(spec, _init_role(spec)) for spec in inits]
        roles += [(spec, "main") for spec in mains]
        return [Container(spec, role, self.runtime, before.get(spec["name"])) for spec, role in roles]

    def _of(self, *roles: str) -> list[Container]:
        return [container for container in self._containers if container.state.role in roles]

    async def _run(self) -> None:
        reporter = asyncio.create_task(self._object.report_forever())
        try:
            if self.runtime.pod.get("status", {}).get("phase") not in TERMINAL:
                await self._work()
            await self._deleted.wait()
        finally:
            reporter.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reporter
        shutil.rmtree(self.runtime.folder, ignore_errors=True)
        await self._object.remove()
        self._ended(self.runtime.uid)

    async def _work(self) -> None:
        """From the first volume to the last process."""
        self.runtime.folder.mkdir(parents=True, exist_ok=True)
        self.runtime.update_hosts()
        ignored = [f"spec.{name}" for name in IGNORED if self.runtime.pod["spec"].get(name)]
        if ignored:
            self.runtime.event("Ignored", f"The sandbox's node does not honour {', '.join(ignored)}", warning=True)
        self._object.note_change()
        sidecars: list[asyncio.Task[None]] = []
        life = asyncio.create_task(self._live(sidecars))
        keeper = asyncio.create_task(self._keep())
        deleted = asyncio.create_task(self._deleted.wait())
        stopped = asyncio.create_task(self.runtime.stopped.wait())
        await asyncio.wait({life, deleted, stopped}, return_when=asyncio.FIRST_COMPLETED)
        await self._stop()
        await life
        await asyncio.gather(*sidecars)
        for task in (keeper, deleted, stopped):
            task.cancel()
        self._alive = False
        await self._object.report()

    async def _live(self, sidecars: list[asyncio.Task[None]]) -> None:
        await self._make_volumes()
        for container in self._of("init", "sidecar"):
            if container.state.role == "sidecar":
                sidecars.append(asyncio.create_task(container.supervise()))
                await self._first(container.was_started, self.runtime.stopped)
            else:
                await container.supervise()
            if self.runtime.stopped.is_set() or (container.state.role == "init" and container.state.exit_code != 0):
                return
        await asyncio.gather(*(container.supervise() for container in self._of("main")))

    async def _first(self, *events: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait()) for event in events]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _make_volumes(self) -> None:
        delay = RETRY_SECONDS
        while not self.runtime.stopped.is_set():
            self.runtime.poke.clear()
            try:
                await self.runtime.volumes.refresh(self.runtime.view)
            except (MountError, *UNREACHABLE) as error:
                self.runtime.event("FailedMount", str(error), warning=True)
                await self.runtime.pause(delay, pokable=True)
                delay = min(2 * delay, RETRY_LIMIT)
            else:
                return

    async def _stop(self) -> None:
        self._stop_began = asyncio.get_running_loop().time()
        self.runtime.stopped.set()
        await asyncio.gather(*(container.stop(self._deadline) for container in self._of("init", "main")))
        for container in reversed(self._of("sidecar")):
            await container.stop(self._deadline)

    def _deadline(self) -> float:
        """The loop's time at which SIGKILL is due; it may come nearer."""
        assert self._stop_began is not None
        pod = self.runtime.pod
        if self._object.gone.is_set() or (self._verdict and self._verdict.reason == "Evicted"):
            return 0.0
        grace = pod["metadata"].get("deletionGracePeriodSeconds", pod["spec"].get("terminationGracePeriodSeconds", 30))
        return self._stop_began + float(grace)

    async def _keep(self) -> None:
        """While the pod lives: volumes up to date, tokens fresh, limits held."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._next_look()):
                    await self._refresh.wait()
            renew_at = self.runtime.volumes.renew_at()
            if self._refresh.is_set() or (renew_at and renew_at <= time.time()):
                self._refresh.clear()
                try:
                    await self.runtime.volumes.refresh(self.runtime.view)
                except (MountError, *UNREACHABLE) as error:
                    self.runtime.event("FailedMount", str(error), warning=True)
                    await asyncio.sleep(RETRY_SECONDS)
            self._hold_limits()

    def _next_look(self) -> float | None:
        times = [renew_at - time.time()] if (renew_at := self.runtime.volumes.renew_at()) else []
        if any((v.get("emptyDir") or {}).get("sizeLimit") for v in self.runtime.pod["spec"].get("volumes", [])):
            times.append(self.runtime.node.settings.housekeeping)
        if (seconds := self._time_left()) is not None:
            times.append(seconds)
        return max(0.05, min(times)) if times else None

    def _time_left(self) -> float | None:
        seconds = self.runtime.pod["spec"].get("activeDeadlineSeconds")
        return datetime.fromisoformat(self._started_at).timestamp() + seconds - time.time() if seconds else None

    def _hold_limits(self) -> None:
        oversized = self.runtime.volumes.oversized(self.runtime.pod)
        seconds = self._time_left()
        if oversized:
            name, limit = oversized
            self._end_with(Verdict("Evicted", f'Usage of EmptyDir volume "{name}" exceeds the limit "{limit}". '))
        elif seconds is not None and seconds <= 0:
            message = "Pod was active on the node longer than the specified deadline"
            self._end_with(Verdict("DeadlineExceeded", message))

    def _end_with(self, verdict: Verdict) -> None:
        if self._verdict is None and not self._deleted.is_set():
            self._verdict = verdict
            self.runtime.event(verdict.reason, verdict.message, warning=True)
            self.runtime.stopped.set()

    def _status(self) -> Json:
        return pod_status(
            self.runtime.pod,
            [container.state for container in self._containers],
            address=self.runtime.address,
            node_address=self.runtime.node.settings.address,
            started_at=self._started_at,
            now=timestamp(),
            alive=self._alive,
            verdict=self._verdict if not self._alive else None,
        )


def _report_failure(task: asyncio.Task[None]) -> None:
    """A pod that the node fails at must not look as if nothing had happened."""
    if not task.cancelled() and (error := task.exception()):
        logger.error("the work on %s failed", task.get_name(), exc_info=error)
