"""A line: whoever waits for the model gets it in the order in which they came, or is told that their time is over."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

Begin = Callable[[bool], None]
"""Called once, with whether its turn has come; else its time is over."""
_LOGGER = logging.getLogger(__name__)


class Turn:
    """One that waits.

    Args:
        begin: called when its turn has come, or its time is over.
        line: in which it waits.
        at: when its time is over, on the monotonic clock.
    """

    def __init__(self, begin: Begin, line: "deque[Turn]", at: float) -> None:
        self._begin = begin
        self._line = line
        seconds = max(at - time.monotonic(), 0.0)
        self._timer = asyncio.get_running_loop().call_later(seconds, self.end, False)  # noqa: FBT003

    def cancel(self) -> None:
        """Wait no longer; nothing is called."""
        self._timer.cancel()
        if self in self._line:
            self._line.remove(self)

    def end(self, is_free: bool) -> None:  # noqa: FBT001  (as `Begin`)
        """Leave the line, and say so."""
        self.cancel()
        try:
            self._begin(is_free)
        except Exception:
            _LOGGER.exception("what waited for the model could not begin")


class Line:
    """Those who wait until something is free.

    Args:
        is_free: whether it is, for one.
    """

    def __init__(self, is_free: Callable[[], bool]) -> None:
        self._is_free = is_free
        self._turns: deque[Turn] = deque()

    def __len__(self) -> int:
        return len(self._turns)

    def wait(self, at: float, begin: Begin) -> Turn:
        """Wait behind all others.

        Args:
            at: when the time is over, on the monotonic clock.
            begin: called later, once.
        """
        turn = Turn(begin, self._turns, at)
        self._turns.append(turn)
        return turn

    def serve(self) -> None:
        """Give those who are there their turn, while it is free; whoever comes meanwhile is served the next time."""
        for _ in range(len(self._turns)):
            if not (self._turns and self._is_free()):
                return
            self._turns[0].end(True)  # noqa: FBT003  (as above)
