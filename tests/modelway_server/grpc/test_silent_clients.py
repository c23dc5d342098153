"""Clients of gRPC that open a connection or a call and then send nothing, or half of it: they cost nobody else an answer."""

import asyncio
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from itertools import cycle, islice
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from modelway_server.grpc import inference_pb2 as pb
from modelway_server.grpc.crowds import MAX_UNREAD
from support.models import WINE
from support.server import http2
from support.server.grpc_calls import SERVICE, Caller, calling, question
from support.server.served import Served, SharedModel
from support.waiting import eventually

Launch = Callable[..., Served]
INFER = f"{SERVICE}/ModelInfer"
METHODS = {
    **{f"{SERVICE}/{name}": f"inference.{name}Request" for name in ("ServerLive", "ServerReady", "ModelReady")},
    **{f"{SERVICE}/{name}": f"inference.{name}Request" for name in ("ServerMetadata", "ModelMetadata", "ModelInfer")},
    "/grpc.health.v1.Health/Check": "grpc.health.v1.HealthCheckRequest",
    "/grpc.health.v1.Health/Watch": "grpc.health.v1.HealthCheckRequest",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": "grpc.reflection.v1alpha.ServerReflectionRequest",
}
"""Each method of the server, and the message that it waits for."""
SOON = {
    "modelway_server.grpc.crowds.MESSAGE_SECONDS": 3.0,
    "modelway_server.grpc.crowds.SLOW_SECONDS": 1.0,
    "modelway_server.grpc.server.HANDSHAKE_SECONDS": 1,
    "modelway_server.grpc.server.IDLE_SECONDS": 2,
}
ANSWER_SECONDS = 1.0
"""More than an answer takes on a busy machine, and less than any wait for a silent client."""


@pytest.fixture
def server(launched: Launch, forest_model: SharedModel) -> Served:
    return launched("--grpc-port=0", "--max-queue=64", **forest_model, constants=SOON).started()


@pytest.fixture
def honest(server: Served) -> Iterator[Caller]:
    with calling(server.addresses["grpc"]) as caller:
        ask(caller)
        yield caller


@pytest.mark.parametrize("count", [16, 1000])
def test_silent_calls_cost_nobody_an_answer(server: Served, honest: Caller, count: int) -> None:
    def try_all() -> None:
        assert median_seconds(honest) < ANSWER_SECONDS
        with calling(server.addresses["grpc"]) as new:
            ask(new, timeout=ANSWER_SECONDS * 3)

    ends = asyncio.run(silent_calls(server.addresses["grpc"], count, try_all))
    sentence = "{} did not arrive within 3 s; send it as soon as the call begins"
    late = {(method, details) for method, code, details in ends if code is grpc.StatusCode.DEADLINE_EXCEEDED}
    assert late == {(method, sentence.format(message)) for method, message in METHODS.items()}
    others = {code for _, code, _ in ends} - {grpc.StatusCode.DEADLINE_EXCEEDED}
    assert others == ({grpc.StatusCode.RESOURCE_EXHAUSTED} if count > MAX_UNREAD else set())


def test_half_messages_cost_nobody_an_answer(server: Served, honest: Caller) -> None:
    half = http2.message(bytes(50_000))[:20_000]
    with http2.connect(server.addresses["grpc"], window=1 << 20) as client:
        streams = {client.open(method, content) for method in METHODS for content in (half[:3], half[:100])}
        streams |= {client.open(INFER, half[:300]) for _ in range(40)}
        assert median_seconds(honest) < ANSWER_SECONDS
        assert client.wait_for_end(streams) == set()
    assert 'code="408",method="grpc_infer"' in server.probe("/metrics").body, "as a late body over HTTP"


def test_call_that_ends_without_a_message_is_answered_at_once(server: Served, honest: Caller) -> None:
    for method in METHODS:
        call: Any = honest.channel.stream_stream(method)
        ended = call(iter(()), timeout=2)
        expected = grpc.StatusCode.OK if method.endswith("Info") else grpc.StatusCode.INVALID_ARGUMENT
        assert (method, ended.code()) == (method, expected)


