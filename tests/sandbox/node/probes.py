"""Probes and lifecycle hooks: one look at a container (exec, HTTP, TCP, sleep), and the thresholds over many."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from sandbox.node.process import Process, execute

Json = dict[str, Any]
USER_AGENT = "kube-probe/1.34"
BODY_BYTES = 10 * 1024
TIMEOUT = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"


class ProbeError(Exception):
    """The look found something wrong; the message is what an Event shows."""


@dataclass(frozen=True)
class Target:
    """A running container: where probes go."""

    container: Json
    address: str
    process: Process

    def port(self, port: int | str) -> int:
        """The number of `port`, which may be the name of one of the container's ports.

        Raises:
            ProbeError: no port has that name.
        """
        if isinstance(port, int) or str(port).isdigit():
            return int(port)
        for known in self.container.get("ports", []):
            if known.get("name") == port:
                return int(known["containerPort"])
        raise ProbeError(f"couldn't find port: {port}")


async def look(action: Json, target: Target, seconds: float) -> None:
    """Do what `action` (a probe, or a handler of a lifecycle hook) says, within `seconds`.

    Raises:
        ProbeError: it failed or took too long.
    """
    if "exec" in action:
        await _exec(action["exec"], target, seconds)
    elif "httpGet" in action:
        await _http(action["httpGet"], target, seconds)
    elif "tcpSocket" in action:
        await _tcp(action["tcpSocket"], target, seconds)
    elif "sleep" in action:
        await asyncio.sleep(min(seconds, action["sleep"]["seconds"]))
    else:
        raise ProbeError(f"the sandbox knows no probe by {', '.join(action)}")


async def _exec(action: Json, target: Target, seconds: float) -> None:
    command = action.get("command", [])
    try:
        code, output = await execute(target.process, command, seconds)
    except TimeoutError as error:
        raise ProbeError(f"command timed out: {command} timed out after {seconds:g}s") from error
    if code != 0:
        raise ProbeError(output.strip() or f"command {command} exited with {code}")


async def _http(action: Json, target: Target, seconds: float) -> None:
    scheme = action.get("scheme", "HTTP").lower()
    host = f"{action.get('host') or target.address}:{target.port(action['port'])}"
    url = f"{scheme}://{host}{action.get('path') or '/'}"
    headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Connection": "close"}
    headers |= {header["name"]: header["value"] for header in action.get("httpHeaders", [])}
    timeout = aiohttp.ClientTimeout(total=seconds)
    connector = aiohttp.TCPConnector(force_close=True, ssl=_untrusting() if scheme == "https" else True)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.get(url, headers=headers) as response,
        ):
            await response.content.read(BODY_BYTES)
    except TimeoutError as error:
        raise ProbeError(f'Get "{url}": {TIMEOUT}') from error
    except aiohttp.ClientConnectorError as error:
        raise ProbeError(f'Get "{url}": dial tcp {host}: connect: {_reason(error.os_error)}') from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise ProbeError(f'Get "{url}": {_reason(error)}') from error
    if not 200 <= response.status < 400:
        raise ProbeError(f"HTTP probe failed with statuscode: {response.status}")


def _untrusting() -> ssl.SSLContext:
    """A kubelet does not check the certificate of what it probes."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _reason(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return str(error).lower() or type(error).__name__


async def _tcp(action: Json, target: Target, seconds: float) -> None:
    host, port = action.get("host") or target.address, target.port(action["port"])
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError as error:
        raise ProbeError(f"dial tcp {host}:{port}: i/o timeout") from error
    except OSError as error:
        raise ProbeError(f"dial tcp {host}:{port}: connect: {_reason(error)}") from error
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


class Thresholds:
    """Turns single looks into a verdict: so many in a row, one way or the other. Pure."""

    def __init__(self, probe: Json, *, good: bool) -> None:
        self._successes = probe.get("successThreshold", 1)
        self._failures = probe.get("failureThreshold", 3)
        self._row = 0
        self._last: bool | None = None
        self.good = good

    def add(self, *, success: bool) -> bool:
        """Take one look into account; whether the verdict stands now (also where it stood before)."""
        self._row = self._row + 1 if success == self._last else 1
        self._last = success
        if self._row >= (self._successes if success else self._failures):
            self.good = success
            return True
        return False


async def repeat(
    probe: Json, kind: str, target: Target, verdict: Callable[[bool], bool], failed: Callable[[str], None]
) -> None:
    """Look again and again, at once at first.

    Args:
        probe: as in the container's spec.
        kind: "Startup", "Liveness" or "Readiness", for messages.
        target: the running container.
        verdict: called when enough looks in a row agree; True ends the repetition.
        failed: called with the message of an Event after each failed look.
    """
    thresholds = Thresholds(probe, good=kind == "Liveness")
    await asyncio.sleep(probe.get("initialDelaySeconds", 0))
    while True:
        try:
            await look(probe, target, probe.get("timeoutSeconds", 1))
            success = True
        except ProbeError as error:
            failed(f"{kind} probe failed: {error}")
            success = False
        if thresholds.add(success=success) and verdict(thresholds.good):
            return
        await asyncio.sleep(probe.get("periodSeconds", 10))
