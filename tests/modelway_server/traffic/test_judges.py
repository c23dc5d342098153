"""Answers that are compared later: what is admitted, and what a hostile one may cost."""

import asyncio
import gzip
import json
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from modelway_server.dataplane.query import Body
from modelway_server.traffic.answers import decode_json
from modelway_server.traffic.document import Rollout
from modelway_server.traffic.judges import Judges
from modelway_server.traffic.shared import Count
from modelway_server.traffic.spare import SpareTime
from modelway_server.traffic.wire import CandidateAnswer

ROLLOUT = Rollout("w-1", "w", False, 50_000, "127.0.0.1", 8083, "", 0.001, 0.1)  # noqa: FBT003


@pytest.mark.parametrize(("spaces", "bad"), [(0, 0), (10_000, 0), (10_000_000, 1)])
@pytest.mark.parametrize("is_packed", [False, True])
def test_answer_much_larger_than_the_stable_one_disagrees(spaces: int, bad: int, *, is_packed: bool) -> None:
    counts: Counter[Count] = Counter()

    def count(one: Count, number: int = 1) -> None:
        counts[one] += number

    calls: Any = SimpleNamespace(is_idle=True)
    incoming: Any = SimpleNamespace(decode=decode_json)
    own = json.dumps({"predictions": [1]}).encode()
    body, headers = own[:1] + b" " * spaces + own[1:], {}
    if is_packed:
        body, headers = gzip.compress(body), {b"content-encoding": b"gzip"}
    judges = Judges(ROLLOUT, calls, count)
    asyncio.run(judges.compare(incoming, Body(own), CandidateAnswer(200, headers, body)))
    assert (counts[Count.DISAGREEMENT_TRIALS], counts[Count.DISAGREEMENT_BAD]) == (1, bad)


def test_work_larger_than_the_room_is_done_where_none_waits() -> None:
    done: list[int] = []
    left_out: list[int] = []

    async def work(number: int) -> None:
        done.append(number)

    async def offer() -> None:
        spare = SpareTime(
            lambda: True, most=8, most_bytes=10, at_once=1, share=1.0, left_out=lambda: left_out.append(1)
        )
        for number in range(2):
            spare.offer(lambda number=number: work(number), 20)  # type: ignore[misc]
        for _ in range(10):  # turns of the loop, more than it needs
            await asyncio.sleep(0)

    asyncio.run(offer())
    assert (done, left_out) == ([0], [1])
