"""The files of a .tar or .tar.gz, read from front to back without trust.

Only plain files come out; folders follow from their names. Links, devices, pipes and sparse files are refused.
"""

import gzip
import tarfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from modelway_server.artifacts.manifest import MAX_FILES, too_many
from modelway_server.artifacts.member import DAMAGES, Member, damage, unfit
from modelway_server.errors import ArtifactTooLarge

MAX_HEADERS = 4 * MAX_FILES
"""Entries of all kinds: an archive of folders alone is bounded, too."""

MAX_READ = 1 << 20
"""Bytes of one read. This program reads less; a longer extended header is an attempt to exhaust memory."""

_MAGIC_AT = 257
_BLOCK = 512
_KINDS = {tarfile.SYMTYPE: "a link", tarfile.LNKTYPE: "a link"}


def is_tar(path: Path) -> bool:
    """Whether the file is a tar archive, plain or compressed by gzip; its first block says so."""
    with _open(path) as file:
        try:
            return file.read(_BLOCK)[_MAGIC_AT : _MAGIC_AT + 5] == b"ustar"
        except (EOFError, OSError, zlib.error):
            return False


def tar_members(path: Path, place: str, max_bytes: int) -> Generator[Member]:
    """Its files, one after another; read each before you ask for the next.

    Args:
        path: the archive.
        place: what to call it in messages.
        max_bytes: cap on the whole decompressed stream.

    Raises:
        InvalidArtifact: it is damaged, or holds what is neither file nor folder.
        ArtifactTooLarge: it has too many entries, or more bytes than allowed.
    """
    with _open(path) as file:
        stream = _Bounded(file, place, max_bytes)
        try:
            with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r:") as archive:
                for number, info in enumerate(archive):
                    if number >= MAX_HEADERS:
                        raise too_many(place)
                    # the library would keep every header, which may have a megabyte each
                    archive.members.clear()  # type: ignore[attr-defined]  # its types do not know of it
                    if not info.isdir():
                        yield _member(archive, info, place)
        except DAMAGES as error:
            raise damage(place, str(error) or type(error).__name__) from error
        # The library reads a broken header as the end.
        if not stream.last or stream.last.strip(b"\0"):
            raise damage(place, "it ends without the mark of its end")


def _member(archive: tarfile.TarFile, info: tarfile.TarInfo, place: str) -> Member:
    if info.type not in {tarfile.REGTYPE, tarfile.AREGTYPE} or info.issparse():
        raise unfit(place, info.name, _KINDS.get(info.type, "neither a plain file nor a folder"))
    content = archive.extractfile(info)
    assert content is not None
    return Member(info.name.removeprefix("./"), info.size, cast("BinaryIO", content), place)


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    """The archive's bytes, decompressed."""
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not compressed:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as plain:
            yield cast("BinaryIO", plain)


class _Bounded:
    """A stream that is read forward only, up to a bound."""

    def __init__(self, file: BinaryIO, place: str, max_bytes: int) -> None:
        self.last = b""
        self._file = file
        self._place = place
        self._max_bytes = max_bytes
        self._position = 0

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MAX_READ:
            raise damage(self._place, f"it has a header of {size} bytes")
        self.last = self._file.read(size)
        self._position += len(self.last)
        if self._position > self._max_bytes:
            raise ArtifactTooLarge(f"{self._place} unpacks to more bytes than its volume takes")
        return self.last

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        while position > self._position and self.read(min(position - self._position, MAX_READ)):
            pass
        if position != self._position:
            raise tarfile.ReadError("unexpected end of data")
