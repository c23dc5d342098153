"""The peers' own Python environments, and what is in them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from bench.errors import BenchError
from support.make import environments


def environment(name: str, say: Callable[[str], None]) -> Path:
    """The Python program of the environment with what requirements/NAME.lock pins.

    Raises:
        BenchError: it could not be built.
    """
    try:
        return environments.environment(name, say)
    except environments.EnvironmentFailed as error:
        raise BenchError(str(error)) from error


def versions_in(python: Path, *packages: str) -> dict[str, str]:
    """The versions of packages in an environment."""
    code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    process = subprocess.run([python, "-c", code, *packages], check=True, capture_output=True, text=True)
    return dict(zip(packages, process.stdout.split(), strict=True))
