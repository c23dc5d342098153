"""Read the ZIP archive of a skops file within bounds."""

import json
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from modelway_server.errors import InvalidArtifact
from modelway_server.runtimes.pickle.refusal import Rule, clip, damage, refuse
from modelway_server.runtimes.pickle.trace import Array

SCHEMA = "schema.json"
MAX_SCHEMA = 256 << 20
"""Bytes of the schema. That of a thousand deep trees has a tenth of them."""
MAX_RATIO = 200
"""The largest ratio of unpacked size to archive size, from `FREE` bytes on; the same as for packed folders."""
FREE = 64 << 20
_FAULTS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError)


class Archive:
    """The members of an archive. A member is read as a whole, and only if the archive lists it."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self._sizes = {member.filename: member.file_size for member in file.infolist()}

    def read(self, name: Any) -> bytes:
        """Read the bytes of a member.

        Raises:
            InvalidArtifact: there is no such member, or it is damaged.
        """
        if not isinstance(name, str) or name not in self._sizes:
            raise damage(f"the archive has no member {clip(str(name))}")
        try:
            return self._file.read(name)
        except _FAULTS as error:
            raise damage(f"member {clip(name)}: {type(error).__name__}") from error

    def parts(self) -> list[str]:
        """Return the names of the `.npy` members, without that ending."""
        return [name.removesuffix(".npy") for name in self._sizes if name.endswith(".npy")]

    def schema(self) -> dict[str, Any]:
        """Read the schema. A key that comes twice in one object is refused, since readers differ on which one counts.

        Raises:
            InvalidArtifact: the schema is no JSON object.
            UnsafeArtifact: the schema nests too deep, is too large, or has a key twice.
        """
        if self._sizes.get(SCHEMA, 0) > MAX_SCHEMA:
            raise refuse(
                Rule.BOUNDS, f"the file has a {SCHEMA} of {self._sizes[SCHEMA]} bytes; the most are {MAX_SCHEMA}"
            )
        try:
            schema = json.loads(self.read(SCHEMA), object_pairs_hook=_object_of_unique_keys)
        except RecursionError:
            raise refuse(Rule.BOUNDS, f"the {SCHEMA} of the file nests too deep") from None
        except ValueError as error:
            raise damage(f"{SCHEMA} is no JSON: {error!s:.100}") from error
        if not isinstance(schema, dict):
            raise damage(f"{SCHEMA} is no object")
        return schema


@contextmanager
def open_archive(source: Path | IO[bytes], name: str) -> Iterator[Archive]:
    """Open an archive, and check its bounds.

    Args:
        source: the file, or an archive inside it.
        name: its name in messages.

    Raises:
        InvalidArtifact: the source is no archive, or is encrypted.
        UnsafeArtifact: the archive names a member twice, or unpacks to too much.
    """
    try:
        file = zipfile.ZipFile(source)
    except _FAULTS as error:
        raise damage(f"{clip(name)}: {type(error).__name__}") from error
    with file:
        _check(file.infolist(), name)
        yield Archive(file)


def array_in(content: bytes, name: str) -> Array:
    """Return the array of an `.npy` file, which must not hold objects.

    Raises:
        InvalidArtifact: the content is no array.
        UnsafeArtifact: the array holds objects, which would need a pickle.
    """
    header = _Bytes(content)
    try:
        version = np.lib.format.read_magic(header)  # type: ignore[arg-type]  # it only reads
        shape, fortran, dtype = _HEADERS[version](header)
        start, size = header.at, math.prod(shape) * dtype.itemsize
    except (ValueError, TypeError, KeyError, OverflowError, MemoryError, SyntaxError, RecursionError) as error:
        raise damage(f"member {clip(name)} is no array: {type(error).__name__}") from error
    if dtype.hasobject:
        raise refuse(Rule.ARGUMENTS, f"member {clip(name)} is an array of objects, which only a pickle could say")
    if not dtype.itemsize or min(shape, default=0) < 0 or len(content) - start != size:
        raise damage(f"member {clip(name)} is not as long as its header says")
    return Array(dtype, shape, "F" if fortran else "C", memoryview(content)[start:])


_HEADERS: Mapping[tuple[int, int], Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class _Bytes:
    """Bytes from which NumPy reads a header; `at` is the position where the header ends."""

    def __init__(self, content: bytes) -> None:
        self._content, self.at = content, 0

    def read(self, count: int) -> bytes:
        """Return the next bytes."""
        start, self.at = self.at, self.at + count
        return self._content[start : self.at]


def _check(members: list[zipfile.ZipInfo], name: str) -> None:
    names = {member.filename for member in members}
    if len(names) != len(members):
        raise refuse(Rule.BOUNDS, f"{clip(name)} names a member twice")
    unpacked, packed = sum(member.file_size for member in members), sum(member.compress_size for member in members)
    if unpacked > max(FREE, MAX_RATIO * packed):
        raise refuse(Rule.BOUNDS, f"{clip(name)} unpacks to {unpacked} bytes, more than {MAX_RATIO} times its size")
    if any(member.flag_bits & 0x1 for member in members):
        raise InvalidArtifact(f"{clip(name)} is encrypted", remedy="Save the model again with skops.io.dump.")


def _object_of_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, value in pairs:
        if key in members:
            raise refuse(Rule.BOUNDS, f"the {SCHEMA} of the file has the key {clip(key)!r} twice in one object")
        members[key] = value
    return members
