"""The files of a .zip, read without trust.

A skops file, a PyTorch model and an .npz are ZIP archives too, and stay files. So nothing is refused here before the names
in the archive show a model's folder.
"""

import stat
import struct
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO, cast

from modelway_server.artifacts.manifest import is_litter, model_root
from modelway_server.artifacts.member import DAMAGES, Member, damage, unfit

MAX_DIRECTORY_BYTES = 16 << 20
"""Bytes of an archive's table of contents, at most: a longer one belongs to no model, and would fill memory."""

_END = b"PK\x05\x06"
_END_BYTES = 22
_END64_LOCATOR = b"PK\x06\x07"
_MAX_COMMENT = 0xFFFF
_UNKNOWN = 0xFFFFFFFF
_ENCRYPTED = 1


def is_zipped_folder(path: Path) -> bool:
    """Whether the file is a ZIP archive whose names show a model's folder."""
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04" or _directory_bytes(file) > MAX_DIRECTORY_BYTES:
                return False
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
    except DAMAGES:
        return False
    return model_root(name for name in names if not is_litter(name)) is not None


def zip_members(path: Path, place: str) -> Generator[Member]:
    """Its files, one after another; read each before you ask for the next.

    Args:
        path: the archive.
        place: what to call it in messages.

    Raises:
        InvalidArtifact: it is damaged, encrypted, or holds what is neither file nor folder.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.is_dir():
                    continue
                _check(info, place)
                with archive.open(info) as content:
                    yield Member(info.orig_filename, info.file_size, cast("BinaryIO", content), place)
    except DAMAGES as error:
        raise damage(place, str(error) or type(error).__name__) from error


def _check(info: zipfile.ZipInfo, place: str) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in {0, stat.S_IFREG}:
        raise unfit(place, info.filename, "a link" if kind == stat.S_IFLNK else "neither a plain file nor a folder")
    if info.flag_bits & _ENCRYPTED:
        raise unfit(place, info.filename, "which is encrypted")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise unfit(place, info.filename, "which is compressed by another method than deflate")


def _directory_bytes(file: BinaryIO) -> int:
    """The size that the table of contents claims (APPNOTE 4.3.14 and 4.3.16); 0 where there is none.

    Raises:
        struct.error, OSError: the archive is cut off.
    """
    end = file.seek(0, 2)
    start = max(end - _MAX_COMMENT - _END_BYTES, 0)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0:
        return 0
    (size,) = struct.unpack_from("<L", tail, at + 12)
    locator = at - 20
    if locator < 0 or tail[locator : locator + 4] != _END64_LOCATOR:
        return int(size)
    file.seek(struct.unpack_from("<Q", tail, locator + 8)[0])
    return int(struct.unpack_from("<Q", file.read(56), 40)[0])
