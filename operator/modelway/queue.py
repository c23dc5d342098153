"""The keyed work queue between the watches and the reconcile pass.

The queue keeps keys, not events, because an event only says *that* something about a key changed. A key waits at most once and runs at most
once at a time. A key that is added while it runs runs again afterwards. Keys run in the order in which they came, so that a busy or failing
key never starves the others. Groups of keys (namespaces) take turns, and none takes all workers, so that a flood in one delays no other. For
the rest, the semantics are those of client-go's rate-limiting work queue.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from modelway.errors import ModelwayError, RetryLater
from modelway.patience import longest_pause

K = TypeVar("K", bound=Hashable)

Run = Callable[[K], Awaitable[float | None]]
"""One pass over one key; it returns the seconds until the key needs another look, or None."""

SHORTEST_BACKOFF = 0.1
"""Seconds before the first retry of a failed run."""

LONGEST_BACKOFF = 300.0
"""Seconds between retries of a key that keeps failing, when very many do."""

RETRIES_PER_SECOND = 10.0
"""How often all failing keys together are retried, in the long run."""

_LARGEST_EXPONENT = 12

_BROKEN_OFF = "it was broken off after {seconds:.0f} s: the API server, or a webhook that it asks, is slow to answer"

_NOBODY = object()

logger = logging.getLogger(__name__)


class _Line(Generic[K]):
    """The keys that wait, each since a time. Groups take turns; inside a group the first comes first."""

    def __init__(self, group: Callable[[K], Hashable]) -> None:
        self._group = group
        self._groups: dict[Hashable, dict[K, float]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __contains__(self, key: K) -> bool:
        return key in self._groups.get(self._group(key), ())

    def append(self, key: K, since: float) -> None:
        """Let `key`, which does not wait yet, wait at the end of its group."""
        self._groups.setdefault(self._group(key), {})[key] = since
        self._length += 1

    def pop(self, may_run: Callable[[Hashable], bool]) -> K | None:
        """Take the first key of the next group that may run; that group's next turn comes after all others."""
        group = next(filter(may_run, self._groups), _NOBODY)
        if group is _NOBODY:
            return None
        keys = self._groups.pop(group)
        key = next(iter(keys))
        del keys[key]
        if keys:
            self._groups[group] = keys
        self._length -= 1
        return key

    def oldest(self) -> float | None:
        """When the longest waiting key began to wait; None if no key waits."""
        return min((since for keys in self._groups.values() for since in keys.values()), default=None)


