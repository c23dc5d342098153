"""The one thread in which the model works, so that the event loop stays free for probes, and for reading requests."""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class ModelThread:
    """Runs one piece of work after the other.

    The thread starts with its first work, after the process was forked. It is a daemon: work that never returns does not
    delay the end of the process.
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, work: Callable[[], T], deliver: Callable[[T], None]) -> None:
        """Run work in the thread, and hand its result to `deliver` in the event loop of the caller.

        Args:
            work: must not raise.
            deliver: called once; not at all when the loop has ended by then.
        """
        loop = asyncio.get_running_loop()

        def run() -> None:
            result = work()
            try:
                loop.call_soon_threadsafe(deliver, result)
            except RuntimeError:
                return  # the loop has ended, and nobody waits

        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="model", daemon=True)
            self._thread.start()
        self._work.put(run)

    def close(self) -> None:
        """Take no more work; do not wait for what runs."""
        self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
