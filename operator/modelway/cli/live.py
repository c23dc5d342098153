"""Read something of a cluster again and again, and show it as it changes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from modelway.cluster.snapshot import Object
from modelway.errors import ClusterError, ModelwayError, NoCluster, RetryLater

_PASSING = (NoCluster, ClusterError, RetryLater)
"""Errors that may be over at the next look."""


async def follow(
    read: Callable[[], Awaitable[Sequence[Object]]],
    show: Callable[[Sequence[Object], str], Any],
    *,
    every: float,
    seconds: float | None,
) -> None:
    """Show what is read until the time is over, or until whoever watches interrupts it.

    Args:
        read: asks the cluster.
        show: takes what was read last, and why it could not be read anew; empty where it could.
        every: seconds from one look to the next.
        seconds: after how long to end; None never ends.

    Raises:
        ModelwayError: the first look failed, or a later one for good, as where the ModelDeployment was deleted.
    """
    try:
        async with asyncio.timeout(seconds):
            resources = await read()
            show(resources, "")
            while True:
                await asyncio.sleep(every)
                resources, trouble = await _look_again(read, resources)
                show(resources, trouble)
    except TimeoutError:
        return


async def _look_again(
    read: Callable[[], Awaitable[Sequence[Object]]], before: Sequence[Object]
) -> tuple[Sequence[Object], str]:
    try:
        return await read(), ""
    except _PASSING as error:
        return before, _text(error)


def _text(error: ModelwayError) -> str:
    return f"This is how it was: {error}"
