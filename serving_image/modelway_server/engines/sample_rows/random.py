"""Rows for the proof of an engine: ordinary ones, and rows around the points that the model remembers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelway_server.contract.signature import Column, Signature
from modelway_server.protocol.tensors import INTEGER_LIMITS

ROWS, FEWEST = 300, 48
"""Rows that are drawn, and those of models with so many columns that all of these would take long."""
MAX_CELLS = 300_000
"""Values of the rows that are drawn, each an object of Python: from 1000 columns on there are fewer rows."""
MISSING_SHARE = 0.1
UNSEEN = "never seen before"
WORDS = ("a", "b", UNSEEN, "")
ORDINARY = (0.0, 1.0, -1.0, 0.5, 2.0)
SCALES = (0.01, 1.0, 1.0, 10.0, 1000.0, 1e6)


Row = list[Any]
"""As a request has it."""


def rows_of(width: int) -> int:
    """The rows that are drawn for a contract of so many columns."""
    return max(FEWEST, min(ROWS, MAX_CELLS // max(width, 1)))


def draw(signature: Signature, points: Sequence[Row], seed: int, count: int | None = None) -> list[Row]:
    """Rows that the contract accepts; the same for the same seed.

    Args:
        signature: the contract; not one of texts.
        points: rows that the model remembers, with None for what nobody knows. Two of three rows are near them.
        seed: of the random numbers.
        count: of rows; as many as `rows_of` says where it is None.
    """
    count = rows_of(len(signature.columns)) if count is None else count
    random = np.random.default_rng(seed)
    columns = [[_value(column, random) for _ in range(count)] for column in signature.columns]
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
        """A row near a point or two, or at one, with the numbers of an ordinary row where the points know none."""
        random = self._random
        first, second = (self._points[int(random.integers(len(self._points)))] for _ in range(2))
        way, share = WAYS[int(random.integers(len(WAYS)))], float(random.uniform())
        row = []
        for column, one, other, scale, instead in zip(
            self._columns, first, second, self._scales, ordinary, strict=True
        ):
            value = way(one, other, _Draw(random, share, scale)) if _is_number(one) else one
            missing = column.nullable and random.uniform() < MISSING_SHARE / 2
            row.append(None if missing else _accepted(column, value, instead))
        return row


@dataclass(frozen=True, slots=True)
class _Draw:
    """What a number is drawn with: a share that is the row's, and how far apart the column's numbers are."""

    random: np.random.Generator
    share: float
    scale: float


def _scale(values: Sequence[Any]) -> float:
    """How far apart the remembered numbers of a column are; their size, where they are all the same."""
    numbers = np.array([value for value in values if _is_number(value)], dtype=np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return 1.0
    low, high = np.quantile(numbers, [0.1, 0.9])
    return float(high - low) or float(abs(low)) or 1.0


def _mixed(one: float, other: Any, draw: "_Draw") -> float:
    return float(one + draw.share * (other - one)) if _is_number(other) else one


def _crossed(one: float, other: Any, draw: "_Draw") -> Any:
    return other if draw.random.uniform() < draw.share else one


def _beside(one: float, _: Any, draw: "_Draw") -> float:
    return float(np.nextafter(one, draw.random.choice([-np.inf, one, np.inf])))


def _single(one: float, _: Any, draw: "_Draw") -> float:
    return float(np.nextafter(np.float32(one), np.float32(draw.random.choice([-np.inf, one, np.inf]))))


def _stepped(one: float, _: Any, draw: "_Draw") -> float:
    return float(one + draw.random.normal() * draw.scale * 10.0 ** draw.random.uniform(-9, 0))


WAYS: tuple[Callable[[float, Any, "_Draw"], Any], ...] = (
    lambda one, _, __: one,
    _mixed,
    _mixed,
    _crossed,
    _beside,
    _single,
    _stepped,
    _stepped,
)
"""How a number comes from those of one or two points: one itself, between both, either, the next one of float64, the next
one of float32, a small step."""


def _accepted(column: Column, value: Any, instead: Any) -> Any:
    """A value if the contract takes it, in the column's own type, or another that it takes."""
    if column.categories is not None:
        return value if value in column.categories else instead
    match column.datatype:
        case "BYTES":
            return value if isinstance(value, str) else instead
        case "BOOL":
            return instead
        case datatype if datatype in INTEGER_LIMITS:
            smallest, largest = INTEGER_LIMITS[datatype]
            return int(min(max(round(value), smallest), largest)) if _is_number(value) else instead
        case _:
            return float(value) if _is_number(value) and np.isfinite(value) else instead


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124  (NaN)


def _value(column: Column, random: np.random.Generator) -> Any:
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
            drawn = int(random.integers(-5, 100))
            return min(max(drawn, smallest), largest)
        case _:
            return _number(random)


def _number(random: np.random.Generator) -> float:
    if random.uniform() < 0.2:
        return ORDINARY[random.integers(len(ORDINARY))]
    return float(random.normal() * SCALES[random.integers(len(SCALES))])
