"""The work queue: nothing lost, nothing twice at once, failures further and further apart."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.errors import RetryLater
from modelway.patience import LASTING_SECONDS, PATIENCE_SECONDS
from modelway.queue import LONGEST_BACKOFF, SHORTEST_BACKOFF, WorkQueue, run_workers
from support.operator.virtual_time import in_virtual_time

Run = Callable[[str], Coroutine[Any, Any, float | None]]


async def _serve(queue: WorkQueue[str], run: Run, *, until: float, workers: int = 1, seconds: float = 60.0) -> None:
    task = asyncio.create_task(run_workers(queue, run, size=workers, seconds=seconds, grace=lambda: 0))
    await asyncio.sleep(until)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _now() -> float:
    return asyncio.get_running_loop().time()


def test_a_key_waits_at_most_once() -> None:
    async def scenario() -> int:
        queue: WorkQueue[str] = WorkQueue()
        for _ in range(3):
            queue.add("a")
        return len(queue)

    assert in_virtual_time(scenario()) == 1


def test_key_added_while_running_runs_once_more_afterwards() -> None:
    async def scenario() -> list[str]:
        queue: WorkQueue[str] = WorkQueue()
        log: list[str] = []

        async def run(key: str) -> None:
            log.append(f"begin {_now():g}")
            if len(log) == 1:
                queue.add(key)
                queue.add(key)
            await asyncio.sleep(1)
            log.append(f"end {_now():g}")

        queue.add("a")
        await _serve(queue, run, until=10, workers=4)
        return log

    assert in_virtual_time(scenario()) == ["begin 0", "end 1", "begin 1", "end 2"]


def test_keys_are_served_in_turn_while_one_keeps_coming_back() -> None:
    async def scenario() -> list[str]:
        queue: WorkQueue[str] = WorkQueue()
        served: list[str] = []

        async def run(key: str) -> None:
            served.append(key)
            await asyncio.sleep(1)
            if key == "busy":
                queue.add(key)

        for key in ("busy", "a", "b", "c"):
            queue.add(key)
        await _serve(queue, run, until=4.5)
        return served

    assert in_virtual_time(scenario()) == ["busy", "a", "b", "c", "busy"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30)), unique=True))
def test_groups_take_turns_and_no_key_is_lost(keys: list[tuple[str, int]]) -> None:
    async def scenario() -> list[tuple[str, int]]:
        queue: WorkQueue[tuple[str, int]] = WorkQueue(lambda key: key[0])
        for key in keys:
            queue.add(key)
        return [await queue.get() for _ in keys]

    served = in_virtual_time(scenario())
    assert sorted(served) == sorted(keys)
    for group in "abc":
        assert [key for key in served if key[0] == group] == [key for key in keys if key[0] == group]
    # As long as every group has keys left, each round of turns serves every group once.
    groups = {key[0] for key in keys}
    rounds = min((sum(key[0] == group for key in keys) for group in groups), default=0)
    for turn in range(rounds):
        assert {key[0] for key in served[turn * len(groups) : (turn + 1) * len(groups)]} == groups


def test_a_group_that_is_flooded_holds_up_no_other() -> None:
    async def scenario() -> list[str]:
        queue: WorkQueue[str] = WorkQueue(lambda key: key[0])
        for number in range(500):
            queue.add(f"f{number}")
        first = await queue.get()
        queue.add("q")
        return [first, await queue.get(), await queue.get()]

    assert in_virtual_time(scenario()) == ["f0", "f1", "q"]


def test_a_group_whose_runs_hang_leaves_workers_to_the_others() -> None:
    async def scenario() -> tuple[list[str], int]:
        queue: WorkQueue[str] = WorkQueue(lambda key: key[0], most=2)
        begun: list[str] = []

        async def run(key: str) -> None:
            begun.append(f"{key} {_now():g}")
            await asyncio.sleep(10)

        for key in ("a1", "a2", "a3", "a4", "b1"):
            queue.add(key)
        await _serve(queue, run, until=15, workers=3)
        return begun, len(queue)

    assert in_virtual_time(scenario()) == (["a1 0", "b1 0", "a2 0", "a3 10", "a4 10"], 0)


def test_failing_key_backs_off_without_delaying_others() -> None:
    async def scenario() -> tuple[list[float], int]:
        queue: WorkQueue[str] = WorkQueue(uniform=lambda: 1.0)
        failed: list[float] = []
        others = 0

        async def run(key: str) -> float | None:
            nonlocal others
            if key == "poison":
                failed.append(_now())
                raise OSError("no")
            others += 1
            return 1.0

        queue.add("poison")
        queue.add("good")
        await _serve(queue, run, until=2000)
        return [after - before for before, after in itertools.pairwise(failed)], others

    gaps, others = in_virtual_time(scenario())
    assert gaps[:4] == pytest.approx([0.1, 0.2, 0.4, 0.8])
    assert gaps[10] == pytest.approx(PATIENCE_SECONDS)
    assert gaps[-1] == pytest.approx(LASTING_SECONDS)
    assert others >= 1999


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=40))
def test_the_back_off_stays_within_its_bounds(randoms: list[float]) -> None:
    async def scenario() -> list[float]:
        left = iter(randoms)
        queue: WorkQueue[str] = WorkQueue(uniform=lambda: next(left))
        return [queue.add_backed_off("a") for _ in randoms]

    assert all(SHORTEST_BACKOFF <= delay <= LONGEST_BACKOFF for delay in in_virtual_time(scenario()))


def test_very_many_failing_keys_share_the_retries() -> None:
    async def scenario() -> tuple[float, float]:
        queue: WorkQueue[int] = WorkQueue(uniform=lambda: 1.0)
        for key in range(10_000):
            delay = queue.add_backed_off(key)
        for _ in range(20):
            delay = queue.add_backed_off(0)
        few: WorkQueue[int] = WorkQueue(uniform=lambda: 1.0)
        for _ in range(20):
            single = few.add_backed_off(0)
        return delay, single

    assert in_virtual_time(scenario()) == (LONGEST_BACKOFF, PATIENCE_SECONDS)


def test_when_the_cause_is_over_failing_keys_need_not_wait() -> None:
    async def scenario() -> list[float]:
        queue: WorkQueue[str] = WorkQueue(uniform=lambda: 1.0)
        runs: list[float] = []

        async def run(_: str) -> None:
            runs.append(_now())
            if _now() < 60:
                raise OSError("away")

        queue.add("a")
        asyncio.get_running_loop().call_later(60, queue.hurry)
        await _serve(queue, run, until=100)
        return runs

    assert in_virtual_time(scenario())[-1] == 60


def test_success_starts_the_back_off_anew() -> None:
    async def scenario() -> tuple[float, float]:
        queue: WorkQueue[str] = WorkQueue(uniform=lambda: 1.0)
        for _ in range(5):
            late = queue.add_backed_off("a")
        queue.forget("a")
        return late, queue.add_backed_off("a")

    assert in_virtual_time(scenario()) == pytest.approx((1.6, 0.1))


def test_a_run_names_the_time_of_the_next_one() -> None:
    async def scenario() -> list[float]:
        queue: WorkQueue[str] = WorkQueue()
        runs: list[float] = []

        async def run(_: str) -> float:
            runs.append(_now())
            return 10.0

        queue.add("a")
        await _serve(queue, run, until=25)
        return runs

    assert in_virtual_time(scenario()) == pytest.approx([0, 10, 20])


def test_being_asked_to_come_later_is_no_failure() -> None:
    async def scenario() -> list[float]:
        queue: WorkQueue[str] = WorkQueue()
        runs: list[float] = []

        async def run(_: str) -> None:
            runs.append(_now())
            raise RetryLater("busy", seconds=5)

        queue.add("a")
        await _serve(queue, run, until=12)
        return runs

    assert in_virtual_time(scenario()) == pytest.approx([0, 5, 10])


def test_a_server_that_stays_busy_is_asked_ever_less_often() -> None:
    async def scenario() -> int:
        queue: WorkQueue[str] = WorkQueue()
        runs = 0

        async def run(_: str) -> None:
            nonlocal runs
            runs += 1
            raise RetryLater("busy", seconds=1)

        queue.add("a")
        await _serve(queue, run, until=3600)
        return runs

    assert in_virtual_time(scenario()) < 150


def test_a_run_that_hangs_is_given_up_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> list[float]:
        queue: WorkQueue[str] = WorkQueue(uniform=lambda: 1.0)
        runs: list[float] = []

        async def run(_: str) -> None:
            runs.append(_now())
            await asyncio.Event().wait()

        queue.add("a")
        await _serve(queue, run, until=65, seconds=60)
        return runs

    assert in_virtual_time(scenario()) == pytest.approx([0, 60.1])
    assert "broken off after 60 s" in caplog.text


@pytest.mark.parametrize(("length", "ends"), [(0.0, 3.0), (4.0, 5.0), (60.0, 10.0)], ids=["idle", "busy", "stuck"])
def test_stopped_workers_end_passes_and_begin_none(length: float, ends: float) -> None:
    """Two passes begin at 1 s, the end is asked for at 3 s, and the grace is 7 s."""

    async def scenario() -> tuple[float, list[str]]:
        queue: WorkQueue[str] = WorkQueue()
        log: list[str] = []

        async def run(key: str) -> None:
            log.append(f"{key} begins")
            await asyncio.sleep(length)
            log.append(f"{key} ends")

        task = asyncio.create_task(run_workers(queue, run, size=2, seconds=100, grace=lambda: 7))
        await asyncio.sleep(1)
        keys = ["a", "b", "late"] if length else ["a", "b"]
        for key in keys:
            queue.add(key)
        await asyncio.sleep(2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        return _now(), log

    now, log = in_virtual_time(scenario())
    ended = ["a ends", "b ends"] if length < 10 else []
    assert now == pytest.approx(ends)
    assert sorted(log) == sorted(["a begins", "b begins", *ended])


def test_the_age_of_the_oldest_key_is_known() -> None:
    async def scenario() -> tuple[float, float]:
        queue: WorkQueue[str] = WorkQueue()
        empty = queue.oldest_age()
        queue.add("a")
        await asyncio.sleep(3)
        queue.add("b")
        return empty, queue.oldest_age()

    assert in_virtual_time(scenario()) == pytest.approx((0, 3))


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0, 5)), max_size=60), st.integers(1, 4))
def test_every_added_key_runs_and_never_twice_at_once(touches: list[tuple[int, float]], workers: int) -> None:
    async def scenario() -> tuple[dict[int, float], dict[int, float]]:
        queue: WorkQueue[int] = WorkQueue()
        touched: dict[int, float] = {}
        begun: dict[int, float] = {}
        running: set[int] = set()

        async def run(key: int) -> None:
            assert key not in running
            running.add(key)
            begun[key] = _now()
            await asyncio.sleep(0.7)
            running.discard(key)

        task = asyncio.create_task(run_workers(queue, run, size=workers, seconds=60, grace=lambda: 0))
        for key, pause in touches:
            await asyncio.sleep(pause)
            touched[key] = _now()
            queue.add(key)
        await asyncio.sleep(60)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return touched, begun

    touched, begun = in_virtual_time(scenario())
    assert all(begun[key] >= moment for key, moment in touched.items())
