"""Who waits in a line, and when their turn comes."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from modelway_server.prediction.line import Line


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(_begin(work), 5))


async def _begin(work: Callable[[], Awaitable[None]]) -> None:
    await work()


def test_turns_come_in_the_order_of_arrival_while_it_is_free() -> None:
    room, served = 2, []

    def take(name: str) -> Callable[[bool], None]:
        def begin(is_free: bool) -> None:  # noqa: FBT001
            nonlocal room
            room -= 1
            served.append((name, is_free))

        return begin

    async def work() -> None:
        nonlocal room
        line = Line(lambda: room > 0)
        for name in "abcd":
            line.wait(time.monotonic() + 60, take(name))
        line.serve()
        assert (served, len(line)) == ([("a", True), ("b", True)], 2)
        room = 1
        line.serve()
        assert served[2:] == [("c", True)]

    run(work)


def test_each_waits_no_longer_than_its_own_time() -> None:
    served: list[tuple[str, bool]] = []

    async def work() -> None:
        line = Line(lambda: False)
        line.wait(time.monotonic() + 60, lambda is_free: served.append(("a", is_free)))
        line.wait(time.monotonic() + 0.01, lambda is_free: served.append(("b", is_free)))
        while not served:
            await asyncio.sleep(0.001)
            line.serve()
        assert (served, len(line)) == ([("b", False)], 1)

    run(work)


def test_one_that_gives_up_is_not_served() -> None:
    served: list[bool] = []

    async def work() -> None:
        line = Line(lambda: True)
        turn = line.wait(time.monotonic() + 0.01, served.append)
        turn.cancel()
        line.serve()
        await asyncio.sleep(0.02)
        assert not served

    run(work)


def test_one_that_fails_holds_up_nobody() -> None:
    served: list[bool] = []

    def fail(_: bool) -> None:  # noqa: FBT001
        raise ValueError("fails")

    async def work() -> None:
        line = Line(lambda: True)
        line.wait(time.monotonic() + 60, fail)
        line.wait(time.monotonic() + 60, served.append)
        line.serve()
        assert served == [True]

    run(work)
