"""Read the object in a model file of joblib or pickle.

Every failure becomes one of the load failures that users read, with a remedy.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sklearn.exceptions import InconsistentVersionWarning

from modelway_server.errors import (
    InvalidArtifact,
    LoadFailed,
    LoadFailure,
    MissingModule,
    OutOfMemory,
    UnsafeArtifact,
    describe,
    words,
)
from modelway_server.runtimes.content import is_compressed
from modelway_server.runtimes.pickle.load import load as read_object
from modelway_server.runtimes.trust import Trust
from modelway_server.runtimes.versions import (
    blame_version,
    missing_module,
    missing_name,
    oldest,
    saved_versions,
    version_mismatch,
)

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
"""Packages in which a damaged file fails."""
_ABSENT = re.compile(r"Can't get attribute '(?P<name>[^']+)' on <module '(?P<module>[^']+)'")


@dataclass(frozen=True)
class Unpickled:
    """The content of a file.

    Attributes:
        content: the object.
        saved: the versions of libraries that saved it, by package, as far as the file tells. If several versions saved
            its parts, this is the oldest.
    """

    content: Any
    saved: Mapping[str, str] = field(default_factory=dict)


def load(path: Path, trust: Trust) -> Unpickled:
    """Read the object from a file.

    Args:
        path: written by joblib, compressed or not, or by pickle.
        trust: names that it may use beside the lists.

    Raises:
        LoadFailure: the file holds no pickle, or the object cannot be built here.
    """
    compressed = is_compressed(path)
    saved = {} if compressed else saved_versions(path)
    return rebuild(path, lambda: read_object(path, trust, compressed=compressed), saved)


def rebuild(path: Path, build: Callable[[], Any], saved: Mapping[str, str]) -> Unpickled:
    """Build the object of a file of scikit-learn, and turn failures into load failures.

    Args:
        path: the file.
        build: builds the object.
        saved: the versions that the file names, by package.

    Raises:
        LoadFailure: the object cannot be built here.
    """
    with warnings.catch_warnings(record=True) as records:
        warnings.simplefilter("always")
        try:
            content = build()
        except LoadFailure as refusal:
            raise _failure_of_check(refusal, {**saved, **_warned_versions(records)}) or refusal from refusal.__cause__
        except Exception as error:
            raise _failure(error, path, {**saved, **_warned_versions(records)}) from error
    return Unpickled(content, {**saved, **_warned_versions(records)})


def _warned_versions(records: list[warnings.WarningMessage]) -> dict[str, str]:
    """Return the oldest version of scikit-learn in its own warnings, by package. Parts may be of several versions."""
    messages = [warning.message for warning in records if isinstance(warning.message, InconsistentVersionWarning)]
    return {"sklearn": oldest([str(each.original_sklearn_version) for each in messages])} if messages else {}


def _failure(error: Exception, path: Path, saved: Mapping[str, str]) -> LoadFailure:
    return _failure_of_version(error, saved) or _failure_of_content(error, path)


def _failure_of_check(refusal: LoadFailure, saved: Mapping[str, str]) -> LoadFailure | None:
    """Return a failure that blames the version if a check met an object without an attribute of this version."""
    if isinstance(refusal, UnsafeArtifact) and isinstance(refusal.__cause__, AttributeError | KeyError):
        return blame_version(saved, f"it cannot be checked ({describe(refusal.__cause__)})")
    return None


def _failure_of_version(error: Exception, saved: Mapping[str, str]) -> LoadFailure | None:
    """Return the failure if this image lacks a library of the model, or has another version of it."""
    if isinstance(error, ModuleNotFoundError):
        return missing_module(error.name or words(error), saved)
    if isinstance(error, AttributeError) and (absent := _ABSENT.search(words(error))):
        return missing_name(absent["module"], absent["name"], saved)
    if "incompatible dtype" in words(error, 5000):  # a tree's nodes, laid out by another version
        return version_mismatch(saved.get("sklearn"), words(error, 200))
    return blame_version(saved, f"it does not load ({describe(error)})")


def _failure_of_content(error: Exception, path: Path) -> LoadFailure:
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
