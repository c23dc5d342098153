"""The folder that keeps, between clones and runs, what is slow to make again."""

import os
from pathlib import Path


def cache_of(name: str) -> Path:
    """`${XDG_CACHE_HOME:-~/.cache}/modelway/NAME`, which may not be there yet."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "modelway" / name
