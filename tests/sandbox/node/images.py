"""Image names: each stands for a command of this machine, read from a JSON file that may change at any time."""

import hashlib
import json
from collections.abc import Mapping
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


def entry_of(images: Mapping[str, Any], reference: str) -> Mapping[str, Any] | None:
    """What the map says of an image: an exact `name:tag` wins, else `name`, unless that lists other tags; None where there is none."""
    name, tag = split(reference)
    exact: Mapping[str, Any] | None = images.get(f"{name}:{tag}")
    if exact is not None:
        return exact
    entry: Mapping[str, Any] | None = images.get(name)
    return entry if entry is not None and tag in entry.get("tags", [tag]) else None


def find(images: Mapping[str, Any], reference: str) -> Image:
    """The image that `reference` names.

    Raises:
        ImageError: there is none, it may not be pulled, or it is hollow.
    """
    name, _ = split(reference)
    entry = entry_of(images, reference)
    if entry is not None and entry.get("forbidden"):
        raise ImageError(_refused(reference))
    if entry is None:
        raise ImageError(f'rpc error: code = NotFound desc = failed to pull and unpack image "{reference}": not found')
    if entry.get("hollow"):
        raise ImageError(f'image "{reference}" is hollow, which those of all containers of the pod must be, or none')
    digest = hashlib.sha256(json.dumps([reference, entry], sort_keys=True).encode()).hexdigest()
    return Image(
        f"{name}@sha256:{digest}",
        entry["entrypoint"],
        entry.get("env", {}),
        entry.get("workingDir", "/"),
        entry.get("user", DEFAULT_USER),
    )


def _refused(reference: str) -> str:
    """What containerd says where a registry asks for credentials."""
    return (
        f'rpc error: code = Unknown desc = failed to pull and unpack image "{reference}": failed to resolve reference '
        f'"{reference}": failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized'
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
            ImageError: there is none, it may not be pulled, it is hollow, or the file cannot be read.
        """
        return find(self._read(), reference)

    def is_hollow(self, reference: str) -> bool:
        """Whether containers of the image are there without a process."""
        try:
            return bool((entry_of(self._read(), reference) or {}).get("hollow"))
        except ImageError:
            return False

    def last_words(self, reference: str, container: str) -> str:
        """The termination message that a container of a hollow image leaves; empty where the image has none for it."""
        entry = entry_of(self._read(), reference) or {}
        return str(entry.get("messages", {}).get(container, ""))

    def _read(self) -> Mapping[str, Any]:
        try:
            state = self._path.stat()
            if (state.st_mtime_ns, state.st_size) != self._stamp:
                self._images = json.loads(self._path.read_text())
                self._stamp = (state.st_mtime_ns, state.st_size)
        except (OSError, ValueError) as error:
            raise ImageError(f"cannot read the sandbox's images in {self._path}: {error}") from error
        return self._images
