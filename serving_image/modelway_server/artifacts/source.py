"""What a download reads from: a file on this machine here, an object store in `remote`."""

import os
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from modelway_server.artifacts.uri import Location
from modelway_server.errors import AccessDenied, FetchFailed, FetchFailure, InvalidURI, ModelNotFound

CHUNK_BYTES = 128 * 1024


class Interrupted(Exception):
    """The source failed in a way that may pass; the text says how."""


class Changed(Exception):
    """What has arrived cannot be continued: the object was replaced, or the server cannot send a part of it."""


@dataclass(frozen=True)
class Part:
    """An answer of a source.

    Attributes:
        size: bytes of the whole artifact.
        version: the store's mark of these very bytes (a strong ETag), or None when it gives none.
        chunks: the bytes from the asked offset on; raises Interrupted when they stop coming.
    """

    size: int
    version: str | None
    chunks: AsyncIterator[bytes]


class Source(Protocol):
    """Where an artifact comes from."""

    async def read(self, offset: int, version: str | None) -> Part:
        """Start reading at `offset`, provided the artifact still has `version` (asked for only beyond byte 0).

        Raises:
            Interrupted: try again later.
            Changed: start again from byte 0.
            FetchFailure: trying again is of no use.
        """
        ...


class FileSource:
    """A regular file of this machine; a symbolic link is followed when it leads to one."""

    def __init__(self, location: Location) -> None:
        self._location = location

    async def read(self, offset: int, version: str | None) -> Part:  # noqa: ARG002  (a file is read in one go)
        """Open the file; see `Source.read`."""
        try:
            # Without O_NONBLOCK a named pipe would hold us here for ever.
            descriptor = os.open(self._location.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            file = os.fdopen(descriptor, "rb", buffering=0)
        except OSError as error:
            raise self._failure(error) from error
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            file.close()
            raise self._not_a_file(status.st_mode)
        file.seek(offset)
        return Part(status.st_size, None, self._chunks(file))

    async def _chunks(self, file: BinaryIO) -> AsyncIterator[bytes]:
        with file:
            try:
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk
            except OSError as error:
                raise FetchFailed(f"reading {self._location.public} failed: {error.strerror}") from error

    def _failure(self, error: OSError) -> FetchFailure:
        place = self._location.public
        if isinstance(error, IsADirectoryError):
            return self._not_a_file(stat.S_IFDIR)
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return ModelNotFound(
                f"there is no file at {place}",
                remedy="A file:// URI names a path inside the server's image or on this machine; correct spec.model.uri.",
            )
        if isinstance(error, PermissionError):
            return AccessDenied(
                f"the file {place} may not be read by user {os.getuid()}",
                remedy=f"Make the file and its folders readable for user {os.getuid()} (chmod a+rX).",
            )
        return FetchFailed(f"the file {place} cannot be opened: {error.strerror}")

    def _not_a_file(self, mode: int) -> InvalidURI:
        kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        return InvalidURI(
            f"{self._location.public} is {kind}; a model is one file", remedy="Name the model's file in spec.model.uri."
        )
