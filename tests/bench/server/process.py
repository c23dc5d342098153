"""One server as processes on this machine: when it is ready, and what it takes."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psutil

from bench.errors import BenchError
from bench.server.dialects import Request

HOST = "127.0.0.1"
START_SECONDS = 120.0
POLL_SECONDS = 0.005


class Server:
    """A started server.

    Attributes:
        port: where it listens.
        ready: seconds from its spawn to its first answer with status 200.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], port: int, log: Path) -> None:
        self.port = port
        self.ready = 0.0
        self._log = log
        self._spawned = time.monotonic()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **environment},
                cwd=log.parent,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @classmethod
    @contextmanager
    def start(
        cls, command: Sequence[str], environment: Mapping[str, str], port: int, log: Path, probe: Request
    ) -> Iterator[Self]:
        """Start it, wait until it answers the probe, and end it with all that it started.

        Raises:
            BenchError: it ended by itself, or did not answer in time; the end of its log is told.
        """
        server = cls(command, environment, port, log)
        try:
            server._await(probe)
            yield server
        finally:
            server._stop()

    def ask(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers (names in lower case) of one answer.

        Raises:
            OSError: there was none.
        """
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        try:
            connection.request("POST", request.path, request.body, dict(request.headers))
            answer = connection.getresponse()
            return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    def cpu_seconds(self) -> float:
        """CPU seconds of all its processes."""
        times = [process.cpu_times() for process in self._processes()]
        return float(sum(each.user + each.system for each in times))

    def memory(self) -> int:
        """Its proportional set size in bytes: a page that several processes share counts once."""
        return sum(int(process.memory_full_info().pss) for process in self._processes())

    def _processes(self) -> list[psutil.Process]:
        parent = psutil.Process(self._process.pid)
        return [parent, *parent.children(recursive=True)]

    def _await(self, probe: Request) -> None:
        last_answer = ""
        while time.monotonic() < self._spawned + START_SECONDS:
            if self._process.poll() is not None:
                raise BenchError(f"the server ended with {self._process.returncode}: {self._end_of_log()}")
            try:
                status, body, _ = self.ask(probe)
            except OSError as error:
                last_answer = str(error)
            else:
                if status == http.client.OK:
                    self.ready = time.monotonic() - self._spawned
                    return
                last_answer = f"{status} {body[:200]!r}"
            time.sleep(POLL_SECONDS)
        raise BenchError(
            f"the server did not answer within {START_SECONDS:g} s; last: {last_answer}; {self._end_of_log()}"
        )

    def _end_of_log(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]

    def _stop(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(timeout=10)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


def free_ports(count: int) -> list[int]:
    """So many ports on which nothing listens now."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports
