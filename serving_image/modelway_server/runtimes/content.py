"""What formats are recognised by: the first bytes of a file, the members of an archive, the outer fields of a protocol buffer.

Nothing is loaded here.
"""

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from modelway_server.errors import InvalidArtifact

_PICKLE_STARTS = (b"\x80", b"c", b"(", b"]", b"}")
_COMPRESSED_STARTS = (
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"\x5d\x00\x00",
    b"\x04\x22\x4d\x18",
    b"\x78\x01",
    b"\x78\x5e",
    b"\x78\x9c",
    b"\x78\xda",
)
_ONNX_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
"""Numbers of the fields of ONNX's ModelProto; 7 is the graph, 8 the operator sets."""
_ONNX_START = b"\x08"
_HEAD = 4096


@dataclass(frozen=True)
class Content:
    """What is looked at of one file.

    Attributes:
        path: the file.
    """

    path: Path

    @cached_property
    def head(self) -> bytes:
        """Its first bytes."""
        with self.path.open("rb") as file:
            return file.read(_HEAD)

    @property
    def is_compressed(self) -> bool:
        """Whether one of joblib's compressors wrote it."""
        return self.head.startswith(_COMPRESSED_STARTS)

    @property
    def is_pickle(self) -> bool:
        """Whether it begins as a pickle does."""
        return self.head.startswith(_PICKLE_STARTS)

    @property
    def is_archive(self) -> bool:
        """Whether it is a ZIP archive."""
        return self.head.startswith(b"PK\x03\x04")

    @cached_property
    def members(self) -> frozenset[str]:
        """The names in a ZIP archive; none of other files.

        Raises:
            InvalidArtifact: the archive is damaged.
        """
        if not self.is_archive:
            return frozenset()
        try:
            with zipfile.ZipFile(self.path) as archive:
                return frozenset(archive.namelist())
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise InvalidArtifact(
                f"{self.path.name} is a ZIP archive that is truncated or damaged ({error})",
                remedy="Compare its size and checksum with the file that was saved, and upload it again.",
            ) from error

    @property
    def inner_members(self) -> frozenset[str]:
        """The names in a ZIP archive, without the folder that holds them all."""
        return frozenset(name.partition("/")[2] or name for name in self.members)

    @cached_property
    def is_onnx(self) -> bool:
        """Whether the file is a sequence of ModelProto's fields with a graph; a truncated graph is one too."""
        if not self.head.startswith(_ONNX_START):
            return False
        size = self.path.stat().st_size
        with self.path.open("rb") as file:
            while file.tell() < size:
                tag = _read_varint(file)
                if tag is None or tag >> 3 not in _ONNX_FIELDS:
                    return False
                if tag >> 3 == 7 and tag & 7 == 2:
                    return True
                if not _skip(file, tag & 7):
                    return False
        return False


def is_compressed(path: Path) -> bool:
    """Whether one of joblib's compressors wrote a file."""
    return Content(path).is_compressed


def _skip(file: BinaryIO, wire_type: int) -> bool:
    length = _read_varint(file)
    if length is None or wire_type not in {0, 2}:
        return False
    if wire_type == 2:
        file.seek(length, 1)
    return True


def _read_varint(file: BinaryIO) -> int | None:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    return None
