"""A file inside an archive, and what is said of archives that cannot be taken."""

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
"""What the libraries raise on an archive that is not as it should be."""


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
            raise damaged(self.place, f"{self.path}: {error}") from error


def damaged(place: str, cause: str) -> InvalidArtifact:
    """The archive cannot be read to its end."""
    return InvalidArtifact(f"{place} is a damaged archive: {scrub(cause)[:200]}", remedy=_REMEDY)


def unfit(place: str, name: str, kind: str) -> InvalidArtifact:
    """The archive holds what is not unpacked."""
    return InvalidArtifact(
        f"{place} holds {scrub(name)[:120]!r}, {kind}; only files and folders are unpacked", remedy=_REMEDY
    )
