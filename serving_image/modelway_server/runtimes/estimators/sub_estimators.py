"""Find the estimators inside an estimator: its steps, its fitted members, and any others that it keeps."""

from collections.abc import Iterator
from typing import Any

import numpy as np

_THREADS = ("n_jobs", "_n_threads")


def sub_estimators(estimator: Any) -> list[Any]:
    """Return the estimator and every estimator inside it, at any depth, each once."""
    parts: list[Any] = []
    ids: set[int] = set()
    waiting = [estimator]
    while waiting:
        thing = waiting.pop()
        if id(thing) in ids:
            continue
        ids.add(id(thing))
        if callable(getattr(thing, "get_params", None)) and not isinstance(thing, type):
            parts.append(thing)
            waiting.extend(vars(thing).values() if hasattr(thing, "__dict__") else ())
        else:
            waiting.extend(_members(thing))
    return parts


def members(estimator: Any) -> Iterator[Any]:
    """Yield the estimators directly inside an estimator, also in containers or in other objects of scikit-learn."""
    waiting = list(getattr(estimator, "__dict__", {}).values())
    ids: set[int] = set()
    while waiting:
        thing = waiting.pop(0)
        if id(thing) in ids:
            continue
        ids.add(id(thing))
        if callable(getattr(thing, "get_params", None)) and not isinstance(thing, type):
            yield thing
        elif type(thing).__module__.startswith("sklearn."):
            waiting.extend(getattr(thing, "__dict__", {}).values())
        else:
            waiting.extend(_members(thing))


def serve_single_threaded(estimator: Any) -> int:
    """Set `n_jobs`, and the threads of clusterings, to 1. Starting threads costs several times the work of a small request.

    Returns:
        The number of changed estimators.
    """
    changed = 0
    for part in sub_estimators(estimator):
        names = [name for name in _THREADS if getattr(part, name, None) not in {None, 1}]
        for name in names:
            setattr(part, name, 1)
        changed += bool(names)
    return changed


def _members(thing: Any) -> Iterator[Any]:
    if isinstance(thing, dict):
        thing = thing.values()
    elif isinstance(thing, np.ndarray):
        thing = thing.flat if thing.dtype == object else ()
    elif not isinstance(thing, list | tuple):
        return
    for member in thing:
        if not isinstance(member, str | int | float | np.generic):
            yield member
