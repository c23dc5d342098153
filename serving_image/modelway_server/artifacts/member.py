"""A file inside an archive, and the refusals of archives."""

import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from modelway_server.errors import InvalidArtifact
from modelway_server.printable import scrub

_REMEDY = (
    "Pack the model's folder again (tar -czf model.tar.gz folder, or zip -r model.zip folder) and upload that file."
)


DAMAGES = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
)
"""Exceptions of the libraries for a malformed archive."""


@dataclass(frozen=True)
class Member:
    """A file of an archive.

    Attributes:
        path: its name there, not yet checked.
        size: how many bytes it claims to have.
        content: its bytes.
        place: what to call the archive in messages.
    """

    path: str
    size: int
    content: BinaryIO
    place: str

    def read(self, size: int) -> bytes:
        """The next bytes, at most so many; empty at the end.

        Raises:
            InvalidArtifact: the archive is damaged here.
        """
        try:
            return self.content.read(size)
        except DAMAGES as error:
            raise damage(self.place, f"{self.path}: {error}") from error


def damage(place: str, cause: str) -> InvalidArtifact:
    """The refusal of an archive that cannot be read to its end."""
    return InvalidArtifact(f"{place} is a damaged archive: {scrub(cause)[:200]}", remedy=_REMEDY)


def unfit(place: str, name: str, kind: str) -> InvalidArtifact:
    """The refusal of an archive with an entry that is no file or folder."""
    return InvalidArtifact(
        f"{place} holds {scrub(name)[:120]!r}, {kind}; only files and folders are unpacked", remedy=_REMEDY
    )
