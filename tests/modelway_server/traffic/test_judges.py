"""Answers that are compared later: what is admitted, and what a hostile one may cost."""

import asyncio
import gzip
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from modelway_server.prediction.held_bytes import HeldBytes
from modelway_server.prediction.line import Line
from modelway_server.traffic.answers import decode_json
from modelway_server.traffic.comparer import Comparer
from modelway_server.traffic.judges import share_of
from modelway_server.traffic.shared import Count
from modelway_server.traffic.spare import SpareTime
from modelway_server.traffic.wire import CandidateAnswer


@pytest.mark.parametrize(("spaces", "bad"), [(0, 0), (10_000, 0), (10_000_000, 1)])
@pytest.mark.parametrize("is_packed", [False, True])
def test_answer_much_larger_than_the_stable_one_disagrees(spaces: int, bad: int, *, is_packed: bool) -> None:
    counts: Counter[Count] = Counter()

    def count(one: Count, number: int = 1) -> None:
        counts[one] += number

    own = json.dumps({"predictions": [1]}).encode()
    body, headers = own[:1] + b" " * spaces + own[1:], {}
    if is_packed:
        body, headers = gzip.compress(body), {b"content-encoding": b"gzip"}
    comparer = Comparer(0.1, count, amounts=False)
    asyncio.run(comparer.compare(decode_json, (own, {}), CandidateAnswer(200, headers, body)))
    assert (counts[Count.DISAGREEMENT_TRIALS], counts[Count.DISAGREEMENT_BAD]) == (1, bad)


def spare_time(
    is_idle: Callable[[], bool],
    left_out: list[int],
    held: HeldBytes | None = None,
    share: Callable[[float], float] = lambda _: 1.0,
) -> SpareTime:
    line = Line(is_idle)
    calls: Any = SimpleNamespace(is_idle=is_idle(), held_bytes=held or HeldBytes(1000), when_idle=line.wait)
    return SpareTime(calls, most=8, most_bytes=10, at_once=1, share=share, left_out=lambda: left_out.append(1))


def test_work_for_a_model_that_is_never_idle_is_left_out_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelway_server.traffic.spare.WAIT_SECONDS", 0.05)
    left_out: list[int] = []
    held = HeldBytes(1000)

    async def offer() -> None:
        spare = spare_time(lambda: False, left_out, held)
        for _ in range(6):
            spare.offer(asyncio.Event().wait, 1)  # type: ignore[arg-type]
        begun = time.monotonic()
        while len(left_out) < 6:  # noqa: ASYNC110  (no event tells)
            await asyncio.sleep(0.005)
        assert time.monotonic() - begun < 1, "all of them at once, and not one after the other"

    asyncio.run(asyncio.wait_for(offer(), 5))
    held.add(1000)  # nothing of them is held any more


def test_second_answers_of_a_slow_model_get_less_of_its_time() -> None:
    assert [share_of(seconds) for seconds in (0.0, 0.001, 0.01, 0.02, 0.5)] == pytest.approx([0.2, 0.2, 0.2, 0.1, 0.05])


@pytest.mark.parametrize(("seconds", "pause"), [(1.0, 10.0), (2.5, 10.0), (60.0, 240.0)])
def test_pause_after_a_second_answer_ends(seconds: float, pause: float) -> None:
    """It is no longer than it must be for a fifth of the time."""
    assert seconds * (1 / share_of(seconds) - 1) == pytest.approx(pause)


def test_work_larger_than_the_room_is_done_where_none_waits() -> None:
    done: list[int] = []
    left_out: list[int] = []

    async def work(number: int) -> None:
        done.append(number)

    async def offer() -> None:
        spare = spare_time(lambda: True, left_out)
        for number in range(2):
            spare.offer(lambda number=number: work(number), 20)  # type: ignore[misc]
        for _ in range(10):  # turns of the loop, more than it needs
            await asyncio.sleep(0)

    asyncio.run(offer())
    assert (done, left_out) == ([0], [1])


def run_spare(offer: Callable[[SpareTime, HeldBytes], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        held = HeldBytes(1000)
        await offer(spare_time(lambda: True, [], held, **options), held)

    asyncio.run(asyncio.wait_for(run(), 5))


def test_work_that_comes_as_a_worker_ends_is_done() -> None:
    done: list[int] = []

    async def offer(spare: SpareTime, _held: HeldBytes) -> None:
        loop = asyncio.get_running_loop()

        async def work() -> None:
            done.append(1)

        def offer_at_the_end(worker: asyncio.Task[None]) -> None:
            if worker.done():  # its callbacks have not been called yet
                spare.offer(work, 1)
            else:
                loop.call_soon(offer_at_the_end, worker)

        spare.offer(work, 1)
        [worker] = spare._workers
        loop.call_soon(offer_at_the_end, worker)
        for _ in range(20):
            await asyncio.sleep(0)

    run_spare(offer)
    assert len(done) == 2


def test_work_that_fails_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    left_out: list[int] = []

    async def work() -> None:
        raise ValueError("not this one")

    async def offer() -> None:
        spare_time(lambda: True, left_out).offer(work, 1)
        for _ in range(10):
            await asyncio.sleep(0)

    asyncio.run(offer())
    assert left_out == [1]
    assert len(caplog.records) == 1


def test_nothing_is_taken_after_the_end() -> None:
    done: list[int] = []

    async def offer(spare: SpareTime, held: HeldBytes) -> None:
        async def work() -> None:
            done.append(1)

        spare.end()
        spare.offer(work, 1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        held.add(1000)

    run_spare(offer)
    assert not done


def test_pause_after_a_piece_holds_none_of_its_bytes() -> None:
    async def offer(spare: SpareTime, held: HeldBytes) -> None:
        async def work() -> None:
            await asyncio.sleep(0.001)

        spare.offer(work, 5)
        while held._size:  # noqa: ASYNC110  (no event tells)
            await asyncio.sleep(0.001)

    run_spare(offer, share=lambda _: 1e-6)


def test_work_whose_time_is_over_is_left_out_where_the_model_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelway_server.traffic.spare.WAIT_SECONDS", 0.0)
    done: list[int] = []

    async def offer(spare: SpareTime, _held: HeldBytes) -> None:
        async def work() -> None:
            done.append(1)

        spare.offer(work, 1)
        for _ in range(10):
            await asyncio.sleep(0)

    run_spare(offer)
    assert not done
