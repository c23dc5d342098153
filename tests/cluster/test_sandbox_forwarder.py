"""The Service forwarder against real sockets, told of Services and pods by a feed instead of an API server."""

import asyncio
import contextlib
import errno
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from sandbox import forwarder
from sandbox.api import Change
from sandbox.endpoints import Address

LAG = 0.5
SERVICE_IP = "127.63.0.1"
PORT = 18080
_pods = itertools.count(1)


class Feed:
    """Stands in for the API client: hands on the changes that a test puts in."""

    server = "https://127.0.0.1:6443"

    def __init__(self) -> None:
        self._changes: dict[str, asyncio.Queue[Change]] = {}
        self.events: list[dict[str, Any]] = []

    def _queue(self, path: str) -> asyncio.Queue[Change]:
        return self._changes.setdefault(path, asyncio.Queue())

    async def list_and_watch(self, path: str) -> AsyncIterator[Change]:
        while True:
            yield await self._queue(path).get()

    async def post(self, _: str, body: dict[str, Any]) -> None:
        self.events.append(body)

    def service(self, cluster_ip: str = SERVICE_IP, target: int | str = "http") -> None:
        ports = [{"port": PORT, "targetPort": target}]
        spec = {"clusterIP": cluster_ip, "selector": {"app": "web"}, "ports": ports}
        metadata = {"name": "web", "namespace": "shop", "uid": "service"}
        self._queue("/api/v1/services").put_nowait(Change("ADDED", {"metadata": metadata, "spec": spec}))

    def pod(self, name: str, host: str, port: int, *, ready: bool = True, ending: bool = False) -> None:
        metadata = {"name": name, "namespace": "shop", "uid": name, "labels": {"app": "web"}}
        if ending:
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        conditions = [{"type": "Ready", "status": str(ready)}]
        spec = {"containers": [{"name": "web", "ports": [{"name": "http", "containerPort": port}]}]}
        pod = {"metadata": metadata, "spec": spec, "status": {"podIP": host, "conditions": conditions}}
        self._queue("/api/v1/pods").put_nowait(Change("MODIFIED", pod))


class Pod:
    """A server that says its name on each connection, then echoes lines."""

    def __init__(self, name: str, host: str, port: int) -> None:
        self.name, self.host, self.port = name, host, port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.name.encode() + b"\n")
        while line := await reader.readline():
            writer.write(line)
        await end(writer)


Scenario = Callable[[Feed, list[Pod]], Awaitable[None]]


def play(scenario: Scenario, lag: float = LAG) -> None:
    """Run the forwarder, two pods that listen on different ports, and the scenario."""

    async def main() -> None:
        feed = Feed()
        first = next(_pods)
        pods = [Pod(name, f"127.62.{first}.{number}", 18000 + number) for number, name in enumerate(["a", "b"], 1)]
        servers = [await asyncio.start_server(pod.serve, pod.host, pod.port) for pod in pods]
        running = asyncio.create_task(forwarder.run(feed, endpoint_lag=lag))  # type: ignore[arg-type]
        try:
            await asyncio.wait_for(scenario(feed, pods), 20)
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            for server in servers:
                server.close()

    asyncio.run(main())


