"""Few LISTs however long a fault lasts, and none of them because one object failed."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.cluster.outage import DOUBT_SECONDS, PROBES_AT_ONCE, Allowance, may_be_away
from modelway.cluster.relist import LIST_SECONDS, LISTS_AT_ONCE, RelistSchedule
from modelway.errors import ClusterError, RetryLater
from modelway.observed import Key
from support.operator.virtual_time import in_virtual_time

REGULAR = 300.0
HOUR = 3600.0
AWAY = ClusterError("GET /: the API server does not answer", status=0)


class _Listing:
    """Answers as the test says, and notes when it was asked."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.fault: Exception | None = None
        self.list_fault: Exception | None = None
        self.lists: list[float] = []
        self.probes: list[float] = []
        self.excused = 0
        self.deaf = False

    async def run(self) -> set[Key]:
        self.lists.append(_now())
        if self.fault or self.list_fault:
            raise self.fault or self.list_fault or AssertionError
        self.trouble = None
        return set()

    async def probe(self) -> None:
        self.probes.append(_now())
        if self.fault:
            raise self.fault

    def settle(self) -> None:
        """Nothing is owed."""

    def excuse(self) -> None:
        self.excused += 1


class _World:
    """A schedule, and what it lists."""

    def __init__(self) -> None:
        self.listing = _Listing()
        self.hurried: list[float] = []
        self.relist = RelistSchedule(
            self.listing, REGULAR, lambda _: None, lambda: self.hurried.append(_now()), clock=_now
        )


def _now() -> float:
    return asyncio.get_running_loop().time()


def _play(until: float, script: Callable[[_World, float], None], every: float = 0.5) -> _World:
    """Run a schedule; the script acts on its world twice a second."""

    async def scenario() -> _World:
        world = _World()
        task = asyncio.create_task(world.relist.run_forever())
        while _now() < until:
            script(world, _now())
            await asyncio.sleep(every)
        task.cancel()
        return world

    return in_virtual_time(scenario())


def test_failures_of_single_objects_cause_no_list() -> None:
    world = _play(HOUR, lambda world, _: world.relist.doubt())
    assert len(world.listing.lists) <= HOUR / REGULAR * 1.2 + 2, "the regular ones"
    assert len(world.listing.probes) <= HOUR / DOUBT_SECONDS + PROBES_AT_ONCE + 1
    assert world.hurried == []


def test_nothing_is_listed_while_the_api_server_is_away() -> None:
    def script(world: _World, now: float) -> None:
        world.listing.fault = AWAY if 60 <= now < 1000 else None
        if world.listing.fault:
            world.relist.doubt()

    world = _play(1100, script)
    away = [one for one in world.listing.lists if 62 < one < 1000]
    assert away == []
    [back] = [one for one in world.listing.lists if one >= 1000]
    assert back < 1010
    assert world.hurried == [back]
    assert world.listing.excused == 1
    assert len(world.listing.probes) < 940 / 3 + 20


def test_one_answered_probe_does_not_end_an_outage() -> None:
    answers = iter([AWAY, None, AWAY, None, AWAY, None, None])

    async def scenario() -> _World:
        world = _World()
        probe = world.listing.probe

        async def next_answer() -> None:
            world.listing.fault = next(answers, None)
            await probe()
            world.listing.fault = None

        world.listing.probe = next_answer  # type: ignore[method-assign]
        world.relist.doubt()
        task = asyncio.create_task(world.relist.run_forever())
        await asyncio.sleep(19)
        task.cancel()
        return world

    world = in_virtual_time(scenario())
    assert len(world.hurried) == 1
    assert next(answers, "all used") == "all used"


def test_a_flapping_api_server_is_listed_within_the_allowance() -> None:
    def script(world: _World, now: float) -> None:
        world.listing.fault = AWAY if now % 20 < 10 else None
        if world.listing.fault:
            world.relist.doubt()

    world = _play(HOUR, script)
    extra = len(world.listing.lists) - HOUR / REGULAR
    assert extra <= HOUR / LIST_SECONDS + LISTS_AT_ONCE + 5


def test_restarting_watches_cause_lists_within_the_allowance() -> None:
    world = _play(HOUR, lambda world, _: world.relist.ask_for_a_list())
    assert len(world.listing.lists) <= HOUR / LIST_SECONDS + LISTS_AT_ONCE + HOUR / REGULAR * 1.2


def test_a_deaf_watch_causes_a_list_every_minute() -> None:
    def script(world: _World, _: float) -> None:
        world.listing.deaf = True

    world = _play(HOUR, script)
    assert 50 <= len(world.listing.lists) <= 61


@pytest.mark.parametrize(
    "fault", [ClusterError("etcd", status=500), ClusterError("no", status=403), RetryLater("busy", seconds=1)]
)
def test_failing_lists_are_retried_with_backoff(fault: Exception) -> None:
    def script(world: _World, _: float) -> None:
        world.listing.list_fault = fault

    world = _play(HOUR, script)
    pauses = [after - before for before, after in pairwise(world.listing.lists)]
    assert pauses[:3] == pytest.approx([3, 6, 12], abs=2)
    assert min(pauses[5:]) >= 60
    assert world.relist.away is None, "its probes are answered"


@pytest.mark.parametrize(
    ("error", "doubted"),
    [
        (AWAY, True),
        (ClusterError("etcdserver: request timed out", status=500), True),
        (ClusterError("the server is shutting down", status=503), True),
        (ClusterError('Internal error occurred: failed calling webhook "x": 500', status=500), False),
        (ClusterError("conversion webhook for a/v1, Kind=B failed", status=500), False),
        (ClusterError("forbidden", status=403), False),
    ],
)
def test_only_failures_of_the_api_server_raise_a_doubt(error: ClusterError, *, doubted: bool) -> None:
    assert may_be_away(error) is doubted


@given(st.integers(1, 8), st.floats(0.5, 30), st.lists(st.floats(0, 20), max_size=60))
def test_an_allowance_is_never_exceeded(at_once: int, seconds: float, pauses: list[float]) -> None:
    allowance, now, taken = Allowance(at_once, seconds), 0.0, []
    for pause in pauses:
        now += pause
        if allowance.wait(now) <= 0:
            allowance.take(now)
            taken.append(now)
    for begin in taken:
        for end in taken:
            count = sum(begin <= one <= end for one in taken)
            assert begin > end or count <= at_once + (end - begin) / seconds + 1e-6
