"""Find what an imputer needs of its columns, and which columns it hands on."""

from typing import Any

import numpy as np
from sklearn.impute import SimpleImputer

from modelway_server.runtimes.estimators.needs import ANY, NUMBER, Need

_NAMES = {"SimpleImputer", "KNNImputer", "IterativeImputer"}


def is_imputer(part: Any) -> bool:
    """Whether a part is an imputer of scikit-learn. Names decide, since the iterative one has no public import."""
    return any(kind.__name__ in _NAMES and kind.__module__.startswith("sklearn.") for kind in type(part).__mro__)


def needs_of_imputer(imputer: Any, width: int) -> tuple[Need, ...]:
    """Return the need of each of the imputer's `width` columns.

    An imputer that fills in strings was trained on columns of objects. The most frequent value tells the type of each. If
    the value to fill in was a constant, the type is not known.
    """
    if not isinstance(imputer, SimpleImputer) or imputer.statistics_.dtype.kind not in "OU":
        return (NUMBER,) * width
    missing = None if imputer.missing_values is None else float("nan")
    return tuple(
        Need(missing=missing) if imputer.strategy == "constant" else _need_of_frequent(value, missing)
        for value in imputer.statistics_.tolist()
    )


def stand_ins(imputer: Any) -> frozenset[Any]:
    """Return the values of a request that the imputer takes for missing, beside null."""
    value = getattr(imputer, "missing_values", None)
    return frozenset([value]) if isinstance(value, str | int) or _is_a_number(value) else frozenset()


def positions_of_outputs(imputer: Any, width: int) -> tuple[int | None, ...]:
    """Return the position of the input column for each output column; None for an indicator of missing values."""
    names = list(getattr(imputer, "feature_names_in_", [f"x{index}" for index in range(width)]))
    positions = {name: index for index, name in enumerate(names)}
    return tuple(positions.get(name) for name in imputer.get_feature_names_out())


def _need_of_frequent(value: Any, missing: float | None) -> Need:
    match value:
        case bool():
            return Need("BOOL", missing=missing, example=value)
        case str():
            return Need("BYTES", missing=missing, example=value)
        case int() | float() if value == value:  # noqa: PLR0124  (NaN: the column was empty)
            return Need("FP64", missing=missing)
    return Need(ANY.datatype, missing=missing)


def _is_a_number(value: Any) -> bool:
    return isinstance(value, float | np.number) and bool(value == value)  # noqa: PLR0124  (NaN)
