"""The note that `fetch` leaves beside a model's file, and how `serve` finds the file by it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modelway_server.errors import InvalidArtifact, ModelNotFound

RECORD_NAME = ".modelway.json"


@dataclass(frozen=True)
class ArtifactRecord:
    """What was fetched.

    Attributes:
        uri: where it came from, without user name, password, query and fragment.
        file: its name inside the model directory.
        digest: `sha256:` and 64 hex digits of its bytes.
        bytes: its size.
    """

    uri: str
    file: str
    digest: str
    bytes: int

    def write(self, directory: Path) -> None:
        """Put the record into the directory, whole or not at all."""
        path = directory / RECORD_NAME
        draft = directory / f"{RECORD_NAME}.part"
        draft.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")
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
        )
        if record.file in {"", ".", ".."} or "/" in record.file:
            raise ValueError(f"file is {record.file!r}, which is not a file name")
        return record


def locate_model(directory: Path) -> Path:
    """The one model file of the directory: the record's, or else the only visible file.

    Raises:
        ModelNotFound: there is no directory, no file, or more than one and no record that says which.
        InvalidArtifact: the record cannot be read.
    """
    record = ArtifactRecord.read(directory)
    files = _visible_files(directory) if record is None else [directory / record.file]
    if len(files) == 1 and files[0].is_file():
        return files[0]
    if record is not None:
        raise ModelNotFound(
            f"{directory} has a record of {record.file}, but not the file itself", remedy="Fetch the model again."
        )
    found = ", ".join(file.name for file in files[:5]) or "none"
    raise ModelNotFound(
        f"{directory} must hold exactly one model file; it holds {len(files)}: {found}",
        remedy="Keep one model file in that directory.",
    )


def _visible_files(directory: Path) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise ModelNotFound(
            f"the model directory {directory} cannot be read: {error.strerror}",
            remedy="Name the model's directory in --model-dir.",
        ) from error
