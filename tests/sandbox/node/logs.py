"""Output of containers on disk, in the format of the container runtimes (CRI): `<time> <stream> F <text>`."""

import asyncio
import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path

LINE_BYTES = 16 * 1024
TAIL_BYTES = 2048
TAIL_LINES = 80


class Log:
    """The log of one run of a container; turned over at `limit` bytes, with one older part kept."""

    def __init__(self, path: Path, limit: int) -> None:
        self._path = path
        self._limit = limit
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)

    def write(self, stream: str, lines: list[bytes], tag: bytes = b"F") -> None:
        """Add lines; the tag P says that the line goes on in the next one."""
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").encode() + b"000Z " + stream.encode() + b" " + tag
        self._file.write(b"".join(stamp + b" " + line + b"\n" for line in lines))
        if self._file.tell() > self._limit:
            self._file.close()
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._file = self._path.open("ab", buffering=0)

    def tail(self) -> str:
        """The end of the output: at most 80 lines and 2,048 bytes, the latest kept."""
        with self._path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 16 * TAIL_BYTES))
            lines = [line.split(b" ", 3)[-1] for line in file.read().splitlines(keepends=True)]
        return b"".join(lines[-TAIL_LINES:])[-TAIL_BYTES:].decode(errors="replace")

    def close(self) -> None:
        """Write no more."""
        self._file.close()


class LogPipe(asyncio.Protocol):
    """The reading end of one output stream."""

    def __init__(self, log: Log, stream: str) -> None:
        self._log = log
        self._stream = stream
        self._rest = b""
        self.ended = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Write what is a whole line, keep the rest."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if lines:
            self._log.write(self._stream, lines)
        while len(self._rest) > LINE_BYTES:
            self._log.write(self._stream, [self._rest[:LINE_BYTES]], b"P")
            self._rest = self._rest[LINE_BYTES:]

    def connection_lost(self, exc: Exception | None) -> None:
        """Write the last line, which may lack its end."""
        if self._rest:
            self._log.write(self._stream, [self._rest])
        self.ended.set_result(exc)


class Output:
    """Both streams of a container on their way to its log; hand `descriptors` to the process, then `attach`."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._reading: list[int] = []
        self.descriptors: list[int] = []
        self._pipes: list[LogPipe] = []
        for _ in range(2):
            reading, writing = os.pipe()
            self._reading.append(reading)
            self.descriptors.append(writing)

    async def attach(self) -> None:
        """Start to read; the process has its ends by now."""
        loop = asyncio.get_running_loop()
        for descriptor in self.descriptors:
            os.close(descriptor)
        for reading, stream in zip(self._reading, ("stdout", "stderr"), strict=True):
            pipe = LogPipe(self.log, stream)
            await loop.connect_read_pipe(lambda pipe=pipe: pipe, os.fdopen(reading, "rb", buffering=0))  # type: ignore[misc]
            self._pipes.append(pipe)

    async def drain(self, seconds: float = 2.0) -> None:
        """Wait for the rest of what an ended process wrote."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(pipe.ended for pipe in self._pipes))

    def close(self) -> None:
        """Give up: no process took the ends."""
        for descriptor in [*self._reading, *self.descriptors]:
            os.close(descriptor)