def test_silent_connections_are_closed_and_cost_nobody_an_answer(server: Served, honest: Caller) -> None:
    host, _, port = server.addresses["grpc"].rpartition(":")
    begun = time.monotonic()
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_connection((host, int(port)), timeout=30)) for _ in range(100)]
        for one in sockets[:50]:
            http2.Http2(one)
        assert median_seconds(honest) < ANSWER_SECONDS
        for one in sockets:
            while one.recv(65536):
                pass
    assert time.monotonic() - begun < 15


@pytest.mark.parametrize(("kind", "payload"), [(http2.PING, bytes(8)), (http2.SETTINGS, b"")])
def test_floods_of_frames_cost_nobody_an_answer(server: Served, honest: Caller, kind: int, payload: bytes) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(http2.connect(server.addresses["grpc"])) for _ in range(4)]
        for client in clients:
            try:
                for _ in range(20_000):
                    client.send(kind, payload=payload)
            except ConnectionError:
                pass
        assert median_seconds(honest) < ANSWER_SECONDS
        if kind == http2.PING:
            for client in clients:
                last = [frame for frame in client.frames() if frame.kind == http2.GOAWAY]
                assert not last or last[-1].payload[4:8] == bytes([0, 0, 0, http2.ENHANCE_YOUR_CALM])


def test_too_much_metadata_is_refused_alone(server: Served, honest: Caller) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        ask(honest, metadata=[(f"x-{number}", "x" * 1000) for number in range(64)])
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    ask(honest)


def test_many_watches_take_no_place_of_others(server: Served, honest: Caller) -> None:
    def watch(caller: Caller) -> Any:
        call = health_pb2_grpc.HealthStub(caller.channel).Watch(health_pb2.HealthCheckRequest())
        assert next(call).status == health_pb2.HealthCheckResponse.SERVING
        return call

    own = watch(honest)
    with ExitStack() as stack:
        callers = [stack.enter_context(calling(server.addresses["grpc"])) for _ in range(3)]
        greedy = [watch(caller) for caller in callers for _ in range(150)]
        assert median_seconds(honest) < ANSWER_SECONDS
        ended = [call for call in greedy if call.done()]
        eventually(
            lambda: sum(call.done() for call in greedy) == 450 + 1 - 256, deadline=10, describe=lambda: len(ended)
        )
        over = next(call for call in greedy if call.done())
        assert over.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "watch the health of this server" in over.details()
        assert not own.done()


def ask(caller: Caller, **options: Any) -> None:
    """A prediction and two probes."""
    assert caller.infer(question({"rows": WINE[:1]}), **options).outputs
    assert caller.ask("ServerLive", pb.ServerLiveRequest(), **options).live
    caller.bytes("/grpc.health.v1.Health/Check", b"", **options)


def median_seconds(caller: Caller) -> float:
    """Of twenty predictions with probes."""
    times = []
    for _ in range(20):
        begun = time.monotonic()
        ask(caller)
        times.append(time.monotonic() - begun)
    return statistics.median(times)


async def silent_calls(
    address: str, count: int, meanwhile: Callable[[], None]
) -> list[tuple[str, grpc.StatusCode, str | None]]:
    """How so many calls of all methods end that send nothing.

    Args:
        address: of the server.
        count: of calls.
        meanwhile: what is tried once all have begun.
    """
    async with AsyncExitStack() as stack:
        channels = []
        for number in range(count // 250 + 1):
            own = (("grpc.use_local_subchannel_pool", 1), ("number", number))
            channels.append(await stack.enter_async_context(grpc.aio.insecure_channel(address, options=own)))
        calls = []
        for method, channel in islice(zip(cycle(METHODS), cycle(channels)), count):
            begin: Any = channel.stream_stream(method)
            calls.append((method, begin()))
        await asyncio.gather(*(call.wait_for_connection() for _, call in calls))
        await asyncio.to_thread(meanwhile)
        return [(method, await call.code(), await call.details()) for method, call in calls]
