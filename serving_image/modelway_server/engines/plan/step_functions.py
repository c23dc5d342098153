"""The steps of a pipeline before the scores, in numpy alone. Each step computes as scikit-learn does.

Rows are a float64 matrix of [rows, columns]. Before a step has made them numbers, they are one list of Python values for
each column.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
Step = Mapping[str, Any]
Work = Callable[[Any], Any]
"""A function from rows to rows."""
Objects = list[list[Any]]
"""One list of Python values for each column."""

MISSING = "missing"
"""A missing value among known categories. Categories themselves are wrapped in lists: `["Rome"]`, `[1]`."""


def follow(steps: Sequence[Step], arrays: Arrays) -> list[Work]:
    """Return the steps of a plan as functions, to be called in turn.

    Args:
        steps: each with its name as `op`.
        arrays: the arrays that steps refer to by name.
    """
    return [_STEPS[step["op"]](step, arrays) for step in steps]


def _arithmetic(operation: Callable[[Any, Any], Any]) -> Callable[[Step, Arrays], Work]:
    def start(step: Step, arrays: Arrays) -> Work:
        operand = arrays[step["array"]]
        return lambda values: operation(values, operand)

    return start


def _take(step: Step, arrays: Arrays) -> Work:
    indices = arrays[step["array"]]
    return lambda values: values[:, indices]


def _clip(step: Step, _: Arrays) -> Work:
    low, high = step["low"], step["high"]
    return lambda values: np.clip(values, low, high)


def _fill(step: Step, arrays: Arrays) -> Work:
    """Replace missing values of a matrix by numbers."""
    statistics = arrays[step["array"]]
    return lambda values: np.where(np.isnan(values), statistics, values)


def _fill_objects(step: Step, _: Arrays) -> Work:
    """Replace missing values of Python by a value for each column."""
    known: list[Any] = step["values"]

    def work(columns: Objects) -> Objects:
        return [
            [value if _is_missing(entry) else entry for entry in column]
            for column, value in zip(columns, known, strict=True)
        ]

    return work


def _one_hot(step: Step, _: Arrays) -> Work:
    """Put a 1 at the place of each value's category; none if the value is unknown or its category is dropped."""
    places = [dict(zip(map(_key, known), positions, strict=True)) for known, positions in step["columns"]]
    width: int = step["width"]

    def work(columns: Objects) -> NDArray[np.float64]:
        result = np.zeros((len(columns[0]), width))
        for column, known in zip(columns, places, strict=True):
            for row, value in enumerate(column):
                place = known.get(MISSING if _is_missing(value) else (value,), -1)
                if place >= 0:
                    result[row, place] = 1.0
        return result

    return work


def _ordinal(step: Step, _: Arrays) -> Work:
    """Replace each value by the number of its category. Unknown values and missing ones have numbers of their own."""
    codes = [dict(zip(map(_key, known), numbers, strict=True)) for known, numbers in step["columns"]]
    unknown = float("nan") if step["unknown"] is None else step["unknown"]

    def work(columns: Objects) -> NDArray[np.float64]:
        result = np.empty((len(columns[0]), len(columns)))
        for position, (column, known) in enumerate(zip(columns, codes, strict=True)):
            for row, value in enumerate(column):
                code = known.get(MISSING if _is_missing(value) else (value,), unknown)
                result[row, position] = float("nan") if code is None else code
        return result

    return work


def _columns(step: Step, arrays: Arrays) -> Work:
    """Lead columns different ways, and put the results side by side."""
    ways = [(_gather(way), follow(way["steps"], arrays)) for way in step["ways"]]

    def work(values: Any) -> NDArray[np.float64]:
        parts = []
        for gather, works in ways:
            part = gather(values)
            for each in works:
                part = each(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    return work


def _gather(way: Step) -> Work:
    """Take the columns of one way: by name out of a dict, by position out of an array."""
    chosen: list[Any] = way["columns"]
    if way["objects"]:
        return lambda values: [_column(values, each).tolist() for each in chosen]

    def numbers(values: Any) -> NDArray[np.float64]:
        result = np.empty((len(_column(values, chosen[0])), len(chosen)))
        for position, each in enumerate(chosen):
            result[:, position] = _column(values, each)
        return result

    return numbers


def _column(values: Any, chosen: str | int) -> Any:
    return values[chosen] if isinstance(values, dict) else values[:, chosen]


def _key(known: Any) -> Any:
    return MISSING if known == MISSING else (known[0],)


def _is_missing(entry: Any) -> bool:
    return entry is None or entry != entry  # noqa: PLR0124  (NaN)


_STEPS: dict[str, Callable[[Step, Arrays], Work]] = {
    "add": _arithmetic(np.add),
    "clip": _clip,
    "columns": _columns,
    "divide": _arithmetic(np.divide),
    "fill": _fill,
    "fill_objects": _fill_objects,
    "matmul": _arithmetic(np.matmul),
    "multiply": _arithmetic(np.multiply),
    "one_hot": _one_hot,
    "ordinal": _ordinal,
    "subtract": _arithmetic(np.subtract),
    "take": _take,
}
