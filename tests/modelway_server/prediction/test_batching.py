"""What arrives while the model is busy goes in one call, and every caller gets its own answer, whoever else was in it."""

import asyncio
import time
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway_server.contract.rows import Rows
from modelway_server.errors import InvalidInput, QueueFull, TooSlow
from modelway_server.prediction.call_probe import CallCost, measure
from support.server.doubling import Callers, numbers_of, settle_loop

ROWS = st.lists(st.integers(-1, 9), min_size=1, max_size=4)
STEPS = st.lists(
    st.tuples(st.just("ask"), ROWS, st.integers(1, 2))
    | st.tuples(st.just("leave"), st.integers(0, 20))
    | st.just(("work",))
    | st.just(("pass",)),
    max_size=25,
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(steps=STEPS, engine=st.sampled_from(["estimator", "linear"]), max_rows=st.sampled_from([1, 3, 8]))
def test_every_caller_gets_its_own_answer(steps: list[tuple[object, ...]], engine: str, max_rows: int) -> None:
    """In any order of asking, leaving and working; numbers are unique, so that each tells whose it is."""
    asyncio.run(scenario(steps, engine, max_rows))


async def scenario(steps: list[tuple[object, ...]], engine: str, max_rows: int) -> None:
    callers = await Callers(engine, max_rows=max_rows).ready()
    rows_of: list[list[float]] = []
    for step in steps:
        match step:
            case ("ask", list(rows), int(width)):
                first = 1000.0 * (len(rows_of) + 1)
                rows_of.append([first + row if row >= 0 else -first for row in rows])
                callers.ask(rows_of[-1], width)
            case ("leave", int(index)) if index < len(callers.tasks):
                callers.tasks[index].cancel()
            case ("work",):
                callers.thread.step()
            case _:
                await settle_loop()
        assert len(callers.thread.due) <= 1, "the model does one thing at a time"
    await settle_loop()
    while callers.thread.due:
        callers.thread.step()
        await settle_loop()
    for rows, caller in zip(rows_of, callers.tasks, strict=True):
        if caller.cancelled():
            continue
        if min(rows) < 0:
            assert isinstance(caller.exception(), InvalidInput)
        else:
            assert numbers_of(caller.result()) == [2 * number for number in rows]
    for call in callers.runtime.calls:
        whole = [rows for rows in rows_of if rows == call]
        assert len(call) <= max_rows or whole, "only a request that is larger alone goes beyond the cap"


def test_requests_during_a_call_share_the_next_call() -> None:
    async def crowd() -> list[list[float]]:
        callers = await Callers().ready()
        callers.ask([1.0])
        await settle_loop()
        for number in range(2, 12):
            callers.ask([float(number)])
        await settle_loop()
        while callers.thread.due:
            callers.thread.step()
        await asyncio.gather(*callers.tasks)
        return callers.runtime.calls

    assert [len(call) for call in asyncio.run(crowd())] == [1, 8, 2]


def test_request_of_a_gone_caller_does_not_reach_the_model() -> None:
    async def leave() -> list[list[float]]:
        callers = await Callers().ready()
        callers.ask([1.0])
        await settle_loop()
        caller = callers.ask([2.0])
        callers.ask([3.0])
        await settle_loop()
        caller.cancel()
        with suppress(asyncio.CancelledError):
            await caller
        while callers.thread.due:
            callers.thread.step()
        return callers.runtime.calls

    assert asyncio.run(leave()) == [[1.0], [3.0]]


def test_full_queue_refuses_a_request() -> None:
    async def flood() -> list[BaseException | object]:
        callers = await Callers(max_queue=3).ready()
        callers.ask([1.0])
        await settle_loop()
        for number in range(2, 8):
            callers.ask([float(number)])
        await settle_loop()
        while callers.thread.due:
            callers.thread.step()
        return list(await asyncio.gather(*callers.tasks, return_exceptions=True))

    assert [type(outcome) for outcome in asyncio.run(flood())].count(QueueFull) == 3


@pytest.mark.parametrize("busy", [False, True])
def test_deadline_of_the_caller_is_kept(busy: bool) -> None:  # noqa: FBT001
    async def hurry() -> tuple[float, int]:
        callers = await Callers().ready()
        if busy:
            callers.ask([1.0])
            await settle_loop()
        begun = time.monotonic()
        with pytest.raises(TooSlow, match="timeout"):
            await callers.ask([2.0], timeout=0.05)
        taken = time.monotonic() - begun
        callers.thread.step()
        return taken, len(callers.runtime.calls)

    taken, calls = asyncio.run(hurry())
    assert taken < 1.0
    assert calls == 1


def test_deadline_is_kept_behind_a_call_of_another_kind() -> None:
    """Both come in one turn of the loop, and only the first one's rows go to the model."""

    async def hurry() -> None:
        callers = await Callers().ready()
        callers.ask([1.0], 1)
        late = callers.ask([2.0], 2, timeout=0.05)
        await asyncio.wait([late], timeout=1.0)
        assert isinstance(late.exception(), TooSlow)

    asyncio.run(hurry())


def test_queue_depth_is_zero_when_all_have_left() -> None:
    async def leave() -> list[float | None]:
        callers = await Callers().ready()
        callers.ask([1.0])
        await settle_loop()
        caller = callers.ask([2.0])
        await settle_loop()
        depths = [callers.queue_depth]
        caller.cancel()
        await settle_loop()
        callers.thread.step()
        return [*depths, callers.queue_depth]

    assert asyncio.run(leave()) == [1.0, 0.0]


def test_event_loop_makes_short_calls_itself() -> None:
    async def ask() -> list[float]:
        callers = await Callers("linear").ready()
        return numbers_of(await callers.ask([1.0, 2.0]))

    assert asyncio.run(ask()) == [2.0, 4.0]


def test_bytes_beyond_the_limit_are_refused() -> None:
    predictor = Callers().predictor
    account = predictor.hold()
    account.add(7000)
    predictor.hold().add(1000)
    with pytest.raises(QueueFull):
        predictor.hold().add(1)
    account.release()
    predictor.hold().add(7000)


@pytest.mark.parametrize(
    ("fixed", "per_row", "limit", "rows"),
    [
        (4e-3, 6e-6, 1024, 1024),
        (3e-4, 1e-3, 1024, 32),
        (1e-3, 1e-4, 1024, 100),
        (1e-3, 0.0, 512, 512),
        (1e-3, 1e-3, 1, 1),
    ],
)
def test_rows_are_joined_while_it_saves_time(fixed: float, per_row: float, limit: int, rows: int) -> None:
    assert CallCost(fixed, per_row).worthwhile_rows(limit) == rows


def test_cost_of_a_call_has_a_part_per_row(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("modelway_server.prediction.call_probe.time.perf_counter", lambda: clock[0])

    def call(rows: Rows) -> None:
        clock[0] += 0.001 + 0.0001 * rows.count

    cost = measure(call, Rows(np.zeros((1, 1)), 1))
    assert (round(cost.fixed, 6), round(cost.per_row, 6)) == (0.001, 0.0001)
