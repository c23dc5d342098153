"""Reads the log of one run of a container, as the node writes it: `<RFC 3339 time> <stdout|stderr> <F|P> <text>` a line.

A run's log is `<restarts>.log`; an older part that the node turned over is beside it with `.1` added. The tag P says
that the line goes on in the next one.
"""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

POLL_SECONDS = 0.1
CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Options:
    """What `kubectl logs` asks for.

    Attributes:
        tail: only the last so many lines.
        since: only lines from this moment on.
        timestamps: begin each line with its time.
        limit: stop after so many bytes.
    """

    tail: int | None = None
    since: datetime | None = None
    timestamps: bool = False
    limit: int | None = None


def log_file(directory: Path, uid: str, container: str, restarts: int) -> Path:
    """The log of the run `restarts` of a container of the pod `uid`, below the sandbox's directory."""
    return directory / "pods" / uid / container / f"{restarts}.log"


@dataclass(frozen=True)
class Line:
    """One line as its container wrote it, and when; times are RFC 3339 text."""

    stamp: bytes
    text: bytes


def render(line: Line, options: Options) -> bytes:
    """One line as the reader wants it; b"" when it is too old."""
    if options.since is not None and datetime.fromisoformat(line.stamp.decode()) < options.since:
        return b""
    prefix = line.stamp + b" " if options.timestamps else b""
    return prefix + line.text + b"\n"


async def read(path: Path, options: Options, *, follow: bool, is_running: Callable[[], bool]) -> AsyncIterator[bytes]:
    """The log in pieces; with `follow` also what is added until the container no longer runs.

    Args:
        path: of the run's log; it may not be there yet.
        options: which lines, and how.
        follow: whether to wait for more.
        is_running: whether the container still writes.
    """
    left = options.limit
    source = _Source(path)
    try:
        pieces = b"".join(_choose(source.lines(), options))
        while True:
            if left is not None:
                pieces = pieces[:left]
                left -= len(pieces)
            if pieces:
                yield pieces
            if not follow or left == 0:
                return
            more = is_running()  # asked before the last look, so that nothing written before the end is missed
            pieces = b"".join(render(line, options) for line in source.lines())
            if not pieces and not more:
                return
            if not pieces:
                await asyncio.sleep(POLL_SECONDS)
    finally:
        source.close()


def _choose(lines: Iterable[Line], options: Options) -> Iterable[bytes]:
    rendered = filter(None, (render(line, options) for line in lines))
    return rendered if options.tail is None else deque(rendered, maxlen=options.tail)


class _Source:
    """The whole lines that were added since the last look, also across the turning over of the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rest = b""
        self._parts = b""
        self._file: BinaryIO | None = self._open(path.with_name(path.name + ".1")) or self._open(path)

    def lines(self) -> Iterator[Line]:
        """What is there now and was not read yet."""
        while True:
            if self._file is not None:
                yield from self._read(self._file)
            following = self._next()
            if following is None:
                return
            self.close()
            self._file = following

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _read(self, file: BinaryIO) -> Iterator[Line]:
        while chunk := file.read(CHUNK_BYTES):
            *entries, self._rest = (self._rest + chunk).split(b"\n")
            for entry in entries:
                stamp, _, tag, text = [*entry.split(b" ", 3), b"", b"", b""][:4]
                self._parts += text
                if tag != b"P":
                    yield Line(stamp, self._parts)
                    self._parts = b""

    def _next(self) -> BinaryIO | None:
        """The current log, where it is another file than the one being read."""
        current = self._open(self._path)
        if current is None:
            return None
        if self._file is not None and os.path.sameopenfile(self._file.fileno(), current.fileno()):
            current.close()
            return None
        return current

    @staticmethod
    def _open(path: Path) -> BinaryIO | None:
        try:
            return path.open("rb")
        except FileNotFoundError:
            return None
