"""The file of the order as it changes: it is looked at every second or so, and read where it is another one."""

import logging
import os
from pathlib import Path
from typing import NamedTuple

from modelway_server.traffic.document import FILE_NAME, MAX_BYTES

_LOGGER = logging.getLogger(__name__)

_Version = tuple[int, int, int]


class News(NamedTuple):
    """What the file says since it changed.

    Attributes:
        content: of it; None where there is no file.
    """

    content: bytes | None


class OrderFile:
    """One process's view of `traffic.json`.

    Args:
        folder: where it lies, or will lie.

    Attributes:
        path: of the file.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._version: _Version | None = None
        self._unread: _Version | None = None

    def look(self) -> News | None:
        """What it says, where that changed; None where it did not.

        A version that cannot be opened now is tried again at the next look. Until then the last one holds.
        """
        version = _identity(self.path)
        if version == self._version:
            return None
        try:
            content = None if version is None else self._content()
        except OSError as error:
            if version != self._unread:
                _LOGGER.error("%s cannot be read yet, and what it said before holds: %s", self.path, error)  # noqa: TRY400  (the message says all)
            self._unread = version
            return None
        self._version = version
        return News(content)

    def _content(self) -> bytes | None:
        try:
            with self.path.open("rb") as file:
                return file.read(MAX_BYTES)
        except FileNotFoundError:
            return None


def _identity(path: Path) -> _Version | None:
    """What tells one content of a file from another; None where there is no file."""
    try:
        status = os.stat(path)  # noqa: PTH116  (a path's method costs twice as much)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
