"""One container of a pod: pulls its image, starts it, restarts it with growing pauses, and stops it."""

import asyncio
import contextlib
import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from sandbox.api import ApiError
from sandbox.containerlog import log_file
from sandbox.node import ports
from sandbox.node.backoff import Backoff
from sandbox.node.environment import ConfigError
from sandbox.node.events import timestamp
from sandbox.node.images import Image, ImageError
from sandbox.node.logs import Log, Output
from sandbox.node.memory import Limit
from sandbox.node.payload import MountError
from sandbox.node.process import Process, StartError, start
from sandbox.node.quantities import parse
from sandbox.node.run import Run
from sandbox.node.runtime import Runtime
from sandbox.node.status import ContainerState, Role, restarts
from sandbox.node.usage import ContainerUsage, Meter

Json = dict[str, Any]
TERMINATION_BYTES = 4096
RETRY_SECONDS = 10.0
ERRORS = (ConfigError, MountError, ApiError, aiohttp.ClientError, OSError, ValueError)


def waiting(reason: str, message: str = "") -> Json:
    """The state of a container that is not there yet."""
    return {"waiting": {"reason": reason} | ({"message": message} if message else {})}


class Container:
    """One container, from its first start to its last end."""

    def __init__(self, spec: Json, role: Role, runtime: Runtime, before: Json | None) -> None:
        self.spec = spec
        self.runtime = runtime
        reason = "PodInitializing" if runtime.pod["spec"].get("initContainers") else "ContainerCreating"
        self.state = ContainerState(spec["name"], spec["image"], role, waiting(reason))
        self.was_started = asyncio.Event()
        self._run_now: Run | None = None
        self._meter: Meter | None = None
        self._stopping = asyncio.Event()
        settings = runtime.node.settings
        self._crashes = Backoff(settings.restart_delay, settings.restart_limit)
        self._pulls = Backoff(settings.pull_delay, settings.pull_limit)
        part = "initContainers" if role != "main" else "containers"
        self._place = f"spec.{part}{{{spec['name']}}}"
        if before is not None:
            self._resume(before)

    @property
    def done(self) -> bool:
        """Whether it ended and will not run again."""
        code = self.state.exit_code
        return code is not None and not restarts(self.runtime.policy, self.state.role, code)

    async def supervise(self) -> None:
        """Run the container again and again, until it is done or the pod stops."""
        while not (self.halted() or self.done):
            if self.state.exit_code is not None:
                await self._back_off()
                if self.halted():
                    return
                self._note_end()
                self.state.restarts += 1
            image = await self._pull()
            if image is None:
                return
            await self._run(image)

    async def stop(self, deadline: Callable[[], float]) -> None:
        """End it: preStop hook, SIGTERM, and SIGKILL when `deadline` (loop time; may come nearer) is reached."""
        self._stopping.set()
        if self._run_now is not None:
            self.event("Killing", f"Stopping container {self.state.name}")
            await self._run_now.terminate(deadline)

    def kill(self) -> None:
        """End it at once."""
        if self._run_now is not None:
            self._run_now.process.signal(signal.SIGKILL)

    def usage(self) -> ContainerUsage | None:
        """What its processes have used since it was started; None while it does not run."""
        if self._meter is None:
            return None
        metadata = self.runtime.pod["metadata"]
        return ContainerUsage(metadata["namespace"], metadata["name"], self.state.name, self._meter)

    def event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Record an Event about this container."""
        self.runtime.event(reason, message, container=self._place, warning=warning)

    def halted(self) -> bool:
        """Whether nothing is to be started any more."""
        return self._stopping.is_set() or self.runtime.stopped.is_set()

    def _resume(self, before: Json) -> None:
        """Go on where the node left off before it was restarted; what ran then is dead."""
        self.state.restarts = before.get("restartCount", 0)
        self.state.last_state = before.get("lastState") or {}
        if "terminated" in before.get("state", {}):
            self.state.state = before["state"]
            self.state.ready = self.done and self.state.exit_code == 0
        elif "running" in before.get("state", {}):
            ended = self._end_state(137, before["state"]["running"].get("startedAt"))
            ended |= {"reason": "ContainerStatusUnknown", "message": "The node was restarted"}
            self.state.state = {"terminated": ended}
        self.state.container_id = before.get("containerID", "")
        self.state.image_id = before.get("imageID", "")

    def _note_end(self) -> None:
        """How the process ended becomes the last state, before a restart is counted."""
        if "terminated" in self.state.state:
            self.state.last_state = self.state.state

    def _wait_for(self, reason: str, message: str = "") -> None:
        state = waiting(reason, message)
        self._note_end()
        if self.state.state != state:
            self.state.state = state
            self.runtime.report()

    async def _back_off(self) -> None:
        delay = self._crashes.delay()
        if not delay:
            return
        place = f"{self.state.name} pod={self.runtime.title()}"
        self._wait_for("CrashLoopBackOff", f"back-off {delay:g}s restarting failed container={place}")
        self.event(
            "BackOff",
            f"Back-off restarting failed container {self.state.name} in pod {self.runtime.title()}",
            warning=True,
        )
        await self.runtime.pause(delay)

    async def _pull(self) -> Image | None:
        reference = self.spec["image"]
        while not self.halted():
            self.runtime.poke.clear()
            try:
                image = self.runtime.node.images.find(reference)
            except ImageError as error:
                await self._pull_failed(reference, str(error))
                continue
            self._pulls.reset()
            self.event("Pulled", f'Container image "{reference}" already present on machine')
            return image
        return None

    async def _pull_failed(self, reference: str, message: str) -> None:
        if self.spec.get("imagePullPolicy") == "Never":
            text = f'Container image "{reference}" is not present with pull policy of Never'
            self.event("ErrImageNeverPull", text, warning=True)
            self._wait_for("ErrImageNeverPull", text)
            await self.runtime.pause(self._pulls.next(), pokable=True)
            return
        self.event("Pulling", f'Pulling image "{reference}"')
        self.event("Failed", f'Failed to pull image "{reference}": {message}', warning=True)
        self.event("Failed", "Error: ErrImagePull", warning=True)
        self._wait_for("ErrImagePull", message)
        delay = self._pulls.next()
        # As a kubelet: the failure shows until the next look at the pod, then the back-off does.
        await self.runtime.pause(min(1.0, delay / 2))
        self._wait_for("ImagePullBackOff", f'Back-off pulling image "{reference}": ErrImagePull: {message}')
        self.event("BackOff", f'Back-off pulling image "{reference}"')
        await self.runtime.pause(delay, pokable=True)

    async def _run(self, image: Image) -> None:
        """One run, from the making of its world to its end."""
        runtime, name = self.runtime, self.state.name
        folder = runtime.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        termination = folder / "termination-log"
        termination.write_bytes(b"")
        termination.chmod(0o666)
        runtime.poke.clear()
        try:
            launch = await runtime.launch(self.spec, image, termination)
        except ERRORS as error:
            self._wait_for("CreateContainerConfigError", str(error))
            self.event("Failed", f"Error: {error}", warning=True)
            await runtime.pause(RETRY_SECONDS, pokable=True)
            return
        self._discard_logs()
        log = Log(
            log_file(runtime.node.settings.directory, runtime.uid, name, self.state.restarts),
            runtime.node.settings.log_bytes,
        )
        limit = self._limit()
        output = Output(log)
        self.state.image_id = image.id
        self.state.container_id = f"sandbox://{secrets.token_hex(32)}"
        self.event("Created", f"Created container: {name}")
        try:
            process = await start(launch, output.descriptors, limit.join if limit else lambda _: None, runtime.begin)
        except (StartError, OSError) as error:
            output.close()
            self._crashes.ran(0)
            self._end(self._end_state(128, None) | {"reason": "StartError", "message": str(error)})
            self.event("Failed", f"Error: {error}", warning=True)
        else:
            await output.attach()
            await self._live(process, termination, output, limit)
        finally:
            log.close()
            if limit:
                limit.close()

    def _discard_logs(self) -> None:
        """Keep the log of the last run, as a kubelet does, and none before it."""
        folder = log_file(self.runtime.node.settings.directory, self.runtime.uid, self.state.name, 0).parent
        for file in folder.glob("*.log*"):
            if int(file.name.partition(".")[0]) < self.state.restarts - 1:
                file.unlink()

    def _limit(self) -> Limit | None:
        size = self.spec.get("resources", {}).get("limits", {}).get("memory")
        if not size:
            return None
        return self.runtime.node.memory.limit(
            f"{self.runtime.uid}-{self.state.name}-{self.state.restarts}", int(parse(size))
        )

    async def _live(self, process: Process, termination: Path, output: Output, limit: Limit | None) -> None:
        """From the start of the process to its end."""
        began = time.monotonic()
        started_at = timestamp()
        self._note_end()
        self.state.state = {"running": {"startedAt": started_at}}
        run = self._run_now = Run(self.spec, self.runtime, process, self)
        self._meter = Meter(process.pid, limit)
        self.event("Started", f"Started container {self.state.name}")
        watch = asyncio.create_task(run.watch())
        if self.halted():
            process.signal(signal.SIGKILL)
        code = await process.exit
        self._meter = None
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
        self._run_now = None
        await output.drain()
        ended = self._end_state(code, started_at)
        if limit and limit.exceeded() and code != 0:
            ended["reason"] = "OOMKilled"
        message = self._message(termination, output.log, code)
        if message:
            ended["message"] = message
        self._crashes.ran(time.monotonic() - began)
        if code != 0 and (taken := ports.explain_taken(self.spec)):
            self.event("PortTaken", taken, warning=True)
        self._end(ended)

    def mark(self, *, started: bool, ready: bool) -> None:
        """Take over what probes found."""
        self.state.started, self.state.ready = started, ready
        if started:
            self.was_started.set()
        self.runtime.report()

    def _end(self, ended: Json) -> None:
        self.state.state = {"terminated": ended}
        self.state.started = False
        self.state.ready = self.state.role == "init" and ended["exitCode"] == 0
        self.was_started.clear()
        self.runtime.report()

    def _end_state(self, code: int, started_at: str | None) -> Json:
        return {
            "exitCode": code,
            "reason": "Completed" if code == 0 else "Error",
            "startedAt": started_at,
            "finishedAt": timestamp(),
            "containerID": self.state.container_id,
        }

    def _message(self, termination: Path, log: Log, code: int) -> str:
        with termination.open("rb") as file:
            message = file.read(TERMINATION_BYTES).decode(errors="replace")
        if not message and code != 0 and self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            return log.tail()
        return message
