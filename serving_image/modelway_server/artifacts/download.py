"""Copy an artifact's bytes from a source into a file: once, whole, under a cap, and through failures."""

import asyncio
import errno
import hashlib
import logging
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from modelway_server.artifacts.source import Changed, Interrupted, Part, Source
from modelway_server.artifacts.versions import version_text
from modelway_server.errors import ArtifactTooLarge, FetchFailed, StorageFull

DRAFT_NAME = ".fetch.part"
MAX_FAILURES = 6
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 8.0
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

log = logging.getLogger(__name__)


@dataclass
class Progress:
    """The progress of a fetch, for logs and for the message of a late one.

    Attributes:
        bytes: how many have arrived.
        total: how many there are, once the source has said so.
        trouble: what failed last; empty when nothing did.
        verb: what was done with those bytes.
    """

    bytes: int = 0
    total: int | None = None
    trouble: str = ""
    verb: str = "arrived"


class Draft:
    """The file being written: hidden, hashed as it grows, and named only when it is whole.

    As a context manager it removes the file unless `publish` was called.

    Args:
        directory: where the file will be; made when it is not there.
        max_bytes: the cap on its size.
        name: what it is called until then.

    Raises:
        StorageFull: (by every method that writes) the volume has no room or cannot be written.
    """

    def __init__(self, directory: Path, max_bytes: int, name: str = DRAFT_NAME) -> None:
        self.size = 0
        self.path = directory / name
        self._directory = directory
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()
        with storage_errors(directory):
            directory.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("wb", buffering=0)

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
            raise ArtifactTooLarge(f"the artifact has {format_bytes(size)}; the cap is {format_bytes(self._max_bytes)}")

    def write(self, chunk: bytes) -> None:
        """Append the chunk.

        Raises:
            ArtifactTooLarge: the file would grow beyond the cap.
        """
        self.check_size(self.size + len(chunk))
        with storage_errors(self._directory):
            view = memoryview(chunk)
            while view:
                view = view[self._file.write(view) :]
        self._hash.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        """Forget all bytes."""
        with storage_errors(self._directory):
            self._file.truncate(0)
            self._file.seek(0)
        self._hash = hashlib.sha256()
        self.size = 0

    def publish(self, name: str) -> None:
        """Make the bytes durable, and give the file its name in one step, read-only for everybody.

        Args:
            name: what it is called in the draft's directory.
        """
        with storage_errors(self._directory):
            os.fsync(self._file.fileno())
            os.fchmod(self._file.fileno(), 0o444)
            give_name(self.path, self._directory / name)

    def move(self, name: str) -> None:
        """Give the file a name below an unpublished folder, read-only for everybody.

        Nothing waits for the disk: with a thousand files that would take longer than fetching them. After a crash of the
        node the folder is fetched again.

        Args:
            name: a path relative to the draft's directory.
        """
        target = self._directory / name
        with storage_errors(self._directory):
            os.fchmod(self._file.fileno(), 0o444)
            target.parent.mkdir(parents=True, exist_ok=True)
            self.path.replace(target)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)


class Patience:
    """The number of retries after temporary failures, and the pauses between them.

    A pause is jittered and doubles; six failures in a row without progress end it.

    Args:
        place: what to call the source in messages.
        progress: takes up the last trouble.
    """

    def __init__(self, place: str, progress: Progress) -> None:
        self._place = place
        self._progress = progress
        self._failures = 0

    def renew(self) -> None:
        """Note that there was progress since the last failure."""
        self._failures = 0

    async def wait(self, trouble: str) -> None:
        """Pause before the next try.

        Raises:
            FetchFailed: there were enough tries.
        """
        self._failures += 1
        self._progress.trouble = trouble
        log.warning(
            "download interrupted",
            extra={"cause": trouble, "bytes": self._progress.bytes, "failures": self._failures},
        )
        if self._failures >= MAX_FAILURES:
            raise FetchFailed(f"{self._place}: {trouble}; gave up after {self._failures} tries without progress")
        pause = min(FIRST_PAUSE_SECONDS * 2**self._failures, LONGEST_PAUSE_SECONDS)
        await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311  (spreads load, guards nothing)


class Download:
    """One file on its way into a draft, resumed where it broke.

    A failure that may pass (5xx, 429, network) is tried again, and so is a body that ends early. The next try starts
    from zero, unless the store marked its bytes with a strong ETag. Then it demands that ETag by If-Match, and continues
    at the byte reached.

    Args:
        source: where the bytes come from.
        draft: where they go.
        place: what to call the source in messages.
        progress: the bytes that arrive are added to it.
    """

    def __init__(self, source: Source, draft: Draft, place: str, progress: Progress) -> None:
        self._source = source
        self._draft = draft
        self._progress = progress
        self._patience = Patience(place, progress)
        self._version: str | None = None
        self._version_id: str | None = None
        self._furthest = 0

    @property
    def version(self) -> str | None:
        """The store's mark of the bytes, as text; see `versions`."""
        return version_text(self._version_id, self._version)

    async def run(self) -> None:
        """Fetch every byte.

        Raises:
            LoadFailure: trying again is of no use, or was of none.
        """
        while trouble := await self._attempt():
            await self._patience.wait(trouble)

    async def _attempt(self) -> str:
        """Read on; the failure, empty when everything has arrived."""
        try:
            await self._read()
        except Changed as change:
            self._forget()
            return str(change)
        except Interrupted as interruption:
            if self._version is None:
                self._forget()
            return str(interruption)
        return ""

    async def _read(self) -> None:
        with closing(await self._source.read(self._draft.size, self._version)) as part:
            await self._write(part)

    async def _write(self, part: Part) -> None:
        if self._draft.size and not self._continues(part):
            raise Changed("the object was replaced while it was read")
        self._draft.check_size(part.size)
        if self._progress.total is None:
            self._progress.total = part.size
        self._version, self._version_id = part.version, part.version_id
        async for chunk in part.chunks:
            self._draft.write(chunk)
            self._progress.bytes += len(chunk)
            self._note_progress()
            await asyncio.sleep(0)  # a local file never waits, and the deadline must still be noticed
        if self._draft.size != part.size:
            raise Interrupted(f"the store promised {part.size} bytes and sent {self._draft.size}")

    def _continues(self, part: Part) -> bool:
        return part.version == self._version and part.version_id == self._version_id

    def _note_progress(self) -> None:
        if self._draft.size > self._furthest:
            self._furthest = self._draft.size
            self._patience.renew()

    def _forget(self) -> None:
        self._progress.bytes -= self._draft.size
        self._draft.restart()
        self._version, self._version_id = None, None


def give_name(draft: Path, target: Path) -> None:
    """Rename a file or folder, replacing any other, and make that durable."""
    if target.is_dir():
        shutil.rmtree(target)
    elif draft.is_dir():
        target.unlink(missing_ok=True)
    draft.replace(target)
    descriptor = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def format_bytes(size: int) -> str:
    """A number of bytes for people, with the exact number in brackets."""
    value, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{size} bytes" if unit == "bytes" else f"{value:.1f} {unit} ({size} bytes)"


@contextmanager
def storage_errors(directory: Path) -> Iterator[None]:
    """Convert failures of the volume inside the block to the user's terms.

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
