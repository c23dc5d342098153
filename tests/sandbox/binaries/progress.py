"""Honest progress of work that takes minutes: on a terminal one line that moves, else a line now and then."""

import sys
import time
from typing import TextIO

LOG_SECONDS = 10.0
TERMINAL_SECONDS = 0.2


class Progress:
    """Writes to `stream` (standard error by default)."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._in_place = self._stream.isatty()
        self._interval = TERMINAL_SECONDS if self._in_place else LOG_SECONDS
        self._last = 0.0
        self._open_line = False

    def say(self, text: str) -> None:
        """A line that stays."""
        self._end_line()
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def update(self, text: str) -> None:
        """How far it is by now; most calls write nothing."""
        now = time.monotonic()
        if now - self._last < self._interval:
            return
        self._last = now
        if self._in_place:
            self._stream.write(f"\r\033[K{text}")
            self._open_line = True
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()

    def _end_line(self) -> None:
        if self._open_line:
            self._stream.write("\r\033[K")
            self._open_line = False
