"""Files that a model names in its folder: each must be a regular file inside it, without a second name elsewhere."""

import os
from pathlib import Path, PurePosixPath
from typing import Final

MAX_NAME: Final = 1000
"""Characters of a file's name."""


def fault_of(folder: Path, location: str) -> str | None:
    """What speaks against a file, as a relative clause; None where nothing does.

    Args:
        folder: the model's.
        location: the file's name, as the model has it, relative to that.
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
        if name not in os.listdir(folder):  # noqa: PTH208  (some file systems take another case for the same)
            return "which is not there"
        folder /= name
        if folder.is_symlink():
            return "which is a link"
    if not folder.is_file():
        return "which is no regular file"
    return "which has a second name elsewhere (a hard link)" if folder.stat().st_nlink > 1 else None
