"""Bring an artifact's bytes from a source into a file, once, whole, under a cap and through failures."""

import asyncio
import errno
import hashlib
import logging
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from modelway_server.artifacts.source import Changed, Interrupted, Source
from modelway_server.errors import ArtifactTooLarge, FetchFailed, StorageFull

DRAFT_NAME = ".fetch.part"
MAX_FAILURES = 6
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 8.0
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

log = logging.getLogger(__name__)


class Draft:
    """The file being written: hidden, hashed as it grows, and given its name only when it is whole.

    As a context manager it leaves nothing behind unless `publish` was called.

    Args:
        directory: where the file will be; made when it is not there.
        max_bytes: the cap on its size.

    Raises:
        StorageFull: (by every method that writes) the volume has no room or cannot be written.
    """

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self.size = 0
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()
        self._path = directory / DRAFT_NAME
        with storage_errors(directory):
            directory.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb", buffering=0)

    @property
    def digest(self) -> str:
        """`sha256:` and the hex digest of the bytes so far."""
        return f"sha256:{self._hash.hexdigest()}"

    def check_size(self, size: int) -> None:
        """Refuse a size before its bytes are written.

        Raises:
            ArtifactTooLarge: it is above the cap.
        """
        if size > self._max_bytes:
            raise ArtifactTooLarge(f"the artifact has {readable(size)}; the cap is {readable(self._max_bytes)}")

    def write(self, chunk: bytes) -> None:
        """Append the chunk.

        Raises:
            ArtifactTooLarge: the file would grow beyond the cap.
        """
        self.check_size(self.size + len(chunk))
        with storage_errors(self._path.parent):
            view = memoryview(chunk)
            while view:
                view = view[self._file.write(view) :]
        self._hash.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        """Forget all bytes."""
        with storage_errors(self._path.parent):
            self._file.truncate(0)
            self._file.seek(0)
        self._hash = hashlib.sha256()
        self.size = 0

    def publish(self, name: str) -> None:
        """Make the bytes durable and give the file its name, read-only for everybody, in one step."""
        directory = self._path.parent
        with storage_errors(directory):
            os.fsync(self._file.fileno())
            os.fchmod(self._file.fileno(), 0o444)
            self._path.replace(directory / name)
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


class Download:
    """One artifact on its way into a draft, resumed where it broke.

    A failure that may pass (5xx, 429, network) is tried again after a jittered pause that doubles; so is a body that
    ends early. The next try continues at the byte reached if the store marked its bytes with a strong ETag, which is
    then demanded by If-Match; else it starts from zero. Six failures in a row without one new byte end it.

    Args:
        source: where the bytes come from.
        draft: where they go.
        place: what to call the source in messages.

    Attributes:
        total: bytes of the whole artifact, once the source has said so.
        trouble: what failed last; empty when nothing did.
    """

    def __init__(self, source: Source, draft: Draft, place: str) -> None:
        self.total: int | None = None
        self.trouble = ""
        self._source = source
        self._draft = draft
        self._place = place
        self._version: str | None = None
        self._furthest = 0
        self._failures = 0

    async def run(self) -> None:
        """Fetch every byte.

        Raises:
            FetchFailure: trying again is of no use, or was of none.
        """
        while not await self._attempt():
            pause = min(FIRST_PAUSE_SECONDS * 2**self._failures, LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311  (spreads load, guards nothing)

    async def _attempt(self) -> bool:
        try:
            await self._read()
        except Changed as change:
            self._forget()
            self._count_failure(str(change))
            return False
        except Interrupted as interruption:
            if self._version is None:
                self._forget()
            self._count_failure(str(interruption))
            return False
        return True

    async def _read(self) -> None:
        part = await self._source.read(self._draft.size, self._version)
        if self._draft.size and part.version != self._version:
            raise Changed("the object was replaced while it was read")
        self._draft.check_size(part.size)
        self.total, self._version = part.size, part.version
        async for chunk in part.chunks:
            self._draft.write(chunk)
            self._note_progress()
            await asyncio.sleep(0)  # a local file never waits, and the deadline must still be noticed
        if self._draft.size != part.size:
            raise Interrupted(f"the store promised {part.size} bytes and sent {self._draft.size}")

    def _note_progress(self) -> None:
        if self._draft.size > self._furthest:
            self._furthest = self._draft.size
            self._failures = 0

    def _forget(self) -> None:
        self._draft.restart()
        self._version = None

    def _count_failure(self, trouble: str) -> None:
        self.trouble = trouble
        self._failures += 1
        log.warning(
            "download interrupted", extra={"cause": trouble, "bytes": self._draft.size, "failures": self._failures}
        )
        if self._failures >= MAX_FAILURES:
            raise FetchFailed(f"{self._place}: {trouble}; gave up after {self._failures} tries without progress")


def readable(size: int) -> str:
    """A number of bytes for people, exact in brackets."""
    value, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{size} bytes" if unit == "bytes" else f"{value:.1f} {unit} ({size} bytes)"


@contextmanager
def storage_errors(directory: Path) -> Iterator[None]:
    """Failures of the volume inside the block, in the user's terms.

    Raises:
        StorageFull: the volume is full, or does not let us write.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(f"the volume at {directory} is full") from error
        raise StorageFull(
            f"the volume at {directory} cannot be written: {error.strerror}",
            remedy=f"Make {directory} a folder that user {os.getuid()} can write to.",
        ) from error