async def connect() -> tuple[str, asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(SERVICE_IP, PORT)
    return (await reader.readline()).decode().strip(), reader, writer


async def answering() -> str:
    """Name of the pod that a new connection gets; "" when there is none."""
    try:
        name, _, writer = await connect()
    except OSError:
        return ""
    await end(writer)
    return name


async def end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def until(check: Callable[[], Awaitable[bool]]) -> float:
    """Seconds until the check is true."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not await check():  # noqa: ASYNC110 - what is asked lies beyond a socket
        await asyncio.sleep(0.02)
    return loop.time() - began


async def both_answer() -> bool:
    return {await answering(), await answering()} == {"a", "b"}


def announce(feed: Feed, pods: list[Pod]) -> None:
    feed.service()
    for pod in pods:
        feed.pod(pod.name, pod.host, pod.port)


def test_connections_take_turns_over_named_ports_of_ready_pods() -> None:
    async def scenario(feed: Feed, pods: list[Pod]) -> None:
        announce(feed, pods)
        await until(both_answer)
        assert sorted([await answering() for _ in range(10)]) == ["a"] * 5 + ["b"] * 5

    play(scenario)


def test_all_requests_of_one_connection_reach_one_pod() -> None:
    async def scenario(feed: Feed, pods: list[Pod]) -> None:
        announce(feed, pods)
        await until(both_answer)
        _, reader, writer = await connect()
        for number in range(100):
            writer.write(b"%d\n" % number)
            assert await reader.readline() == b"%d\n" % number
        await end(writer)

    play(scenario)


@pytest.mark.parametrize("change", [{"ending": True}, {"ready": False}], ids=["terminating", "unready"])
def test_pod_loses_new_connections_only_after_the_lag(change: dict[str, bool]) -> None:
    async def scenario(feed: Feed, pods: list[Pod]) -> None:
        announce(feed, pods)
        await until(both_answer)
        feed.pod("a", pods[0].host, pods[0].port, **change)

        async def only_b() -> bool:
            return {await answering() for _ in range(4)} == {"b"}

        assert LAG * 0.9 < await until(only_b) < LAG + 1

    play(scenario)


def test_pod_gets_connections_only_after_the_lag() -> None:
    async def scenario(feed: Feed, pods: list[Pod]) -> None:
        announce(feed, pods[:1])

        async def served() -> bool:
            return await answering() == "a"

        assert await until(served) > LAG * 0.9

    play(scenario)


def test_established_connection_survives_the_removal_of_its_pod() -> None:
    async def scenario(feed: Feed, pods: list[Pod]) -> None:
        announce(feed, pods)
        await until(both_answer)
        name, reader, writer = await connect()
        old_pod = next(pod for pod in pods if pod.name == name)
        feed.pod(old_pod.name, old_pod.host, old_pod.port, ending=True)

        async def removed() -> bool:
            return name not in {await answering() for _ in range(4)}

        await until(removed)
        writer.write(b"still there\n")
        assert await reader.readline() == b"still there\n"
        await end(writer)

    play(scenario)


def test_connection_is_refused_without_a_ready_pod() -> None:
    async def scenario(feed: Feed, pods: list[Pod]) -> None:
        announce(feed, pods[:1])

        async def served() -> bool:
            return await answering() == "a"

        await until(served)
        feed.pod("a", pods[0].host, pods[0].port, ready=False)

        async def refused() -> bool:
            try:
                _, _, writer = await connect()
            except ConnectionRefusedError:
                return True
            except ConnectionResetError:  # it came while the listener went
                return False
            await end(writer)
            return False

        await until(refused)

    play(scenario, lag=0)


def test_half_closed_connection_still_gets_its_answer() -> None:
    async def scenario(feed: Feed, pods: list[Pod]) -> None:
        announce(feed, pods)
        await until(both_answer)
        _, reader, writer = await connect()
        writer.write(b"last\n")
        writer.write_eof()
        assert await reader.read() == b"last\n"
        await end(writer)

    play(scenario)


def test_address_that_cannot_be_listened_on_is_told_as_an_event() -> None:
    async def scenario(feed: Feed, pods: list[Pod]) -> None:
        feed.service(cluster_ip="192.0.2.1")
        feed.pod("a", pods[0].host, pods[0].port)

        async def is_logged() -> bool:
            return [(event["reason"], event["involvedObject"]["name"]) for event in feed.events] == [
                ("CannotListen", "web")
            ]

        await until(is_logged)

    play(scenario, lag=0)


def test_privileged_port_is_explained() -> None:
    text = forwarder.explain(Address("127.96.0.9", 80), PermissionError(errno.EACCES, "Permission denied"))
    assert text == (
        "Cannot listen on 127.96.0.9:80: Permission denied. Ports below 1024 need root: give the Service a higher port."
    )
