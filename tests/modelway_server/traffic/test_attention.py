"""How long a process stood still while it waited."""

import asyncio
import time

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
