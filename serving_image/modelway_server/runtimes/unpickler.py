"""Unpicklers of joblib and of pickle itself that look up trusted names only."""

import _compat_pickle
import importlib.util
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib.numpy_pickle
import joblib.numpy_pickle_utils
import numpy as np

from modelway_server.errors import InvalidArtifact, UnsafeArtifact
from modelway_server.runtimes.trust import Trust
from modelway_server.runtimes.versions import lacks

_MEMMAPS = {"numpy.memmap", "numpy.core.memmap.memmap", "numpy._core.memmap.memmap"}
"""The class of arrays that were read from a file; made here, it would open one. What it held is in the pickle."""
_DISTRIBUTIONS = "scipy.stats."
"""Rebuilding a distribution runs code that its state holds. Searches keep them for training alone."""


class Distribution:
    """Stands for a distribution of scipy.stats, of which a fitted search has no more use."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Take whatever the distribution was made of."""

    def __setstate__(self, _: Any) -> None:
        """Keep nothing."""


def unpickle(path: Path, trust: Trust, *, by_joblib: bool) -> Any:
    """The object in a file.

    Args:
        path: the file.
        trust: what it may name.
        by_joblib: whether joblib wrote it, or compressed it. Plain pickle reads several times faster.

    Raises:
        UnsafeArtifact: the file names what is not trusted; nothing that it names after that is looked up.
        Exception: whatever a damaged file or a class of the model raises.
    """
    with path.open("rb") as file:
        if not by_joblib:
            return _Unpickler(file, trust).load()
        with joblib.numpy_pickle_utils._validate_fileobject_and_memmap(file, str(path), None) as (content, _):  # noqa: SLF001  (what joblib.load itself does)
            if isinstance(content, str):
                raise InvalidArtifact(
                    f"{path.name} was saved by a joblib older than 0.10, in several files",
                    remedy="Load it where it was saved, and save it again with today's joblib.",
                )
            return _joblib_unpickler(content, trust).load()


def look_up(module: str, name: str, trust: Trust, find: Callable[[str, str], Any]) -> Any:
    """What a pickle names.

    Raises:
        UnsafeArtifact: it is not trusted.
        ModuleNotFoundError: there is no such package here.
        AttributeError: the module has no such name.
    """
    asked = module, name
    module, name = _today(module, name)
    full = f"{module}.{name}"
    if full in _MEMMAPS:
        return np.ndarray
    if full.startswith(_DISTRIBUTIONS) and not trust.covers(full):
        return Distribution
    if not trust.may_import(module, name):
        _check_present(module, name)
        raise _unsafe(full)
    found = find(*asked)
    if not trust.allows(module, name, found):
        raise _unsafe(full)
    return found


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, trust: Trust) -> None:
        super().__init__(file)
        self._trust = trust

    def find_class(self, module_name: str, global_name: str) -> Any:
        return look_up(module_name, global_name, self._trust, super().find_class)


def _joblib_unpickler(content: Any, trust: Trust) -> Any:
    """Joblib's own, and the one that it starts for arrays of objects, which asks this one."""
    unpickler = joblib.numpy_pickle.NumpyUnpickler("", content, ensure_native_byte_order=True)
    find = unpickler.find_class
    unpickler.find_class = lambda module, name: look_up(module, name, trust, find)
    return unpickler


def _today(module: str, name: str) -> tuple[str, str]:
    """The name as Python 3 has it: protocols 0 to 2 use those of Python 2."""
    module, name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))
    return _compat_pickle.IMPORT_MAPPING.get(module, module), name


def _check_present(module: str, name: str) -> None:
    """A name that is not here: said as such, since trusting it would not help.

    Raises:
        AttributeError: it belongs to the script that saved it, or a library of another version.
        ModuleNotFoundError: there is no such package.
    """
    if module == "__main__" or lacks(module, name):
        raise AttributeError(f"Can't get attribute '{name}' on <module '{module}'>")
    package = module.partition(".")[0]
    if package not in sys.modules and (not package or importlib.util.find_spec(package) is None):
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def _unsafe(full: str) -> UnsafeArtifact:
    return UnsafeArtifact(
        f"the file names {full}, which is not among what models may be made of",
        remedy=f"If you made the model and it needs {full}, add that name to spec.model.trustedTypes; "
        "if you did not, do not load this file anywhere.",
    )
