"""What format a file or a folder is of, told from its bytes and never from its name.

Nothing is loaded here: a few bytes are read, of archives the list of members, of protocol buffers the outermost fields.
"""

import zipfile
from pathlib import Path
from typing import BinaryIO

from modelway_server.errors import InvalidArtifact

_PICKLE_STARTS = (b"\x80", b"c", b"(", b"]", b"}")
_COMPRESSED_STARTS = (
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"\x5d\x00\x00",
    b"\x04\x22\x4d\x18",
    b"\x78\x01",
    b"\x78\x5e",
    b"\x78\x9c",
    b"\x78\xda",
)
_STRANGERS = (
    (b"\x89HDF", "an HDF5 file (Keras)", "Save it with model.export('folder') and upload the folder."),
    (b"\x93NUMPY", "a NumPy array file", None),
    (b"<", "an HTML or XML page, perhaps an error page that was stored instead of the model", None),
    (b"version https://git-lfs", "a Git LFS pointer, not the file that it points to", "Upload the file itself."),
    (b"binf", "an XGBoost model in its old binary form", "Save it with model.save_model('model.ubj')."),
)
_PYTORCH_REMEDY = "Save the program with torch.jit.save(torch.jit.script(model), 'model.pt') or torch.export.save."
_ONNX_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
"""Numbers of the fields of ONNX's ModelProto; 7 is the graph, 8 the operator sets."""
_HEAD = 4096


def is_compressed(path: Path) -> bool:
    """Whether one of joblib's compressors wrote the file."""
    return _head(path).startswith(_COMPRESSED_STARTS)


def recognise(path: Path) -> str | None:
    """The format of a file or folder, None when its bytes are none that are known.

    Raises:
        InvalidArtifact: it is empty, or something that is known to be no model.
    """
    return _of_folder(path) if path.is_dir() else _of_file(path)


def _of_folder(path: Path) -> str | None:
    if (path / "MLmodel").is_file():
        return "mlflow"
    if (path / "saved_model.pb").is_file() or (path / "saved_model.pbtxt").is_file():
        return "tensorflow"
    models = [file for file in model_files(path) if file.is_file()]
    return recognise(models[0]) if len(models) == 1 else None


def model_files(folder: Path) -> list[Path]:
    """The files right inside a folder that are models by their bytes."""
    found = []
    for file in sorted(folder.iterdir()):
        if not file.is_file() or file.name.startswith("."):
            continue
        try:
            known = _of_file(file)
        except InvalidArtifact:
            continue
        if known is not None:
            found.append(file)
    return found


def _of_file(path: Path) -> str | None:
    head = _head(path)
    if not head:
        raise InvalidArtifact(f"{path.name} is empty", remedy="Upload the model's file again, and check its size.")
    for start, what, remedy in _STRANGERS:
        if head.startswith(start):
            raise InvalidArtifact(f"{path.name} is {what}, not a model", remedy=remedy)
    if head.startswith(b"PK\x03\x04"):
        return _of_archive(path)
    if head.startswith(b"tree\n"):
        return "lightgbm"
    if head.startswith(b"{"):
        return _of_json(path, head)
    if head.startswith(_COMPRESSED_STARTS) or head.startswith(_PICKLE_STARTS):
        return "sklearn"
    return "onnx" if head.startswith(b"\x08") and _is_onnx(path) else None


def _of_json(path: Path, head: bytes) -> str:
    """XGBoost's JSON or its binary form, which also starts with a brace."""
    if b"learner" in head or b'"version"' in head:
        return "xgboost"
    raise InvalidArtifact(f"{path.name} is a JSON document, not a model")


def _of_archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InvalidArtifact(
            f"{path.name} is a ZIP archive that is truncated or damaged ({error})",
            remedy="Compare its size and checksum with the file that was saved, and upload it again.",
        ) from error
    inner = {name.partition("/")[2] or name for name in names}
    if "schema.json" in names:
        return "skops"
    if inner & {"constants.pkl", "archive_format", "serialized_exported_program.json"}:
        return "pytorch"
    if inner & {"data.pkl"}:
        raise InvalidArtifact(
            f"{path.name} was saved by torch.save: it holds weights or pickled objects, not a program",
            remedy=_PYTORCH_REMEDY,
        )
    if "model.weights.h5" in names:
        remedy = "Save it with model.export('folder') and upload the folder."
        raise InvalidArtifact(f"{path.name} is a Keras model, not a TensorFlow SavedModel", remedy=remedy)
    what = "NumPy's arrays" if names and all(name.endswith(".npy") for name in names) else "no model that is known"
    raise InvalidArtifact(f"{path.name} is a ZIP archive of {what}")


def _is_onnx(path: Path) -> bool:
    """Whether the file is a sequence of ModelProto's fields with a graph; a truncated graph is one too."""
    size = path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < size:
            tag = _varint(file)
            if tag is None or tag >> 3 not in _ONNX_FIELDS:
                return False
            if tag >> 3 == 7 and tag & 7 == 2:
                return True
            if not _skip(file, tag & 7):
                return False
    return False


def _skip(file: BinaryIO, wire_type: int) -> bool:
    length = _varint(file)
    if length is None or wire_type not in {0, 2}:
        return False
    if wire_type == 2:
        file.seek(length, 1)
    return True


def _varint(file: BinaryIO) -> int | None:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    return None


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)
