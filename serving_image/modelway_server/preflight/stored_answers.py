"""Keep a model's answers in a folder, and read them back: numbers and texts, nothing that a reader would have to trust."""

import json
import math
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from modelway_server.errors import InvalidDataset, LoadCrashed
from modelway_server.evaluation.answers import METHODS, Answers
from modelway_server.process.child import memory_limit

_INDEX: Final = "answers.json"
_SHARE_OF_MEMORY: Final = 8
"""The files may take this fraction of the memory: texts in JSON take several times as much once they are read."""
_MOST_BYTES: Final = 1 << 30
"""What they may take where the memory has no limit."""


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
        InvalidDataset: they take more memory than there is.
        LoadCrashed: they are not what `write_answers` leaves.
    """
    _check_size(folder)
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


def _check_size(folder: Path) -> None:
    """Refuse answers that would fill the memory; a file without content may claim any size."""
    limit = memory_limit()
    most = _MOST_BYTES if limit is None else limit // _SHARE_OF_MEMORY
    size = sum(path.lstat().st_size for path in folder.iterdir())
    if size > most:
        raise InvalidDataset(
            f"the model's answers to the rows of the dataset take {size >> 20} MiB, and the evaluation has room for {most >> 20} MiB",
            remedy="Give the evaluation fewer rows, or the pod more memory in spec.runtime.resources.",
        )


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
        array = np.array(json.load(file), dtype=object) if is_text else _read_array(file)
    if array.shape[:1] != (count,):
        raise ValueError(f"{path.name} has not one answer a row")
    return array


def _read_array(file: BinaryIO) -> NDArray[Any]:
    """Read what `np.save` wrote; not by `np.load`, which opens archives, too.

    Raises:
        ValueError: its head claims more or less than there is, for which memory would be taken.
    """
    version = np.lib.format.read_magic(file)
    read_head = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_head(file)
    if math.prod(shape) * dtype.itemsize != os.fstat(file.fileno()).st_size - file.tell():
        raise ValueError("the file has not the size that its head tells")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


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
