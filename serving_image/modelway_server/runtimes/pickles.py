"""A model file, pickled by joblib or by pickle itself, to the object in it.

Every failure becomes one of the load failures that users read, with the remedy that fits it.
"""

import mmap
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.exceptions import InconsistentVersionWarning

from modelway_server.errors import (
    InvalidArtifact,
    LoadFailed,
    LoadFailure,
    MissingModule,
    OutOfMemory,
    RuntimeVersionMismatch,
    describe,
    words,
)
from modelway_server.runtimes.recognise import is_compressed
from modelway_server.runtimes.trust import Trust
from modelway_server.runtimes.unpickler import unpickle

_READERS = {
    "modelway_server",
    "joblib",
    "pickle",
    "numpy",
    "gzip",
    "bz2",
    "lzma",
    "zlib",
    "_compression",
    "skops",
    "zipfile",
    "json",
}
"""Where a file that is damaged fails."""
_SAVED_VERSION = re.compile(rb"_sklearn_version.{1,5}?(\d+\.\d+[0-9A-Za-z.]*)", re.DOTALL)
_ABSENT = re.compile(r"Can't get attribute '(?P<name>[^']+)' on <module '(?P<module>[^']+)'")


@dataclass(frozen=True)
class Unpickled:
    """What a file held.

    Attributes:
        content: the object.
        saved_with: version of scikit-learn that saved it, or None when the file does not tell.
    """

    content: Any
    saved_with: str | None


def load(path: Path, trust: Trust) -> Unpickled:
    """Read the object from a file.

    Args:
        path: written by joblib, compressed or not, or by pickle.
        trust: what it may name.

    Raises:
        LoadFailure: the file holds no pickle, or the object cannot be built here.
    """
    compressed = is_compressed(path)
    by_joblib = compressed or _holds(path, b"NumpyArrayWrapper")
    saved_with = None if compressed else _saved_version(path)
    return rebuild(path, lambda: unpickle(path, trust, by_joblib=by_joblib), saved_with)


def rebuild(path: Path, build: Callable[[], Any], saved_with: str | None) -> Unpickled:
    """What a function makes of a file of scikit-learn's objects, its failures as load failures.

    Args:
        path: the file.
        build: makes the object.
        saved_with: version of scikit-learn that the file names.

    Raises:
        LoadFailure: the object cannot be built here.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            content = build()
        except LoadFailure:
            raise
        except Exception as error:
            raise _failure(error, path, _warned_version(caught) or saved_with) from error
    return Unpickled(content, _warned_version(caught) or saved_with)


def differs(version: str | None) -> bool:
    """Whether that version of scikit-learn has another major or minor number than ours."""
    return version is not None and version.split(".")[:2] != sklearn.__version__.split(".")[:2]


def version_mismatch(version: str, what: str) -> RuntimeVersionMismatch:
    """The failure of a model that another version of scikit-learn saved."""
    return RuntimeVersionMismatch(
        f"saved with scikit-learn {version}, served with {sklearn.__version__}: {what}",
        remedy=f"Train and save the model again with scikit-learn {sklearn.__version__}, or run a server image with {version}.",
    )


def _holds(path: Path, mark: bytes) -> bool:
    """Whether joblib wrote the file: its array wrapper is named in it."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(mark) >= 0


def _saved_version(path: Path) -> str | None:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        match = _SAVED_VERSION.search(content)
        return match[1].decode() if match else None


def _warned_version(caught: list[warnings.WarningMessage]) -> str | None:
    for warning in caught:
        if isinstance(warning.message, InconsistentVersionWarning):
            return str(warning.message.original_sklearn_version)
    return None


def _failure(error: Exception, path: Path, saved_with: str | None) -> LoadFailure:
    return _of_versions(error, saved_with) or _of_content(error, path)


def _of_versions(error: Exception, saved_with: str | None) -> LoadFailure | None:
    """The failure when this image lacks what the model is made of, or has it in another version."""
    if isinstance(error, ModuleNotFoundError):
        return _missing_module(error.name or words(error), saved_with)
    if isinstance(error, AttributeError) and (absent := _ABSENT.search(words(error))):
        return _missing_name(absent["module"], absent["name"], saved_with)
    if "incompatible dtype" in words(error, 5000):  # a tree's nodes, laid out by another version
        return version_mismatch(saved_with or "another version", words(error, 200))
    if saved_with and differs(saved_with):
        return version_mismatch(saved_with, f"it does not load ({describe(error)})")
    return None


def _of_content(error: Exception, path: Path) -> LoadFailure:
    if "is not installed" in words(error, 5000):  # joblib on lz4
        return MissingModule(
            f"{path.name} cannot be read: {describe(error)}",
            remedy="Save the model with joblib's zlib or without compression.",
        )
    if isinstance(error, MemoryError):
        return OutOfMemory("the model does not fit into this pod's memory")
    if _raised_by_reader(error):
        return InvalidArtifact(
            f"{path.name} is truncated or damaged ({describe(error)})",
            remedy="Compare its size and checksum with the file that was saved, and upload it again.",
        )
    return LoadFailed(f"{path.name} does not load: {describe(error)}")


def _raised_by_reader(error: Exception) -> bool:
    """Whether the exception comes from reading the file, not from code of the model."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    module = str(traceback.tb_frame.f_globals.get("__name__", "")) if traceback is not None else ""
    return module.partition(".")[0] in _READERS


def _missing_module(name: str, saved_with: str | None) -> LoadFailure:
    package = name.partition(".")[0]
    if package in {"sklearn", "numpy", "joblib", "scipy"}:
        ours = f"scikit-learn {sklearn.__version__} and NumPy {np.__version__}"
        return version_mismatch(saved_with or "another version", f"there is no module {name} in {ours}")
    return MissingModule(
        f"the model needs the package {package!r} (module {name}), which this server's image does not hold",
        remedy=f"Run a server image that holds {package}, or build the model without it.",
    )


def _missing_name(module: str, name: str, saved_with: str | None) -> LoadFailure:
    if module.partition(".")[0] in {"sklearn", "numpy", "joblib", "scipy"}:
        return version_mismatch(saved_with or "another version", f"{module} has no {name}")
    if module == "__main__":
        return MissingModule(
            f"the model uses {name!r}, which was defined in the script or notebook that saved it, not in a package",
            remedy=f"Move {name} into a package, save the model again, and run a server image that holds the package.",
        )
    return MissingModule(
        f"the model uses {module}.{name}, which the package in this server's image does not have",
        remedy=f"Run a server image with the version of {module.partition('.')[0]} that saved the model.",
    )
