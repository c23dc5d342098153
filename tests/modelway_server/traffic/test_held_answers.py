"""What a candidate's answer holds of the room for clients' requests while its client reads it."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from modelway_server.prediction.held_bytes import Held, HeldBytes
from modelway_server.traffic.handover import HandOver
from modelway_server.traffic.incoming import GRPC_PATH, GRPC_TYPE, Incoming
from modelway_server.traffic.pace import Pace
from modelway_server.traffic.shared import Shared
from modelway_server.traffic.wire import CandidateAnswer

from .test_tally import ROLLOUT

SIZE = 100_000
JSON = "application/json"


@pytest.mark.parametrize(("target", "kind", "held"), [(b"/v1", JSON, 0), (GRPC_PATH, GRPC_TYPE, SIZE)])
def test_answer_is_counted_once_until_its_client_has_it(target: bytes, kind: str, held: int) -> None:
    """Connections of HTTP count by themselves."""
    room = HeldBytes(10 * SIZE)
    delivered: list[int] = []

    async def send(*_: object) -> CandidateAnswer:
        return CandidateAnswer(200, {b"content-type": kind.encode()}, b"{%b}" % bytes(SIZE - 2))

    client: Any = SimpleNamespace(send=send)
    calls: Any = SimpleNamespace(
        held_bytes=room, gives_amounts=False, is_idle=False, deadline=lambda *_: SimpleNamespace(at=1e12)
    )
    calls.when_idle = lambda *_: SimpleNamespace(cancel=lambda: None)
    call: Any = SimpleNamespace(held=Held(room), elsewhere=None, abandoned=None)
    way: Any = None
    read: Any = None

    def deliver(_: object) -> None:
        delivered.append(room._size)

    async def ask() -> None:
        shared = Shared(1)
        shared.begin("w-1")
        handing = HandOver(ROLLOUT, client, shared, calls, Pace(), way=way)
        await handing._hand_over(Incoming(call, target, {}, b"", read, apart=False, deliver=deliver, decode=read))
        handing._judges.end()

    asyncio.run(ask())
    assert delivered == [held]
