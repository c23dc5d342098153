"""Read the bytes of a model file, and unpack them if joblib compressed them."""

import mmap
from pathlib import Path

import joblib.numpy_pickle_utils

from modelway_server.errors import InvalidArtifact
from modelway_server.runtimes.pickle.refusal import Rule, damage, refuse

MAX_RATIO = 200
"""The largest ratio of unpacked size to file size, from `FREE` bytes on; the same as for packed folders."""
FREE = 64 << 20
_CHUNK = 1 << 20


def content_of(path: Path, *, compressed: bool) -> memoryview:
    """Return the bytes of a file, unpacked.

    Args:
        path: the file.
        compressed: whether one of joblib's compressors wrote it.

    Raises:
        UnsafeArtifact: the file unpacks to more than `MAX_RATIO` times its size.
        InvalidArtifact: the file is empty, or a joblib that writes several files saved it.
        Exception: whatever a decompressor raises for a damaged file.
    """
    with path.open("rb") as file:
        if compressed:
            return memoryview(_unpack(path, file))
        if not path.stat().st_size:
            raise damage("it is empty")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _unpack(path: Path, file: object) -> bytearray:
    limit = max(FREE, MAX_RATIO * path.stat().st_size)
    content = bytearray()
    with joblib.numpy_pickle_utils._validate_fileobject_and_memmap(file, str(path), None) as (stream, _):  # noqa: SLF001  (what joblib.load itself does)
        if isinstance(stream, str):
            raise InvalidArtifact(
                f"{path.name} was saved by a joblib older than 0.10, in several files",
                remedy="Load it with the joblib that saved it, and save it again with a current joblib.",
            )
        while chunk := stream.read(_CHUNK):
            content += chunk
            if len(content) > limit:
                raise refuse(Rule.BOUNDS, f"the file unpacks to more than {MAX_RATIO} times its size")
    return content
