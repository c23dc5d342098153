"""Find code of the model's author in an estimator: its answer to a row may depend on other rows."""

import sys
from collections.abc import Iterator
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np
import scipy.special
from sklearn.preprocessing import FunctionTransformer

KNOWN = frozenset({"joblib", "lightgbm", "numpy", "pandas", "scipy", "sklearn", "xgboost"})
"""Packages whose classes answer a row by what was learned, and by that row."""
_FUNCTIONS = (BuiltinFunctionType, FunctionType, MethodType, np.ufunc)
_OF_TRAINING = frozenset(
    {"callbacks", "eval_metric", "importance_getter", "objective", "refit", "score_func", "scorer_", "scoring"}
)
"""Attributes whose functions are called while a model is trained, and not when it answers."""
_LEAVES = (str, bytes, int, float, complex, type, type(None), np.generic)


def authors_code(estimator: Any) -> str | None:
    """The author's code in an estimator, or a function that learned nothing, as a clause; None if there is neither.

    Args:
        estimator: fitted.
    """
    for name, held in _held(estimator):
        if isinstance(held, FunctionTransformer):
            functions = (held.func, held.inverse_func)
            loose = [each for each in functions if each is not None and (held.kw_args or not _is_elementwise(each))]
            if loose:
                return f"FunctionTransformer calls {_name(loose[0])}, which may look at all rows of a call"
        elif not _is_known(held) and name not in _OF_TRAINING:
            return f"{_name(held)} is no code of {', '.join(sorted(KNOWN))}, and may look at all rows of a call"
    return None


def _held(estimator: Any) -> Iterator[tuple[str, Any]]:
    """All objects and functions inside an estimator, each once, with the name of the attribute that leads to it."""
    seen: set[int] = set()
    waiting: list[tuple[str, Any]] = [("", estimator)]
    while waiting:
        name, held = waiting.pop()
        if id(held) in seen or isinstance(held, _LEAVES):
            continue
        seen.add(id(held))
        members = _members(held)
        if members is None:
            yield name, held
            attributes = {} if isinstance(held, _FUNCTIONS) else getattr(held, "__dict__", {})
            waiting.extend(attributes.items())
        else:
            waiting.extend((name, member) for member in members)


def _members(held: Any) -> list[Any] | None:
    """What a container holds; None for what is none."""
    if isinstance(held, np.ndarray):
        return list(held.flat) if held.dtype.kind == "O" else []
    if isinstance(held, dict) and type(held).__module__ in {"builtins", "collections"}:
        return list(held.values())
    if isinstance(held, partial):
        return [held.func, *held.args, *held.keywords.values()]
    return list(held) if type(held) in {list, tuple, set, frozenset} else None


def _is_known(held: Any) -> bool:
    """Whether a known library or Python itself defines a function, or the class of an object."""
    owner = held if isinstance(held, _FUNCTIONS) else type(held)
    root = str(getattr(owner, "__module__", None) or type(owner).__module__).partition(".")[0]
    return root in KNOWN or (root != "__main__" and root in sys.stdlib_module_names)


def _is_elementwise(function: Any) -> bool:
    """Whether this is a function of one number that numpy or scipy computes for each alone."""
    name = getattr(function, "__name__", "")
    ours = isinstance(function, np.ufunc) and function in {getattr(np, name, None), getattr(scipy.special, name, None)}
    return bool(ours and function.nin == 1 and function.nout == 1 and function.signature is None)


def _name(held: Any) -> str:
    named = held if isinstance(held, _FUNCTIONS) else type(held)
    return str(getattr(named, "__qualname__", None) or getattr(named, "__name__", repr(type(held))))
