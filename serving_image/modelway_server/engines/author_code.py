"""Find code of the model's author in an estimator, because its answer to a row may depend on other rows."""

import sys
from collections.abc import Iterator
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np
import scipy.special
from sklearn.preprocessing import FunctionTransformer

KNOWN = frozenset({"joblib", "lightgbm", "numpy", "pandas", "scipy", "sklearn", "xgboost"})
"""Packages whose classes answer a row only by what they learned and by that row."""
_FUNCTIONS = (BuiltinFunctionType, FunctionType, MethodType, np.ufunc)
_OF_TRAINING = frozenset(
    {"callbacks", "eval_metric", "importance_getter", "objective", "refit", "score_func", "scorer_", "scoring"}
)
"""Attributes whose functions run in training, and not when the model answers."""
_LEAVES = (str, bytes, int, float, complex, type, type(None), np.generic)


def find_authors_code(estimator: Any) -> str | None:
    """Name the author's code in an estimator, or a function that may look at all rows, as a clause; None if there is none.

    Args:
        estimator: fitted.
    """
    for name, thing in _objects_in(estimator):
        if isinstance(thing, FunctionTransformer):
            functions = (thing.func, thing.inverse_func)
            loose = [each for each in functions if each is not None and (thing.kw_args or not _is_elementwise(each))]
            if loose:
                return f"FunctionTransformer calls {_name(loose[0])}, which may look at all rows of a call"
        elif not _is_known(thing) and name not in _OF_TRAINING:
            return f"{_name(thing)} is no code of {', '.join(sorted(KNOWN))}, and may look at all rows of a call"
    return None


def _objects_in(estimator: Any) -> Iterator[tuple[str, Any]]:
    """Yield each object and function inside an estimator once, with the name of the attribute that leads to it."""
    visited_ids: set[int] = set()
    waiting: list[tuple[str, Any]] = [("", estimator)]
    while waiting:
        name, thing = waiting.pop()
        if id(thing) in visited_ids or isinstance(thing, _LEAVES):
            continue
        visited_ids.add(id(thing))
        members = _members(thing)
        if members is None:
            yield name, thing
            attributes = {} if isinstance(thing, _FUNCTIONS) else getattr(thing, "__dict__", {})
            waiting.extend(attributes.items())
        else:
            waiting.extend((name, member) for member in members)


def _members(thing: Any) -> list[Any] | None:
    """Return the contents of a container; None if the object is no container."""
    if isinstance(thing, np.ndarray):
        return list(thing.flat) if thing.dtype.kind == "O" else []
    if isinstance(thing, dict) and type(thing).__module__ in {"builtins", "collections"}:
        return list(thing.values())
    if isinstance(thing, partial):
        return [thing.func, *thing.args, *thing.keywords.values()]
    return list(thing) if type(thing) in {list, tuple, set, frozenset} else None


def _is_known(thing: Any) -> bool:
    """Whether a known library or Python itself defines a function, or the class of an object."""
    owner = thing if isinstance(thing, _FUNCTIONS) else type(thing)
    root = str(getattr(owner, "__module__", None) or type(owner).__module__).partition(".")[0]
    return root in KNOWN or (root != "__main__" and root in sys.stdlib_module_names)


def _is_elementwise(function: Any) -> bool:
    """Whether this is a function of numpy or scipy that computes each number alone."""
    name = getattr(function, "__name__", "")
    ours = isinstance(function, np.ufunc) and function in {getattr(np, name, None), getattr(scipy.special, name, None)}
    return bool(ours and function.nin == 1 and function.nout == 1 and function.signature is None)


def _name(thing: Any) -> str:
    named = thing if isinstance(thing, _FUNCTIONS) else type(thing)
    return str(getattr(named, "__qualname__", None) or getattr(named, "__name__", repr(type(thing))))
