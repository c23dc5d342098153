"""What a worker sends on of the answers that it has noted."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from modelway_server.dataplane.query import Answer, Body
from modelway_server.traffic.copying import Copying
from modelway_server.traffic.document import Rollout
from modelway_server.traffic.pace import Pace
from modelway_server.traffic.shared import Count, Shared
from modelway_server.traffic.tally import Tally

ROLLOUT = Rollout(
    id="w-1",
    candidate="w",
    mirrors=True,
    share=100_000,
    host="127.0.0.1",
    port=8083,
    sticky="",
    max_failed=0.001,
    tolerance=0.1,
)


def flush(answers: list[bytes], *, is_there: bool = True) -> tuple[list[int], Shared]:
    """Note answers to as many requests, and send them; the lengths of the frames of large ones, and the counts."""
    shared, pace = Shared(1), Pace()
    shared.begin("w-1")
    sent: list[int] = []

    def send_large(parts: list[bytes], _left_out: object) -> None:
        sent.append(sum(map(len, parts)))

    way: Any = SimpleNamespace(is_there=is_there, send_large=send_large)
    call: Any = SimpleNamespace(started=0.0, is_own=True, arrived=0.0, age=0.0)
    incoming: Any = SimpleNamespace(is_pinned=False, decode=None, target=b"/", headers={}, body=b"")

    async def note() -> None:
        copying = Copying(ROLLOUT, shared, Tally(ROLLOUT, shared, pace, lambda: None), pace, way, gives_amounts=False)
        outputs: Any = None
        for answer in answers:
            copying.answered(call, 0, lambda _: None, lambda: incoming)(Answer(Body(answer), outputs, 0, 1))
        copying.flush()
        copying.end()

    asyncio.run(note())
    return sent, shared


def test_answer_larger_than_any_that_is_compared_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelway_server.traffic.copying.MAX_COMPARED_BYTES", 100_000)
    sent, shared = flush([bytes(100_001), bytes(100_000)])
    assert len(sent) == 1
    assert 100_000 < sent[0] < 101_000
    assert shared.total(Count.BUSY) == 1
    assert shared.total(Count.STABLE_REQUESTS) == 2


def test_nothing_is_sent_without_a_way() -> None:
    sent, shared = flush([bytes(100_000)], is_there=False)
    assert not sent
    assert (shared.total(Count.BUSY), shared.total(Count.STABLE_REQUESTS)) == (0, 1)
