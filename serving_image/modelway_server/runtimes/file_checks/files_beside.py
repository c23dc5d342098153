"""Check files that a model names: each must be a regular file in the model's folder, without a second name elsewhere."""

import os
from pathlib import Path, PurePosixPath
from typing import Final

MAX_NAME: Final = 1000
"""Characters of the name of a file."""


def fault_of(folder: Path, location: str) -> str | None:
    """Say why a file is refused, as a relative clause; None if it is not.

    Args:
        folder: the model's folder.
        location: the name of the file in the model, relative to the folder.
    """
    inner = PurePosixPath(location)
    if not location or len(location) > MAX_NAME or set(location) & set("\0\\*"):
        return "which is no name of a file"
    if inner.is_absolute() or ".." in inner.parts:
        return "which leads out of its folder"
    try:
        return _fault_of_file(folder, inner.parts)
    except OSError:
        return "which is not there"


def _fault_of_file(folder: Path, names: tuple[str, ...]) -> str | None:
    for name in names:
        if name not in os.listdir(folder):  # noqa: PTH208  (some file systems ignore case)
            return "which is not there"
        folder /= name
        if folder.is_symlink():
            return "which is a link"
    if not folder.is_file():
        return "which is no regular file"
    return "which has a second name elsewhere (a hard link)" if folder.stat().st_nlink > 1 else None
