"""The peers' own Python environments: built once by uv from the locks in requirements/, kept in a cache."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from bench.errors import BenchError
from support.lock import FOLDER

STAMP = "ready"


def environment(name: str, say: Callable[[str], None]) -> Path:
    """The Python program of the environment with what requirements/NAME.lock pins.

    Raises:
        BenchError: it could not be built.
    """
    lock = FOLDER / f"{name}.lock"
    folder = _cache() / f"{name}-{_digest(lock)}"
    python = folder / "bin" / "python"
    if not (folder / STAMP).exists():
        say(f"building the environment {name} in {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        _uv("venv", "--quiet", "--python", sys.executable, str(folder))
        _uv("pip", "sync", "--quiet", "--compile-bytecode", "--require-hashes", "--python", str(python), str(lock))
        (folder / STAMP).touch()
    return python


def installed(python: Path, *packages: str) -> dict[str, str]:
    """The versions of packages in an environment."""
    code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    found = subprocess.run([python, "-c", code, *packages], check=True, capture_output=True, text=True)
    return dict(zip(packages, found.stdout.split(), strict=True))


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "modelway" / "bench"


def _digest(lock: Path) -> str:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return hashlib.sha256(lock.read_bytes() + f"{python} uv {version('uv')}".encode()).hexdigest()[:12]


def _uv(*arguments: str) -> None:
    result = subprocess.run([sys.executable, "-m", "uv", *arguments], check=False, capture_output=True, text=True)
    if result.returncode:
        raise BenchError(f"uv {arguments[0]} failed: {result.stderr.strip()}")
