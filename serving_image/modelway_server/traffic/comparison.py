"""Whether two answers to one request say the same: labels are equal, numbers are near enough.

Integers are labels, but for those of a regressor.

Numbers agree within a share of the stable number, or of the mean size of the stable numbers so far where that is
larger. So numbers near 0 need not agree to the last digit. Where all stable numbers of an output so far are from 0 to 1, as
probabilities are, they agree within that share itself; where the event is rarer than that, within its mean probability.
"""

from collections.abc import Sequence
from typing import NamedTuple

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


class _Size:
    """What is known of the stable revision's numbers of one output.

    Attributes:
        are_shares: whether all of them were from 0 to 1.
    """

    def __init__(self) -> None:
        self.are_shares = True
        self._sums = self._counts = np.zeros(1)

    def add(self, values: NDArray[np.float64]) -> None:
        """Add the numbers of an answer."""
        if not values.size:
            return
        places = values.reshape(len(values) if values.ndim else 1, -1)
        is_number = np.isfinite(places)
        if places.shape[1] != len(self._sums):
            self._sums = self._counts = np.zeros(places.shape[1])
        self._sums = self._sums + np.minimum(np.abs(np.where(is_number, places, 0.0)), MAX_SIZE).sum(axis=0)
        self._counts = self._counts + is_number.sum(axis=0)
        self.are_shares &= bool(((values >= 0) & (values <= 1) | np.isnan(values)).all())

    @property
    def mean(self) -> float:
        """Of all numbers."""
        return float(self._sums.sum()) / max(float(self._counts.sum()), 1.0)

    def rest(self, first: float) -> float:
        """The mean share of what is not usual: of the event itself, or of all classes but the most frequent one.

        Args:
            first: what it counts as before there was a row, so that the first rows do not decide alone.
        """
        means, rows = np.sort(self._sums / np.maximum(self._counts, 1.0)), float(self._counts.max())
        rest = float(means.sum() if len(means) == 1 else means[:-1].sum())
        return (rest * rows + first) / (rows + 1)


class Sizes:
    """The sizes of the stable revision's numbers, by output.

    Args:
        amounts: whether integers are numbers, as those of a regressor; else they are labels.

    Attributes:
        amounts: as given.
    """

    def __init__(self, *, amounts: bool = False) -> None:
        self.amounts = amounts
        self._known: dict[str, _Size] = {}

    def allowed(self, name: str, values: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
        """By how much the candidate's numbers of an output may differ from these, which are known from now on."""
        size = self._known.get(name) or _Size()
        if name in self._known or len(self._known) < MAX_NAMES:
            self._known[name] = size
        size.add(values)
        near = min(tolerance, size.rest(tolerance)) if size.are_shares else tolerance * size.mean
        allowed: NDArray[np.float64] = np.maximum(tolerance * np.abs(values), near)
        return allowed


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
    kinds = {one.values.dtype.kind, other.values.dtype.kind}
    if one.is_numeric or other.is_numeric or (sizes.amounts and kinds <= set("iu")):
        if not kinds <= set("fiu"):
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
    with np.errstate(invalid="ignore", over="ignore"):
        allowed = sizes.allowed(name, one, tolerance)
        near: NDArray[np.bool_] = (np.abs(one - other) <= allowed) & np.isfinite(one) & np.isfinite(other)
    near |= (one == other) | (np.isnan(one) & np.isnan(other))
    return np.logical_not(near)
