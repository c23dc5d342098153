"""Draw rows for the proof of an engine: ordinary ones, and rows near points that the model remembers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelway_server.contract.signature import Column, Signature
from modelway_server.protocol.tensors import INTEGER_LIMITS

ROWS, FEWEST = 300, 48
"""The usual number of rows, and the least one. Models with many columns get fewer rows, to save time."""
MAX_CELLS = 300_000
"""Values of all drawn rows, each an object of Python. From 1000 columns on there are fewer rows."""
MISSING_SHARE = 0.1
UNSEEN = "never seen before"
WORDS = ("a", "b", UNSEEN, "")
ORDINARY = (0.0, 1.0, -1.0, 0.5, 2.0)
SCALES = (0.01, 1.0, 1.0, 10.0, 1000.0, 1e6)


Row = list[Any]
"""A row as a request sends it."""


def rows_of(width: int) -> int:
    """Return the number of rows to draw for a contract of so many columns."""
    return max(FEWEST, min(ROWS, MAX_CELLS // max(width, 1)))


def draw(signature: Signature, points: Sequence[Row], seed: int, count: int | None = None) -> list[Row]:
    """Draw rows that the contract accepts; the same for the same seed.

    Args:
        signature: the contract; not one of texts.
        points: rows that the model remembers, with None for unknown values. Two of three rows are near them.
        seed: the seed of the random numbers.
        count: the number of rows; None for that of `rows_of`.
    """
    count = rows_of(len(signature.columns)) if count is None else count
    random = np.random.default_rng(seed)
    columns = [[_draw_value(column, random) for _ in range(count)] for column in signature.columns]
    rows = [list(row) for row in zip(*columns, strict=True)]
    if not points:
        return rows
    near = _Near(signature, points, random)
    return [near.row(row) if index % 3 else row for index, row in enumerate(rows)]


class _Near:
    """Draws rows near some points."""

    def __init__(self, signature: Signature, points: Sequence[Row], random: np.random.Generator) -> None:
        self._columns = signature.columns
        self._points = points
        self._random = random
        self._scales = [_scale([point[index] for point in points]) for index in range(len(signature.columns))]

    def row(self, ordinary: Row) -> Row:
        """Draw a row at or near one or two points. The ordinary row gives the values that the points do not know."""
        random = self._random
        first, second = (self._points[int(random.integers(len(self._points)))] for _ in range(2))
        way, share = WAYS[int(random.integers(len(WAYS)))], float(random.uniform())
        row = []
        for column, one, other, scale, substitute in zip(
            self._columns, first, second, self._scales, ordinary, strict=True
        ):
            value = way(one, other, _Draw(random, share, scale)) if _is_number(one) else one
            missing = column.nullable and random.uniform() < MISSING_SHARE / 2
            row.append(None if missing else _accept(column, value, substitute))
        return row


@dataclass(frozen=True, slots=True)
class _Draw:
    """What a number is drawn with: the share of the row, and the scale of the column's numbers."""

    random: np.random.Generator
    share: float
    scale: float


def _scale(values: Sequence[Any]) -> float:
    """Return how far apart the remembered numbers of a column are; their size if they are all the same."""
    are_floats = set(map(type, values)) == {float}  # as nearly always; each is looked at otherwise
    numbers = np.array(values if are_floats else [value for value in values if _is_number(value)], dtype=np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return 1.0
    low, high = np.quantile(numbers, [0.1, 0.9])
    return float(high - low) or float(abs(low)) or 1.0


def _mix(one: float, other: Any, draw: "_Draw") -> float:
    return float(one + draw.share * (other - one)) if _is_number(other) else one


def _cross(one: float, other: Any, draw: "_Draw") -> Any:
    return other if draw.random.uniform() < draw.share else one


def _neighbour(one: float, _: Any, draw: "_Draw") -> float:
    return float(np.nextafter(one, draw.random.choice([-np.inf, one, np.inf])))


def _single_neighbour(one: float, _: Any, draw: "_Draw") -> float:
    return float(np.nextafter(np.float32(one), np.float32(draw.random.choice([-np.inf, one, np.inf]))))


def _step(one: float, _: Any, draw: "_Draw") -> float:
    return float(one + draw.random.normal() * draw.scale * 10.0 ** draw.random.uniform(-9, 0))


WAYS: tuple[Callable[[float, Any, "_Draw"], Any], ...] = (
    lambda one, _, __: one,
    _mix,
    _mix,
    _cross,
    _neighbour,
    _single_neighbour,
    _step,
    _step,
)
"""How a number comes from one or two points: the first itself, a mix, either of them, the next number of float64, the next
one of float32, a small step."""


def _accept(column: Column, value: Any, substitute: Any) -> Any:
    """Return the value in the column's type if the contract accepts it, else the substitute."""
    if column.categories is not None:
        return value if value in column.categories else substitute
    match column.datatype:
        case "BYTES":
            return value if isinstance(value, str) else substitute
        case "BOOL":
            return substitute
        case datatype if datatype in INTEGER_LIMITS:
            smallest, largest = INTEGER_LIMITS[datatype]
            return int(min(max(round(value), smallest), largest)) if _is_number(value) else substitute
        case _:
            return float(value) if _is_number(value) and np.isfinite(value) else substitute


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124  (NaN)


def _draw_value(column: Column, random: np.random.Generator) -> Any:
    if column.nullable and random.uniform() < MISSING_SHARE:
        return None
    if column.categories is not None:
        known = sorted(column.categories, key=repr)
        return known[random.integers(len(known))]
    match column.datatype:
        case "BYTES":
            return WORDS[random.integers(len(WORDS))]
        case "BOOL":
            return bool(random.integers(2))
        case datatype if datatype in INTEGER_LIMITS:
            smallest, largest = INTEGER_LIMITS[datatype]
            number = int(random.integers(-5, 100))
            return min(max(number, smallest), largest)
        case _:
            return _draw_number(random)


def _draw_number(random: np.random.Generator) -> float:
    if random.uniform() < 0.2:
        return ORDINARY[random.integers(len(ORDINARY))]
    return float(random.normal() * SCALES[random.integers(len(SCALES))])
