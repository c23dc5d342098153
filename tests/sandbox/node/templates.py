"""Warm starts: containers of the model server begin as forks of a process that has imported what the server imports.

Only what a fork cannot tell from a fresh start begins so: the server's own command, and an environment without a
variable that Python or a library could read at import. All else begins by exec, as everything does without this.
"""

import asyncio
import json
import os
import re
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from sandbox.images import PYTHON, SERVER
from sandbox.node.process import Beginning, Launch, collect, wait_for_end
from sandbox.processes import MARK

PREFORK = Path(__file__).with_name("prefork.py")
START_SECONDS = 60.0
COMMAND_BYTES = 16 << 10
"""Room for the command line that a fork shows."""
START = "sandbox-start"
"""Annotation of pods; those with the value `cold` begin by exec. Without a prefix, as the default policy lets any model set it."""

TEMPLATE_VARIABLES = ("PATH", "HOME", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", MARK)
"""What a template is started with; there is one for each set of values."""
READ_LATE = re.compile(r"HOSTNAME|POD_IP|POD_NAME|(AWS|KUBERNETES|MODELWAY)_\w+")
"""What the server and its libraries read when they run, never when they are imported."""

Environment = tuple[tuple[str, str], ...]


def template_environment(launch: Launch) -> Environment | None:
    """What the template of `launch` is started with; None where it has to begin by exec.

    prometheus_client, for one, reads at import whether there are several workers.
    """
    words = list(launch.argv)
    if words[: len(SERVER)] != SERVER or ("serve" in words[len(SERVER) :] and "--workers=1" not in words):
        return None
    if not all(name in TEMPLATE_VARIABLES or READ_LATE.fullmatch(name) for name in launch.env):
        return None
    return tuple((name, launch.env[name]) for name in TEMPLATE_VARIABLES if name in launch.env)


class Template:
    """One process to fork from. It ends with this process, by its socket and by the kernel."""

    def __init__(self, environment: Environment) -> None:
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(0)
        with other:
            command = [*PYTHON, str(PREFORK), str(other.fileno()), "-" * COMMAND_BYTES]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, env=dict(environment), pass_fds=[other.fileno()]
            )
        self._ready = asyncio.create_task(self._is_ready())
        self.end = asyncio.create_task(self._bury())

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def fork(self, launch: Launch, output: Sequence[int]) -> Beginning | None:
        """Begin a container; None where the template is dead or stuck."""
        if not await asyncio.shield(self._ready):
            return None
        (reads, go), (status, tells), (parent, ends) = os.pipe(), os.pipe(), os.pipe()
        text = json.dumps(asdict(launch)).encode()
        pipe = os.fdopen(go, "wb", buffering=0)
        try:
            socket.send_fds(self._socket, [str(len(text)).encode()], [reads, *output, tells, ends])
        except OSError:
            text = b""
        finally:
            for descriptor in (reads, tells, ends):
                os.close(descriptor)
        last = await collect(parent)
        try:
            pipe.write(text)
            async with asyncio.timeout(START_SECONDS):
                await last.ended.wait()
        except (OSError, TimeoutError):
            self.kill()
        if last.content:
            return Beginning(pipe, status)
        pipe.close()
        os.close(status)
        return None

    def kill(self) -> None:
        """End it; its forks live on."""
        if not self.end.done():
            self._process.kill()

    async def _bury(self) -> None:
        self._process.returncode = await wait_for_end(self._process.pid)
        await self._ready
        self._socket.close()

    async def _is_ready(self) -> bool:
        try:
            async with asyncio.timeout(START_SECONDS):
                return bool(await asyncio.get_running_loop().sock_recv(self._socket, 1))
        except (OSError, TimeoutError):
            self.kill()
            return False


class Templates:
    """The templates of a node, each started when it is first of use and again after its death."""

    def __init__(self) -> None:
        self._templates: dict[Environment, Template] = {}

    async def begin(self, launch: Launch, output: Sequence[int]) -> Beginning | None:
        """Begin a container by a fork; None where it has to begin by exec."""
        environment = template_environment(launch)
        if environment is None:
            return None
        template = self._templates.get(environment)
        if template is None or template.end.done():
            template = self._templates[environment] = Template(environment)
        return await template.fork(launch, output)
