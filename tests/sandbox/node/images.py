"""Image names: each stands for a command of this machine, read from a JSON file that may change at any time."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# The user of an image that names none, as in images made for restricted pods.
DEFAULT_USER = 65532


class ImageError(Exception):
    """No such image; the message is what a container runtime would say."""


@dataclass(frozen=True)
class Image:
    """What is in an image, as far as a process needs it."""

    id: str
    entrypoint: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    working_directory: str = "/"
    user: int = DEFAULT_USER


def split(reference: str) -> tuple[str, str]:
    """Name and tag of an image reference; a digest is left out, no tag is `latest`."""
    name = reference.partition("@")[0]
    slash = name.rfind("/")
    colon = name.find(":", slash + 1)
    return (name, "latest") if colon < 0 else (name[:colon], name[colon + 1 :])


def find(images: dict[str, Any], reference: str) -> Image:
    """The image that `reference` names: an exact `name:tag` wins, else `name`, unless that lists other tags.

    Raises:
        ImageError: there is none.
    """
    name, tag = split(reference)
    entry = images.get(f"{name}:{tag}")
    if entry is None:
        entry = images.get(name)
        if entry is None or tag not in entry.get("tags", [tag]):
            raise ImageError(
                f'rpc error: code = NotFound desc = failed to pull and unpack image "{reference}": not found'
            )
    digest = hashlib.sha256(json.dumps([reference, entry], sort_keys=True).encode()).hexdigest()
    return Image(
        f"{name}@sha256:{digest}",
        entry["entrypoint"],
        entry.get("env", {}),
        entry.get("workingDir", "/"),
        entry.get("user", DEFAULT_USER),
    )


class ImageFile:
    """The map of one file, read again when the file changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._images: dict[str, Any] = {}

    def find(self, reference: str) -> Image:
        """The image that `reference` names.

        Raises:
            ImageError: there is none, or the file cannot be read.
        """
        try:
            state = self._path.stat()
            if (state.st_mtime_ns, state.st_size) != self._stamp:
                self._images = json.loads(self._path.read_text())
                self._stamp = (state.st_mtime_ns, state.st_size)
        except (OSError, ValueError) as error:
            raise ImageError(f"cannot read the sandbox's images in {self._path}: {error}") from error
        return find(self._images, reference)
