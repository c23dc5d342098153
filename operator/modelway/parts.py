"""Run parts of a process side by side: they live and end together."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Any

STOP_SECONDS = 12.0
"""The longest that parts may take to end, the return of the Lease included; a pod's grace period is longer."""

logger = logging.getLogger(__name__)


async def until_one_ends(*parts: Coroutine[Any, Any, object]) -> None:
    """Run the parts until one of them ends; then cancel the others, and wait until they have ended as well.

    A part is cancelled once only: kopf never ends when it is cancelled again while it ends.

    Raises:
        Exception: what a part failed with.
    """
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
        if late:
            logger.warning("Parts that did not end within %.0f s: %s", STOP_SECONDS, _names(late))
    for task in done:
        task.result()


def _names(tasks: Iterable[asyncio.Task[object]]) -> str:
    return ", ".join(sorted(getattr(task.get_coro(), "__qualname__", task.get_name()) for task in tasks))
