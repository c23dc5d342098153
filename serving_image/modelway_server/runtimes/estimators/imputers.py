"""What an imputer needs of its columns, and which of them it hands on."""

from typing import Any

import numpy as np
from sklearn.impute import SimpleImputer

from modelway_server.runtimes.estimators.needs import ANY, NUMBER, Need

_NAMES = {"SimpleImputer", "KNNImputer", "IterativeImputer"}


def is_imputer(part: Any) -> bool:
    """Whether a part is one of scikit-learn's imputers; the iterative one is imported by no name of its own."""
    return any(kind.__name__ in _NAMES and kind.__module__.startswith("sklearn.") for kind in type(part).__mro__)


def needs_of_imputer(imputer: Any, width: int) -> tuple[Need, ...]:
    """The need of each of its `width` columns.

    One that fills in strings was trained on columns of objects: what each holds is told by its most frequent value, and
    by nothing where the value that is filled in was given.
    """
    if not isinstance(imputer, SimpleImputer) or imputer.statistics_.dtype.kind not in "OU":
        return (NUMBER,) * width
    missing = None if imputer.missing_values is None else float("nan")
    return tuple(
        Need(missing=missing) if imputer.strategy == "constant" else _frequent(value, missing)
        for value in imputer.statistics_.tolist()
    )


def stand_ins(imputer: Any) -> frozenset[Any]:
    """The values of a request that it takes for missing, beside null."""
    value = getattr(imputer, "missing_values", None)
    return frozenset([value]) if isinstance(value, str | int) or _is_a_number(value) else frozenset()


def handed_on(imputer: Any, width: int) -> tuple[int | None, ...]:
    """For each column that it gives, the position of the one among its own that is filled in; None for an indicator."""
    names = list(getattr(imputer, "feature_names_in_", [f"x{index}" for index in range(width)]))
    positions = {name: index for index, name in enumerate(names)}
    return tuple(positions.get(name) for name in imputer.get_feature_names_out())


def _frequent(value: Any, missing: float | None) -> Need:
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
