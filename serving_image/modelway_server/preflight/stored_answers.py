"""Keep a model's answers in a folder, and read them back: numbers and texts, nothing that a reader would have to trust."""

import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from modelway_server.errors import LoadCrashed
from modelway_server.evaluation.answers import METHODS, Answers

_INDEX: Final = "answers.json"


def write_answers(answers: Answers, folder: Path) -> None:
    """Write the answers into an empty folder."""
    for method, arrays in answers.outputs.items():
        for position, array in enumerate(arrays):
            _write(array, folder / f"{method}.{position}")
    counts = {method: len(arrays) for method, arrays in answers.outputs.items()}
    index = {"arrays": counts, "classes": answers.classes, "count": answers.count}
    (folder / _INDEX).write_text(json.dumps(index), encoding="utf-8")


def is_written(folder: Path) -> bool:
    """Whether a process with a model came to the end of `write_answers`."""
    return (folder / _INDEX).exists()


def read_answers(folder: Path) -> Answers:
    """Read the answers that a process with a model wrote.

    Raises:
        LoadCrashed: they are not what `write_answers` leaves.
    """
    try:
        with _open(folder / _INDEX) as file:
            index = json.load(file)
        outputs = {
            method: tuple(_read(folder / f"{method}.{position}", index["count"]) for position in range(count))
            for method, count in index["arrays"].items()
            if method in METHODS
        }
        return Answers(outputs=outputs, classes=_classes(index["classes"]), count=index["count"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LoadCrashed("the process with the model left no answers that can be read") from error


def _write(array: NDArray[Any], path: Path) -> None:
    if array.dtype.kind == "O":
        path.write_text(json.dumps(array.tolist(), default=str), encoding="utf-8")
        return
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def _read(path: Path, count: int) -> NDArray[Any]:
    with _open(path) as file:
        is_text = file.read(1) == b"["
        file.seek(0)
        # not np.load, which opens archives, too
        array = (
            np.array(json.load(file), dtype=object) if is_text else np.lib.format.read_array(file, allow_pickle=False)
        )
    if array.shape[:1] != (count,):
        raise ValueError(f"{path.name} has not one answer a row")
    return array


def _open(path: Path) -> BinaryIO:
    """Open a file that the process with a model wrote.

    It may have left a link to the answers of another model, which this process may read, or something without an end.

    Raises:
        OSError: it is a link, or there is none.
        ValueError: it is no file.
    """
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ValueError(f"{path.name} is no file")
    return file


def _classes(document: Any) -> tuple[Any, ...] | None:
    if document is None:
        return None
    classes = tuple(tuple(entry) if isinstance(entry, list) else entry for entry in document)
    hash(classes)  # refuses objects and deeper lists, which are no labels
    return classes
