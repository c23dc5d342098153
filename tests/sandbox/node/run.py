"""One run of a container, from its start to its end: hooks, probes, and how it is ended."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any, Protocol

from sandbox.node import probes
from sandbox.node.probes import ProbeError, Target
from sandbox.node.process import Process
from sandbox.node.runtime import Runtime

Json = dict[str, Any]
HOOK_SECONDS = 3600.0


class Owner(Protocol):
    """The container, as far as one run of it is concerned."""

    def halted(self) -> bool: ...

    def mark(self, *, started: bool, ready: bool) -> None: ...

    def event(self, reason: str, message: str, *, warning: bool = False) -> None: ...


class Run:
    """A running container; its `owner` hears of what probes and hooks find."""

    def __init__(self, spec: Json, runtime: Runtime, process: Process, owner: Owner) -> None:
        self.process = process
        self._spec = spec
        self._runtime = runtime
        self._owner = owner
        self._target = Target(spec, runtime.address, process)

    async def watch(self) -> None:
        """PostStart hook and probes; cancelled from outside when the process ends."""
        hook = self._spec.get("lifecycle", {}).get("postStart")
        if hook:
            try:
                await probes.look(hook, self._target, HOOK_SECONDS)
            except ProbeError as error:
                self._owner.event("FailedPostStartHook", f"PostStartHook failed: {error}", warning=True)
                await self._kill({}, "FailedPostStartHook")
                return
        if "startupProbe" in self._spec:
            self._runtime.report()
            if not await self._probe("startupProbe", "Startup"):
                return
        self._owner.mark(started=True, ready="readinessProbe" not in self._spec)
        async with asyncio.TaskGroup() as group:
            if "readinessProbe" in self._spec:
                group.create_task(self._probe("readinessProbe", "Readiness"))
            if "livenessProbe" in self._spec:
                group.create_task(self._probe("livenessProbe", "Liveness"))

    async def _probe(self, key: str, kind: str) -> bool:
        """Probe until a verdict ends it: a started container, or one to be killed; whether it was a good one."""
        good = False

        def verdict(answer: bool) -> bool:  # noqa: FBT001 - a callback
            nonlocal good
            good = answer or self._owner.halted()
            if kind == "Readiness":
                self._owner.mark(started=True, ready=answer)
                return False
            return kind == "Startup" or not answer

        def failed(message: str) -> None:
            self._owner.event("Unhealthy", message, warning=True)

        await probes.repeat(self._spec[key], kind, self._target, verdict, failed)
        if not good:
            cause = f"Container {self._spec['name']} failed {kind.lower()} probe, will be restarted"
            await self._kill(self._spec[key], cause)
        return good

    async def _kill(self, probe: Json, cause: str) -> None:
        """End one run; the restart policy decides about the next."""
        self._owner.event("Killing", cause)
        self._owner.mark(started=False, ready=False)
        grace = {"terminationGracePeriodSeconds": 30, **self._runtime.pod["spec"], **probe}[
            "terminationGracePeriodSeconds"
        ]
        end = asyncio.get_running_loop().time() + grace
        # Shielded: the end of the process ends the probes, and with them this task.
        await asyncio.shield(asyncio.ensure_future(self.terminate(lambda: end)))

    async def terminate(self, deadline: Callable[[], float]) -> None:
        """PreStop hook, SIGTERM, and SIGKILL when `deadline` (loop time; may come nearer) is reached; waits for the end."""
        killer = asyncio.create_task(_kill_at(self.process, deadline))
        hook = self._spec.get("lifecycle", {}).get("preStop")
        if hook:
            before = asyncio.create_task(probes.look(hook, self._target, HOOK_SECONDS))
            await asyncio.wait({before, self.process.exit}, return_when=asyncio.FIRST_COMPLETED)
            if not before.done():
                before.cancel()
            elif not before.cancelled() and before.exception():
                self._owner.event("FailedPreStopHook", f"PreStopHook failed: {before.exception()}", warning=True)
        self.process.signal(signal.SIGTERM)
        await asyncio.wait({self.process.exit})
        killer.cancel()


async def _kill_at(process: Process, deadline: Callable[[], float]) -> None:
    loop = asyncio.get_running_loop()
    while (seconds := deadline() - loop.time()) > 0:
        # Looked at often: the deadline is brought forward by a second, shorter `kubectl delete`.
        await asyncio.wait({process.exit}, timeout=min(seconds, 0.5))
    process.signal(signal.SIGKILL)
