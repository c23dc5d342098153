"""The estimators inside an estimator: its steps, its fitted members, and whatever else it keeps."""

from collections.abc import Iterator
from typing import Any

import numpy as np

_THREADS = ("n_jobs", "_n_threads")


def sub_estimators(estimator: Any) -> list[Any]:
    """The estimator and every estimator that it holds, at any depth, each once."""
    found: list[Any] = []
    seen: set[int] = set()
    waiting = [estimator]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if callable(getattr(thing, "get_params", None)) and not isinstance(thing, type):
            found.append(thing)
            waiting.extend(vars(thing).values() if hasattr(thing, "__dict__") else ())
        else:
            waiting.extend(_members(thing))
    return found


def members(estimator: Any) -> Iterator[Any]:
    """The estimators that an estimator holds itself, in containers or in scikit-learn's own objects, but none that these hold."""
    waiting = list(getattr(estimator, "__dict__", {}).values())
    seen: set[int] = set()
    while waiting:
        thing = waiting.pop(0)
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if callable(getattr(thing, "get_params", None)) and not isinstance(thing, type):
            yield thing
        elif type(thing).__module__.startswith("sklearn."):
            waiting.extend(getattr(thing, "__dict__", {}).values())
        else:
            waiting.extend(_members(thing))


def serve_single_threaded(estimator: Any) -> int:
    """Set `n_jobs`, and the threads that clusterings keep, to 1: starting threads costs a small request several times its own work.

    Returns:
        How many estimators were changed.
    """
    changed = 0
    for part in sub_estimators(estimator):
        kept = [name for name in _THREADS if getattr(part, name, None) not in {None, 1}]
        for name in kept:
            setattr(part, name, 1)
        changed += bool(kept)
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
