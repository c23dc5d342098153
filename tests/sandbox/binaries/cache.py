"""The folder that keeps programs between sandboxes: an entry appears whole or not at all, and is made once."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.binaries.progress import Progress

DRAFT_PREFIX = "unfinished-"


def cache_folder() -> Path:
    """`${XDG_CACHE_HOME:-~/.cache}/modelway/binaries`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "modelway" / "binaries"


def entry(name: str, fill: Callable[[Path], None], progress: Progress) -> Path:
    """The entry of that name; where it is missing, `fill` makes it, while other processes that want one wait."""
    path = cache_folder() / name
    if not path.exists():
        with _only_one(path.parent, progress):
            if not path.exists():
                for leftover in path.parent.glob(f"{DRAFT_PREFIX}*"):
                    shutil.rmtree(leftover)
                fill(path)
    return path


@contextmanager
def draft(path: Path, check: Callable[[Path], object]) -> Iterator[Path]:
    """A folder beside `path` that becomes it when all went well and `check` finds no fault with it, and vanishes otherwise."""
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=DRAFT_PREFIX))
    try:
        yield folder
        check(folder)
        folder.chmod(0o755)
        folder.rename(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _only_one(cache: Path, progress: Progress) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("another process makes programs for the sandbox: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
