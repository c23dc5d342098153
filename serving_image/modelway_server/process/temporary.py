"""Folders for temporary files that do not outlive their process for long, however it ends.

The volume of a pod outlives its containers. A container that is killed again and again, and left its files there each time,
would fill the volume in the end, and the node would evict the pod for that.
"""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from modelway_server.errors import StorageFull

PREFIX: Final = "modelway-home-"
_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def make_folder() -> tuple[Path, int]:
    """A new folder in the place for temporary files, and the descriptor that locks it.

    Folders that nobody locks any more are removed first: their processes are gone. The kernel unlocks a folder when its process ends and
    all that were forked from it.

    Raises:
        OSError: the folder cannot be created.
    """
    _remove_abandoned(Path(tempfile.gettempdir()))
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        with suppress(FileNotFoundError):  # another process may remove it before it is locked
            descriptor = os.open(folder, _FLAGS)
            if _lock(descriptor) and folder.exists():
                return folder, descriptor
            os.close(descriptor)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is removed afterwards, with all in it.

    Raises:
        StorageFull: it cannot be created.
    """
    try:
        folder, descriptor = make_folder()
    except OSError as error:
        raise StorageFull(
            f"no temporary folder can be created: {error.strerror}",
            remedy="Free disk space, or set TMPDIR to a writable folder.",
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _remove_abandoned(place: Path) -> None:
    """Remove our folders that no process locks; those of other users are let be."""
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError):
            descriptor = os.open(folder, _FLAGS)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Whether the folder is locked now; where its file system has no locks, nobody removes it either."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in {errno.EWOULDBLOCK, errno.EAGAIN}
    return True
