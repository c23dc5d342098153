"""The other names of what is listed: public modules hand out again what private ones define."""

import pkgutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any

_WHOLE = ("scipy.interpolate", "scipy.sparse", "sklearn")
"""Packages whose public modules are searched too."""
_TOP: tuple[str, ...] = (
    "lightgbm",
    "numpy",
    "numpy.dtypes",
    "numpy.ma",
    "numpy.polynomial",
    "numpy.random",
    "numpy.rec",
    "pandas",
)
_TOP += ("pandas.arrays", "pandas.tseries.offsets", "scipy.special", "sklearn.metrics.cluster", "xgboost")
_STANDARD = {"builtins", "collections", "datetime", "decimal", "fractions", "functools", "operator", "types", "uuid"}


def aliases(lines: Iterable[str]) -> Iterator[str]:
    """The lines of all other names that lead to the same things."""
    kinds: dict[int, set[str]] = defaultdict(set)
    things: dict[int, Any] = {}
    for kind, name in (line.split() for line in lines):
        thing = resolve(name)
        if thing is not None and name.partition(".")[0] not in _STANDARD:
            kinds[id(thing)].add(kind)
            things[id(thing)] = thing
    for module in _modules():
        for key, value in list(vars(module).items()):
            if id(value) in things and _is_public(module, key, value):
                yield from (f"{kind} {module.__name__}.{key}" for kind in kinds[id(value)])


def resolve(name: str) -> Any:
    """What the name stands for, or None."""
    module, _, last = name.rpartition(".")
    with suppress(Exception):
        return getattr(import_module(module), last)
    return None


def _modules() -> Iterator[ModuleType]:
    for name in (*_TOP, *_WHOLE):
        yield import_module(name)
    for package in _WHOLE:
        for each in pkgutil.iter_modules(import_module(package).__path__, f"{package}."):
            last = each.name.rpartition(".")[2]
            if not last.startswith("_") and last not in {"conftest", "datasets", "experimental", "externals", "tests"}:
                with suppress(Exception):
                    yield import_module(each.name)


def _is_public(module: ModuleType, name: str, value: Any) -> bool:
    listed = getattr(module, "__all__", None)
    return name in listed if listed is not None else getattr(value, "__module__", None) == module.__name__
