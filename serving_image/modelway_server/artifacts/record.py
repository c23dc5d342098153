"""The record that `fetch` writes beside a model, and the model that it names."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modelway_server.artifacts.manifest import MODEL_FILES, folder_digest
from modelway_server.errors import InvalidArtifact, ModelNotFound

RECORD_NAME = ".modelway.json"
EXAMPLE_FILE = "input_example.json"
"""A row that its author shows to others, as MLflow calls it."""
SAMPLE_FILES = ("samples.json", EXAMPLE_FILE)
"""Files of rows beside a model for the comparison of engines: ours, and MLflow's."""


@dataclass(frozen=True)
class ArtifactRecord:
    """The fetched artifact.

    Attributes:
        uri: where it came from, without user name, password, query and fragment.
        file: the name of the file or folder inside the model directory.
        digest: `sha256:` and 64 hex digits of the file's bytes, or of a folder's list of files (`manifest.folder_digest`).
        bytes: its size, that of all files together for a folder.
        files: how many there are.
        version: the store's mark of the file or archive, as text (see `versions`); None where it gives none, and for folders.
    """

    uri: str
    file: str
    digest: str
    bytes: int
    files: int = 1
    version: str | None = None

    def write(self, directory: Path) -> None:
        """Write the record into the directory, whole or not at all."""
        path = directory / RECORD_NAME
        draft = directory / f"{RECORD_NAME}.part"
        document = {name: value for name, value in asdict(self).items() if value is not None}
        draft.write_text(json.dumps(document) + "\n", encoding="utf-8")
        draft.chmod(0o444)
        draft.replace(path)

    @classmethod
    def read(cls, directory: Path) -> "ArtifactRecord | None":
        """The directory's record, or None when `fetch` did not fill it.

        Raises:
            InvalidArtifact: the record is there but cannot be read.
        """
        path = directory / RECORD_NAME
        try:
            document = json.loads(path.read_bytes())
            return cls._from_document(document)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InvalidArtifact(
                f"{path} is not the record that fetch writes: {error}",
                remedy=f"Delete {path} and fetch the model again.",
            ) from error

    @classmethod
    def _from_document(cls, document: dict[str, Any]) -> "ArtifactRecord":
        record = cls(
            uri=str(document["uri"]),
            file=str(document["file"]),
            digest=str(document["digest"]),
            bytes=int(document["bytes"]),
            files=int(document.get("files", 1)),
            version=str(version) if (version := document.get("version")) is not None else None,
        )
        if record.file in {"", ".", ".."} or "/" in record.file:
            raise ValueError(f"file is {record.file!r}, which is not a file name")
        return record


def locate_model(directory: Path) -> Path:
    """The one model of the directory, a file or a folder: the record's, or else the only visible one.

    A directory that `fetch` did not fill may also be a model's folder itself.

    Raises:
        ModelNotFound: there is no directory, no model, or more than one and no record that says which.
        InvalidArtifact: the record cannot be read.
    """
    record = ArtifactRecord.read(directory)
    if record is None and any((directory / name).is_file() for name in MODEL_FILES):
        return directory
    models = _visible(directory) if record is None else [directory / record.file]
    if len(models) == 1 and (models[0].is_file() or models[0].is_dir()):
        return models[0]
    if record is not None:
        raise ModelNotFound(
            f"{directory} has a record of {record.file}, but not the model itself", remedy="Fetch the model again."
        )
    names = ", ".join(path.name for path in models[:5]) or "none"
    raise ModelNotFound(
        f"{directory} must hold exactly one model, a file or a folder; it holds {len(models)}: {names}",
        remedy="Keep one model in that directory.",
    )


def digest_of(directory: Path) -> str:
    """The digest of the one model of the directory: that of the record, or else of the bytes themselves.

    Raises:
        LoadFailure: see `locate_model`.
    """
    record = ArtifactRecord.read(directory)
    if record is not None:
        return record.digest
    path = locate_model(directory)
    if path.is_dir():
        files = [file for file in path.rglob("*") if file.is_file()]
        return folder_digest({file.relative_to(path).as_posix(): sha256_of(file) for file in files})
    return f"sha256:{sha256_of(path)}"


def sha256_of(file: Path) -> str:
    """The sha256 of a file's bytes, in hex digits."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _visible(directory: Path) -> list[Path]:
    """The entries that may be a model; a folder without a file is none (`lost+found` of a fresh volume, say)."""
    try:
        return sorted(path for path in directory.iterdir() if not path.name.startswith(".") and _may_be_model(path))
    except OSError as error:
        raise ModelNotFound(
            f"the model directory {directory} cannot be read: {error.strerror}",
            remedy="Name the model's directory in --model-dir.",
        ) from error


def _may_be_model(path: Path) -> bool:
    if path.name in SAMPLE_FILES:
        return False
    return path.is_file() or (os.access(path, os.R_OK | os.X_OK) and any(path.iterdir()))
