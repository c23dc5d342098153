"""The sources of a download: files and folders of this machine; `remote` has object stores."""

import os
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Protocol

from modelway_server.artifacts.manifest import Entry
from modelway_server.artifacts.uri import Location
from modelway_server.errors import (
    AccessDenied,
    FetchFailed,
    FetchFailure,
    InvalidArtifact,
    InvalidURI,
    ModelNotFound,
)
from modelway_server.printable import scrub

CHUNK_BYTES = 128 * 1024


class Interrupted(Exception):
    """The source failed temporarily; the text says how."""


class Changed(Exception):
    """The download must start again: the object was replaced, or the server cannot send a part of it."""


@dataclass(frozen=True)
class Part:
    """An answer of a source.

    Attributes:
        size: bytes of the whole artifact.
        version: the store's mark of these very bytes (a strong ETag), or None when it gives none.
        chunks: the bytes from the asked offset on; raises Interrupted when they stop coming.
        version_id: S3's versionId of the object, or None when it gives none.
        file: what is open for it until `close`; None for nothing.
    """

    size: int
    version: str | None
    chunks: AsyncIterator[bytes]
    version_id: str | None = None
    file: BinaryIO | None = None

    def close(self) -> None:
        """Let go of what is open, read or not."""
        if self.file is not None:
            self.file.close()


class Source(Protocol):
    """A source of one file."""

    async def read(self, offset: int, version: str | None) -> Part:
        """Start reading at `offset`, provided the artifact still has `version`, where one is given. Close what it gives.

        Raises:
            Interrupted: try again later.
            Changed: start again from byte 0.
            FetchFailure: trying again is of no use.
        """
        ...


class FolderSource(Protocol):
    """A source of a folder."""

    def entries(self) -> AsyncIterator[Entry]:
        """Every file below the folder as it is now, in any order.

        Raises:
            Interrupted: try again later.
            FetchFailure: trying again is of no use.
            InvalidArtifact: it holds what is no file.
        """
        ...

    def file(self, entry: Entry) -> Source:
        """The source of one file of the folder."""
        ...


class FileSource:
    """A regular file of this machine; a symbolic link is followed when it leads to one."""

    def __init__(self, location: Location) -> None:
        self._location = location

    async def read(self, offset: int, version: str | None) -> Part:  # noqa: ARG002  (a file is read in one go)
        """Open the file; see `Source.read`."""
        try:
            # Without O_NONBLOCK, opening a named pipe would block for ever.
            descriptor = os.open(self._location.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise self._failure(error) from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise self._not_a_file(status.st_mode)
        file = os.fdopen(descriptor, "rb", buffering=0)
        file.seek(offset)
        return Part(status.st_size, None, self._chunks(file), file=file)

    async def _chunks(self, file: BinaryIO) -> AsyncIterator[bytes]:
        try:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
        except OSError as error:
            raise FetchFailed(f"reading {self._location.public} failed: {error.strerror}") from error

    def _failure(self, error: OSError) -> FetchFailure:
        place = self._location.public
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return ModelNotFound(
                f"there is no file at {place}",
                remedy="Correct spec.model.uri; a file:// URI names a path inside the server's image or on this machine.",
            )
        if isinstance(error, PermissionError):
            return AccessDenied(
                f"the file {place} may not be read by user {os.getuid()}",
                remedy=f"Make the file and its folders readable for user {os.getuid()} (chmod a+rX).",
            )
        return FetchFailed(f"the file {place} cannot be opened: {error.strerror}")

    def _not_a_file(self, mode: int) -> InvalidURI:
        place = self._location.public
        if stat.S_ISDIR(mode):
            return InvalidURI(
                f"{place} is a folder, not a file",
                remedy="Name the model's file in spec.model.uri; if the folder is the model, end its name with '/'.",
            )
        return InvalidURI(f"{place} is not a regular file", remedy="Name the model's file in spec.model.uri.")


class FileFolder:
    """A folder of this machine, of regular files and folders only."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._root = location.path.rstrip("/")

    async def entries(self) -> AsyncIterator[Entry]:
        """Walk through it; see `FolderSource.entries`."""
        waiting = [""]
        while waiting:
            below = waiting.pop()
            for path, status in self._scan(below):
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(f"{path}/")
                elif stat.S_ISREG(status.st_mode):
                    yield Entry(path, status.st_size, f"{status.st_ino}-{status.st_mtime_ns}")
                else:
                    raise self._not_a_file(path, status.st_mode)

    def file(self, entry: Entry) -> Source:
        """One of its files."""
        place = self._location
        return FileSource(replace(place, path=f"{self._root}/{entry.path}", public=f"{place.public}{entry.path}"))

    def _scan(self, below: str) -> list[tuple[str, os.stat_result]]:
        try:
            with os.scandir(f"{self._root}/{below}") as entries:
                return [(f"{below}{one.name}", one.stat(follow_symlinks=False)) for one in entries]
        except OSError as error:
            raise self._failure(error, below) from error

    def _failure(self, error: OSError, below: str) -> FetchFailure | Interrupted:
        place = f"{self._location.public}{below}"
        if isinstance(error, FileNotFoundError) and below:
            return Interrupted("the folder changed while it was read")
        if isinstance(error, FileNotFoundError):
            return ModelNotFound(
                f"there is no folder at {place}",
                remedy="Correct spec.model.uri; a file:// URI names a path inside the server's image or on this machine.",
            )
        if isinstance(error, NotADirectoryError):
            return InvalidURI(f"{place} is no folder", remedy="Remove the '/' at the end of spec.model.uri.")
        if isinstance(error, PermissionError):
            return AccessDenied(
                f"the folder {place} may not be read by user {os.getuid()}",
                remedy=f"Make the folder and all in it readable for user {os.getuid()} (chmod -R a+rX).",
            )
        return FetchFailed(f"the folder {place} cannot be read: {error.strerror}")

    def _not_a_file(self, path: str, mode: int) -> InvalidArtifact:
        kind = "a link" if stat.S_ISLNK(mode) else "a device, pipe or socket"
        return InvalidArtifact(
            f"{self._location.public} holds {kind} at {scrub(path)!r}; only files and folders are taken",
            remedy="Copy the folder with cp -rL, which replaces links by files, and name the copy.",
        )