class WorkQueue(Generic[K]):
    """The keys that wait for a run, now or later. It belongs to one event loop.

    Args:
        group: the group of a key; all keys are in one by default.
        most: how many keys of one group may run at the same time; any number by default.
        clock: seconds, monotonic; the event loop's own by default.
        uniform: a number in [0, 1) for jitter.
    """

    def __init__(
        self,
        group: Callable[[K], Hashable] = lambda _: None,
        *,
        most: int | None = None,
        clock: Callable[[], float] | None = None,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._group = group
        self._most = most
        self._busy: Counter[Hashable] = Counter()
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._uniform = uniform
        self._waiting = _Line(group)
        self._running: set[K] = set()
        self._dirty: dict[K, float] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._arrival = asyncio.Event()

    def add(self, key: K) -> None:
        """Run `key` as soon as a worker is free; after its present run when it is running."""
        if key in self._running:
            self._dirty.setdefault(key, self._clock())
        elif key not in self._waiting:
            self._waiting.append(key, self._clock())
            self._arrival.set()

    def add_after(self, key: K, delay: float) -> None:
        """Run `key` in `delay` seconds; replaces an earlier appointment of the same key."""
        self._cancel_timer(key)
        self._timers[key] = asyncio.get_running_loop().call_later(delay, self._ring, key)

    def add_backed_off(self, key: K, *, at_least: float = SHORTEST_BACKOFF) -> float:
        """Run `key` again after a failure, later each time; return the delay in seconds, with jitter.

        The delay grows from 0.1 to 8, and to 60 if the failure lasts. It grows to 300 if so many keys fail that retrying each every 8 seconds
        would burden the API server.

        Args:
            key: what failed.
            at_least: the shortest delay, seconds, which the cluster may have asked for.
        """
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        longest = min(max(longest_pause(failures), len(self._failures) / RETRIES_PER_SECOND), LONGEST_BACKOFF)
        full = min(longest, SHORTEST_BACKOFF * 2.0 ** min(failures, _LARGEST_EXPONENT))
        delay = max(at_least, full * (0.5 + self._uniform() / 2))
        self.add_after(key, delay)
        return delay

    def forget(self, key: K) -> None:
        """Reset the back-off of `key` after a successful run, and cancel its retry."""
        self._failures.pop(key, None)
        self._cancel_timer(key)

    def hurry(self) -> None:
        """Run all failing keys now, because the cause of their failures is gone."""
        failing = list(self._failures)
        self._failures.clear()
        for key in failing:
            self._cancel_timer(key)
            self.add(key)

    async def get(self) -> K:
        """Wait for the next key; it counts as running until `finish`."""
        while (key := self._waiting.pop(self._has_room)) is None:
            self._arrival.clear()
            await self._arrival.wait()
        self._running.add(key)
        self._busy[self._group(key)] += 1
        return key

    def finish(self, key: K) -> None:
        """End the run of `key`, successful or not; a key that was added meanwhile waits again."""
        self._running.discard(key)
        self._busy -= Counter([self._group(key)])
        since = self._dirty.pop(key, None)
        if since is not None:
            self._waiting.append(key, since)
        if self._waiting:
            self._arrival.set()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._dirty)

    def oldest_age(self) -> float:
        """Seconds for which the longest waiting key has waited; 0 if none waits."""
        oldest = self._waiting.oldest()
        since = [*([] if oldest is None else [oldest]), *self._dirty.values()]
        return self._clock() - min(since) if since else 0.0

    def _has_room(self, group: Hashable) -> bool:
        return self._most is None or self._busy[group] < self._most

    def _ring(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _cancel_timer(self, key: K) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()


async def run_workers(
    queue: WorkQueue[K], run: Run[K], *, size: int, seconds: float, grace: Callable[[], float]
) -> None:
    """Run workers until cancelled; then begin no pass, and let those under way end.

    Args:
        queue: where keys come from.
        run: one pass over one key; it returns the seconds until the key needs another look, or None.
        size: how many passes run at the same time.
        seconds: after which a pass is cancelled and counts as failed.
        grace: returns the seconds that passes under way have to end; called on cancellation.
    """
    busy: set[asyncio.Task[None] | None] = set()
    over = asyncio.Event()

    async def run_counted(key: K) -> float | None:
        busy.add(asyncio.current_task())
        try:
            return await run(key)
        finally:
            busy.discard(asyncio.current_task())

    workers = [asyncio.create_task(_work(queue, run_counted, over, seconds)) for _ in range(size)]
    try:
        done, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_COMPLETED)
        for worker in done:
            worker.result()
    finally:
        over.set()
        await _end(workers, lambda worker: worker in busy, grace())


async def _end(workers: list[asyncio.Task[None]], is_busy: Callable[[asyncio.Task[None]], bool], grace: float) -> None:
    late = [worker for worker in workers if is_busy(worker)]
    for worker in set(workers) - set(late):
        worker.cancel()
    if late:
        logger.info("Passes under way: %d; they have %.0f s to end", len(late), grace)
        _, late_still = await asyncio.wait(late, timeout=grace)
        for worker in late_still:
            logger.warning("A pass did not end within %.0f s and is cancelled", grace)
            worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)


async def _work(queue: WorkQueue[K], run: Run[K], over: asyncio.Event, seconds: float) -> None:
    """Run one worker until `over`: take a key, run it, decide when it comes again."""
    while not over.is_set():
        key, limit = await queue.get(), asyncio.timeout(seconds)
        try:
            async with limit:
                delay = await run(key)
        except RetryLater as later:
            queue.add_backed_off(key, at_least=later.seconds)
        except Exception as error:  # noqa: BLE001 -- no failure of a pass may end the worker; each is logged and retried
            cause = ModelwayError(_BROKEN_OFF.format(seconds=seconds)) if limit.expired() else error
            _log_failure(key, cause, queue.add_backed_off(key))
        else:
            queue.forget(key)
            if delay is not None:
                queue.add_after(key, delay)
        finally:
            queue.finish(key)


def _log_failure(key: object, error: Exception, delay: float) -> None:
    known = isinstance(error, (TimeoutError, OSError, ModelwayError))
    what = str(error) or type(error).__name__
    trace = None if known else error
    logger.warning("Pass failed, next try in %.1f s: %s", delay, what, exc_info=trace, extra={"resource": key})
