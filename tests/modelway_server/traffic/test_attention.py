"""How long a process stood still while it waited."""

import asyncio
import socket
import time

import pytest

from modelway_server.traffic.attention import Attention


def test_process_that_stands_still_misses_as_long() -> None:
    async def wait() -> float:
        attention = Attention()
        with attention.watch():
            await asyncio.sleep(0)
            time.sleep(0.5)  # noqa: ASYNC251  (it is what stands still)
            await asyncio.sleep(0)
            within = attention.away
        assert attention.away >= within
        return within

    assert asyncio.run(wait()) >= 0.35


def test_time_in_which_nothing_is_awaited_is_not_missed() -> None:
    async def wait() -> float:
        attention = Attention()
        time.sleep(0.3)  # noqa: ASYNC251  (as above)
        with attention.watch():
            return attention.away

    assert asyncio.run(wait()) < 0.1


def stand_still(seconds: float) -> None:
    time.sleep(seconds)


def test_what_came_in_time_is_read_before_the_time_is_over() -> None:
    async def wait() -> bytes:
        own, other = socket.socketpair()
        own.settimeout(0)
        loop = asyncio.get_running_loop()
        with own, other:
            async with Attention().timeout(0.05):
                loop.call_later(0.01, other.send, b"x")
                loop.call_later(0.011, stand_still, 0.09)  # too short to be seen
                return await loop.sock_recv(own, 1)

    assert asyncio.run(wait()) == b"x"


@pytest.mark.parametrize("after", [0.2, None])
def test_time_for_which_a_process_stands_still_is_added(after: float | None) -> None:
    async def wait() -> float:
        begun, happened = time.monotonic(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def be_away() -> None:
            stand_still(0.8)
            if after is not None:
                loop.call_later(after, happened.set)

        try:
            async with Attention().timeout(0.5):
                loop.call_later(0.05, be_away)
                await happened.wait()
        except TimeoutError:
            assert after is None
        return time.monotonic() - begun

    assert 1.0 < asyncio.run(wait()) < 3.0
