"""The client: wrk, which asks from many connections at once and takes little of the machine itself."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.server.dialects import Request

SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True)
class Asked:
    """What the clients saw.

    Attributes:
        answers: how many came.
        seconds: that it lasted.
        p50, p99: latency in seconds.
        cpu: CPU seconds that the clients took.
    """

    answers: int
    seconds: float
    p50: float
    p99: float
    cpu: float


def version() -> str:
    """The version of wrk.

    Raises:
        BenchError: it is not there.
    """
    if not shutil.which("wrk"):
        raise BenchError(
            "wrk, the client that makes the load, is not installed; on Debian and Ubuntu: apt-get install wrk"
        )
    process = subprocess.run(["wrk", "-v"], check=False, capture_output=True, text=True)
    return (process.stdout + process.stderr).split()[1]


def ask(address: str, requests: Sequence[Request], *, connections: int, seconds: float) -> Asked:
    """Send the requests in turn, all to the first one's path, each connection its next one as soon as it is answered.

    Args:
        address: scheme, host and port.
        requests: of one path and one set of headers.
        connections: how many.
        seconds: how long, in whole seconds for wrk.

    Raises:
        BenchError: an answer was not 2xx, or did not come.
    """
    with tempfile.TemporaryDirectory(prefix="modelway-bench-") as folder:
        for number, request in enumerate(requests, start=1):
            (Path(folder) / str(number)).write_bytes(request.body)
        headers = [part for pair in requests[0].headers.items() for part in pair]
        command = ["wrk", "--threads=1", f"--connections={connections}", f"--duration={seconds:.0f}s", "--timeout=30s"]
        command += ["--script", str(SCRIPT), address + requests[0].path, "--", folder, str(len(requests)), *headers]
        before = os.times()
        result = subprocess.run(command, check=False, capture_output=True, text=True)
        after = os.times()
    if result.returncode:
        raise BenchError(f"wrk failed: {(result.stderr or result.stdout).strip()}")
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return reading(json.loads(result.stdout.splitlines()[-1]), used)


def reading(figures: Mapping[str, float], cpu: float) -> Asked:
    """What wrk's script said.

    Raises:
        BenchError: an answer was not 2xx, or did not come.
    """
    if figures["refused"] or figures["broken"] or not figures["requests"]:
        raise BenchError(
            f"of {figures['requests']} answers {figures['refused']} were errors, and {figures['broken']} connections failed: this is no figure"
        )
    million = 1e6
    return Asked(
        int(figures["requests"]),
        figures["microseconds"] / million,
        figures["p50"] / million,
        figures["p99"] / million,
        cpu,
    )
