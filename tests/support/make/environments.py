"""Python environments beside our own: built once by uv from the locks in requirements/, kept in a cache."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from support.make.caches import cache_of
from support.make.lock import FOLDER

STAMP = "ready"


class EnvironmentFailed(Exception):
    """An environment could not be built; `unreachable` says whether that is for want of a registry."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.unreachable = "dns error" in message or "error sending request" in message or "Failed to fetch" in message


def environment(name: str, say: Callable[[str], object]) -> Path:
    """The Python program of the environment with what requirements/NAME.lock pins.

    Raises:
        EnvironmentFailed: it could not be built.
    """
    lock = FOLDER / f"{name}.lock"
    folder = cache_of("environments") / f"{name}-{_digest(lock.read_bytes())}"
    python = folder / "bin" / "python"
    if not (folder / STAMP).exists():
        say(f"building the environment {name} in {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        _uv("venv", "--quiet", "--python", sys.executable, str(folder))
        _uv("pip", "sync", "--quiet", "--python", str(python), "--require-hashes", str(lock))
        (folder / STAMP).touch()
    return python


def _digest(content: bytes) -> str:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return hashlib.sha256(content + f"{python} uv {version('uv')}".encode()).hexdigest()[:12]


def _uv(*arguments: str) -> None:
    result = subprocess.run([sys.executable, "-m", "uv", *arguments], check=False, capture_output=True, text=True)
    if result.returncode:
        raise EnvironmentFailed(f"uv {arguments[0]} failed: {result.stderr.strip()}")
