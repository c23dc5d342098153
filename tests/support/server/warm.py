"""Model servers that begin as forks of a process that has imported their libraries, which spares two seconds of a processor each."""

import atexit
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

READ_LATE = re.compile(
    r"(AWS|MODELWAY|OTEL)_\w+|PYTEST_CURRENT_TEST|KMP_(DUPLICATE_LIB_OK|INIT_AT_FORK)|ORT_DISABLE_TELEMETRY|TF_CPP_MIN_LOG_LEVEL"
)
"""Variables that no library of a model reads at its import, and those that scikit-learn and the server set at their own."""


ENVIRONMENT = dict(os.environ)
"""That of this process before any test changes it for itself."""


class Forked:
    """A process that another one forked, with what `subprocess.Popen` has of its end."""

    def __init__(self, pid: int, status: int, bury: Callable[[int], object]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._status = status
        self._bury = bury
        self._turn = threading.Lock()
        weakref.finalize(self, os.close, status)  # not before, as several threads may wait for it

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._read(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status once it has ended.

        Raises:
            subprocess.TimeoutExpired: it runs on.
        """
        status = self._read(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(["modelway_server"], timeout or 0)
        return status

    def send_signal(self, signum: int) -> None:
        """Signal it where it runs."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _read(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            with self._turn:
                if self.returncode is None:
                    self.returncode = int(os.read(self._status, 16) or -signal.SIGKILL)
                    self._bury(self.pid)
        return self.returncode


class Template:
    """One process to fork from; it ends with this one."""

    def __init__(self) -> None:
        self._control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._turn = threading.Lock()
        with other:
            command = [sys.executable, "-m", "support.server.template", str(other.fileno())]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, env=ENVIRONMENT, pass_fds=[other.fileno()]
            )
        assert self._control.recv(16) == b"ready", "the process that model servers are forked from did not begin"
        atexit.register(self._end)

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Whether its imports would have been the same in this environment."""
        own, others = ({*one.items()} for one in (ENVIRONMENT, environment))
        return all(READ_LATE.fullmatch(name) for name, _ in own ^ others)

    def fork(self, arguments: Sequence[str], environment: Mapping[str, str], program: str, log: IO[bytes]) -> Forked:
        """A server with these arguments; `program` is run in place of its own where it is not empty."""
        order = {
            "arguments": list(arguments),
            "environment": dict(environment),
            "program": program,
            "folder": str(Path.cwd()),
        }
        reads, writes = os.pipe()
        with self._turn:
            socket.send_fds(self._control, [json.dumps(order).encode()], [log.fileno(), writes])
            os.close(writes)
            return Forked(int(self._control.recv(16)), reads, self._bury)

    def _bury(self, pid: int) -> None:
        with suppress(OSError):  # the template is gone, and its forks with nobody to bury them
            self._control.send(str(pid).encode())

    def _end(self) -> None:
        self._control.close()
        self._process.wait()


@cache
def template() -> Template:
    """The one of this process."""
    return Template()
