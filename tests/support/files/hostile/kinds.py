"""What a hostile file is, and the words that its makers share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MARK = "it-ran"
"""The file that a success leaves in the working directory."""
CANARY = "canary.txt"
"""A file of the working directory that no model has a reason to read."""
SECRET = "the canary sings"
"""What it holds."""


@dataclass(frozen=True)
class Hostile:
    """One file or folder.

    Attributes:
        name: what it tries, unique.
        write: makes it at a path.
        rows: what is asked of it when it loads: rows of numbers, or texts.
        reasons: the load failures that refuse it; any where there are none.
    """

    name: str
    write: Callable[[Path], None]
    rows: Any = ((0.0, 0.0), (1.0, 1.0))
    reasons: tuple[str, ...] = ()


def of_bytes(name: str, content: bytes, rows: Any = Hostile.rows) -> Hostile:
    """A file of these bytes."""

    def write(path: Path) -> None:
        path.write_bytes(content)

    return Hostile(name, write, rows)


UNREAD = ("UnsafeArtifact", "InvalidArtifact")
"""How a file is refused before a library is asked, which need not be there."""
