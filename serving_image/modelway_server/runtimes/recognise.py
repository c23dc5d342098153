"""Recognise the format of a file or folder by its bytes, never by its name: ask each format in turn.

A file that no format knows is refused. If it is something that people upload by mistake, the message names it.
"""

from pathlib import Path

from modelway_server.errors import InvalidArtifact
from modelway_server.runtimes.content import Content
from modelway_server.runtimes.formats import FORMATS

_STRANGERS = (
    (b"\x89HDF", "an HDF5 file (Keras)", "Save it with model.export('folder') and upload the folder."),
    (b"\x93NUMPY", "a NumPy array file", None),
    (b"<", "an HTML or XML page, perhaps an error page that was stored instead of the model", None),
    (
        b"version https://git-lfs",
        "a Git LFS pointer, not the file that it points to",
        "Fetch the file with git lfs pull, and upload the file itself.",
    ),
    (b"binf", "an XGBoost model in its old binary form", "Save it with model.save_model('model.ubj')."),
)
_ARRAYS = "NumPy's arrays"
_PYTORCH_REMEDY = "Save the program with torch.jit.save(torch.jit.script(model), 'model.pt') or torch.export.save."


def recognise(path: Path) -> str | None:
    """The format of a file or folder; None when no format knows it.

    Raises:
        InvalidArtifact: it is empty, or something that is known to be no model.
    """
    return _recognise_folder(path) if path.is_dir() else _recognise_file(path)


def model_files(folder: Path) -> list[Path]:
    """The files right inside a folder that are models by their bytes."""
    files = (file for file in sorted(folder.iterdir()) if file.is_file() and not file.name.startswith("."))
    return [file for file in files if _is_model(file)]


def _recognise_folder(path: Path) -> str | None:
    for each in FORMATS.values():
        if any((path / mark).is_file() for mark in each.folder_marks):
            return each.name
    models = model_files(path)
    return _recognise_file(models[0]) if len(models) == 1 else None


def _recognise_file(path: Path) -> str | None:
    content = Content(path)
    if not content.head:
        raise InvalidArtifact(f"{path.name} is empty", remedy="Upload the model's file again, and check its size.")
    for start, what, remedy in _STRANGERS:
        if content.head.startswith(start):
            raise InvalidArtifact(f"{path.name} is {what}, not a model", remedy=remedy)
    name = next((each.name for each in FORMATS.values() if each.recognises(content)), None)
    if name is None:
        _refuse_strangers(content)
    return name


def _is_model(path: Path) -> bool:
    try:
        return _recognise_file(path) is not None
    except InvalidArtifact:
        return False


def _refuse_strangers(content: Content) -> None:
    """Refuse a file that no format knows, if its kind is known.

    Raises:
        InvalidArtifact: its kind is known.
    """
    name, members = content.path.name, content.members
    if content.head.startswith(b"{"):
        raise InvalidArtifact(f"{name} is a JSON document, not a model")
    if "data.pkl" in content.inner_members:
        raise InvalidArtifact(
            f"{name} was saved by torch.save: it holds weights or pickled objects, not a program",
            remedy=_PYTORCH_REMEDY,
        )
    if "model.weights.h5" in members:
        remedy = "Save it with model.export('folder') and upload the folder."
        raise InvalidArtifact(f"{name} is a Keras model, not a TensorFlow SavedModel", remedy=remedy)
    if content.is_archive:
        arrays = bool(members) and all(member.endswith(".npy") for member in members)
        raise InvalidArtifact(f"{name} is a ZIP archive of {_ARRAYS if arrays else 'no model that is known'}")
