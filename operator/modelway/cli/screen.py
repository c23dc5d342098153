"""Show a text that changes: in its own place on a terminal, and one below the other where the output is a file or a pipe."""

import shutil
from collections.abc import Callable, Hashable
from typing import TextIO

_UP, _CLEAR = "\x1b[{}A", "\r\x1b[J"
"""Cursor up by so many lines, and erase from the cursor to the end of the screen (ECMA-48)."""


class Screen:
    """Where a changing text is shown.

    Args:
        stream: the output.
        overwrites: whether to show a text in the place of the one before, where the output is a terminal.
        size: columns and lines of the terminal at present.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        overwrites: bool = True,
        size: Callable[[], tuple[int, int]] = shutil.get_terminal_size,
    ) -> None:
        self._stream = stream
        self._overwrites = overwrites and stream.isatty()
        self._size = size
        self._version: Hashable = None
        self._lines = 0

    def show(self, text: str, version: Hashable) -> None:
        """Show a text.

        Args:
            text: what to show.
            version: of what it tells. The same version is not printed twice where nothing can be overwritten, though ages in it differ.
        """
        if self._overwrites:
            self._overwrite(text)
        elif version != self._version:
            self._stream.write(f"{text}\n")
        self._version = version
        self._stream.flush()

    def _overwrite(self, text: str) -> None:
        columns, height = self._size()
        lines = _fitting(text.splitlines(), columns, height - 1)
        back = _UP.format(self._lines) if self._lines else ""
        self._stream.write(f"{back}{_CLEAR}" + "".join(f"{line}\n" for line in lines))
        self._lines = sum(_height(line, columns) for line in lines)


def _fitting(lines: list[str], columns: int, height: int) -> list[str]:
    """The first lines that fit on the screen: what has left it cannot be overwritten."""
    room = height
    for number, line in enumerate(lines):
        room -= _height(line, columns)
        if room < 0:
            return [*lines[: max(number - 1, 0)], "..."]
    return lines


def _height(line: str, columns: int) -> int:
    """The lines of the terminal that a line takes."""
    return max(-(-len(line) // max(columns, 1)), 1)
