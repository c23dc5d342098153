"""Whether two answers to one request say the same: labels are equal, numbers are near enough.

Numbers agree within a share of the larger of the stable number and the mean size of the stable numbers so far, so that
numbers near 0 need not agree to the last digit. Numbers from 0 to 1, as probabilities are, agree within that share itself.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelway_server.traffic.answers import Column, row_count

MAX_NAMES = 256
"""Outputs whose mean size is kept."""

MAX_SIZE = 1e150
"""A number counts as no larger, so that the sum of sizes stays one."""


class Agreement(NamedTuple):
    """How many rows agree, and how many do not."""

    agree: int
    disagree: int


class Sizes:
    """The mean size of the stable revision's numbers, by output."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, int]] = {}

    def mean_with(self, name: str, values: NDArray[Any]) -> float:
        """The mean size of an output's numbers, these included."""
        known, count = self._sums.get(name, (0.0, 0))
        finite = np.minimum(np.abs(values[np.isfinite(values)]), MAX_SIZE)
        known, count = known + float(finite.sum()), count + finite.size
        if name in self._sums or len(self._sums) < MAX_NAMES:
            self._sums[name] = known, count
        return known / count if count else 0.0


def compare(stable: Sequence[Column], candidate: Sequence[Column], tolerance: float, sizes: Sizes) -> Agreement:
    """How many rows of two answers agree; where they have other outputs or shapes, none does.

    Args:
        stable: columns of the one.
        candidate: columns of the other.
        tolerance: by which numbers may differ.
        sizes: of the stable numbers so far; those of this answer are added.
    """
    count = row_count(list(stable))
    others = {column.name: column for column in candidate}
    if others.keys() != {column.name for column in stable} or len(others) != len(candidate):
        return Agreement(0, max(count, 1))
    wrong = np.zeros(count, dtype=bool)
    for column in stable:
        differs = _differs(column, others[column.name], tolerance, sizes)
        if differs is None:
            return Agreement(0, max(count, 1))
        if len(differs) == count:
            wrong |= differs
        elif differs.any():  # it is not by row
            return Agreement(0, max(count, 1))
    disagree = int(wrong.sum())
    return Agreement(count - disagree, disagree)


def _differs(one: Column, other: Column, tolerance: float, sizes: Sizes) -> NDArray[np.bool_] | None:
    """Of each row of a column whether it differs; None where the columns cannot be compared."""
    if one.values.shape != other.values.shape or one.about != other.about:
        return None
    if one.is_numeric or other.is_numeric:
        if not {one.values.dtype.kind, other.values.dtype.kind} <= set("fiu"):
            return None
        differs = _far(one.values.astype(np.float64), other.values.astype(np.float64), tolerance, one.name, sizes)
    else:
        differs = np.asarray(one.values != other.values, dtype=bool)
        if differs.shape != one.values.shape:
            return None
        if one.values.dtype.kind == other.values.dtype.kind == "O":
            for place in zip(*np.nonzero(differs), strict=True):
                first, second = one.values[place], other.values[place]
                differs[place] = bool(first == first or second == second)  # noqa: PLR0124  (NaN is not)
    rows = np.atleast_1d(differs)
    return np.asarray(rows.any(axis=tuple(range(1, rows.ndim))), dtype=bool)


def _far(
    one: NDArray[np.float64], other: NDArray[np.float64], tolerance: float, name: str, sizes: Sizes
) -> NDArray[np.bool_]:
    mean = sizes.mean_with(name, one)
    with np.errstate(invalid="ignore", over="ignore"):
        if _are_shares(one) and _are_shares(other):
            allowed: Any = tolerance
        else:
            allowed = tolerance * np.maximum(np.abs(one), mean)
        near: NDArray[np.bool_] = (np.abs(one - other) <= allowed) & np.isfinite(one) & np.isfinite(other)
    near |= (one == other) | (np.isnan(one) & np.isnan(other))
    return np.logical_not(near)


def _are_shares(values: NDArray[np.float64]) -> bool:
    """Whether all numbers are from 0 to 1, those that are missing left aside."""
    return bool(((values >= 0) & (values <= 1) | np.isnan(values)).all())
