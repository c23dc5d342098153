"""The files of a folder from any store or archive: the names that it may hold, and its digest."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modelway_server.errors import ArtifactTooLarge, InvalidArtifact
from modelway_server.printable import scrub

MAX_FILES = 10_000
MAX_PATH_BYTES = 1024
MAX_NAME_BYTES = 255
MODEL_FILES = ("MLmodel", "saved_model.pb", "saved_model.pbtxt")
"""The file at the root of an MLflow model, and those of a TensorFlow SavedModel."""

_SHOWN = 120
_TOO_LONG = f"a name longer than {MAX_NAME_BYTES} bytes, or {MAX_PATH_BYTES} with its folders"


@dataclass(frozen=True)
class Entry:
    """A file of a folder, as its store lists it.

    Attributes:
        path: relative to the folder, parts joined by `/`.
        size: its bytes.
        version: the store's mark of these very bytes, or None when it gives none.
    """

    path: str
    size: int
    version: str | None = None


class Names:
    """The files of one folder so far; each name is checked against all before it.

    Args:
        place: what to call the folder in messages.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def add(self, path: str) -> None:
        """Add one file.

        Raises:
            InvalidArtifact: the name could leave the folder, cannot be a file's name, or is taken.
            ArtifactTooLarge: there are too many files.
        """
        cause = _unfit(path) or self._target(path)
        if cause:
            raise InvalidArtifact(
                f"{self._place} holds {scrub(path)[:_SHOWN]!r}, {cause}",
                remedy="Save the model's folder again, and upload it as it is.",
            )
        self._files.add(path)
        self._folders.update(_folders_of(path))
        if len(self._files) > MAX_FILES:
            raise too_many(self._place)

    def _target(self, path: str) -> str:
        if path in self._files:
            return "which appears twice"
        if path in self._folders or not self._files.isdisjoint(_folders_of(path)):
            return "which is a file and a folder at once"
        return ""


def too_many(place: str) -> ArtifactTooLarge:
    """The refusal of a folder with more than MAX_FILES files."""
    return ArtifactTooLarge(
        f"{place} holds more than {MAX_FILES} files",
        remedy="Name the folder of the model alone in spec.model.uri, not one above it.",
    )


def check_listing(entries: Iterable[Entry], place: str) -> tuple[Entry, ...]:
    """The files of a listing, in the order of their names.

    Files that macOS adds are left out, and so are the empty objects by which consoles of object stores show a folder.

    Raises:
        InvalidArtifact: a name may not stand in a folder.
        ArtifactTooLarge: there are too many files.
    """
    files = [entry for entry in entries if not is_litter(entry.path)]
    folders = {folder for entry in files for folder in _folders_of(entry.path)}
    files = [entry for entry in files if entry.size or entry.path not in folders]
    names = Names(place)
    for entry in files:
        names.add(entry.path)
    return tuple(sorted(files, key=lambda entry: entry.path))


def is_litter(path: str) -> bool:
    """Whether macOS made the file beside the user's own."""
    parts = path.split("/")
    return "__MACOSX" in parts or parts[-1] == ".DS_Store" or parts[-1].startswith("._")


def model_root(paths: Iterable[str]) -> str | None:
    """The folder of the model: `` for the root, `name/` for the one folder that holds all, None for no model."""
    files = set(paths)
    roots = ("", common_root(files))
    return next((root for root in roots for name in MODEL_FILES if root + name in files), None)


def common_root(paths: Iterable[str]) -> str:
    """The folder that holds all files, with a `/` at its end; empty where there is none."""
    tops = {path.rpartition("/")[0].partition("/")[0] for path in paths}
    return f"{tops.pop()}/" if len(tops) == 1 and "" not in tops else ""


def folder_digest(digests: Mapping[str, str]) -> str:
    r"""`sha256:` and the SHA-256 of the output of `sha256sum` for all files, sorted by the bytes of their names.

    Any copy of the folder gives it without this program: `cd folder && find . -type f -printf '%P\0' |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum`.

    Args:
        digests: the hex SHA-256 of each file by its relative path.
    """
    lines = (f"{digests[path]}  {path}\n" for path in sorted(digests, key=str.encode))
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


def _unfit(path: str) -> str:
    """Why no file of a folder may have this name; empty when it may."""
    parts = path.split("/")
    unfit = {
        "which is not UTF-8": any("\ud800" <= char <= "\udfff" for char in path),
        "an absolute name": path.startswith("/"),
        "which could lead out of the folder": ".." in parts or "." in parts,
        "a name with an empty part": "" in parts,
        "a name with a backslash or an unprintable character": "\\" in path or not path.isprintable(),
        _TOO_LONG: _bytes(path) > MAX_PATH_BYTES or any(_bytes(part) > MAX_NAME_BYTES for part in parts),
    }
    return next((cause for cause, holds in unfit.items() if holds), "")


def _bytes(name: str) -> int:
    return len(name.encode(errors="surrogatepass"))


def _folders_of(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
