"""Compare the answer to a smoke test with what the test expects. Pure."""

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

_LONGEST: Final = 80
"""Characters of a value in a message."""
_NOTHING: Final = object()
"""Stands for a member that the answer does not have."""


class Mismatch(NamedTuple):
    """The first place where an answer is not as expected.

    Attributes:
        place: in the answer: `predictions[3][1]`.
        expected: in words.
        got: in words.
    """

    place: str
    expected: str
    got: str

    def __str__(self) -> str:
        """One phrase."""
        return f"{self.place or 'the answer'} is {self.got}, expected {self.expected}"


def find_mismatch(expected: Any, got: Any, tolerance: float) -> Mismatch | None:
    """The first place where an answer is not as expected; None where it is.

    Args:
        expected: JSON. Of an object its members must match, others may be there; an array must match entry by entry.
        got: JSON, in which null stands for NaN.
        tolerance: of numbers, relative and absolute. Two integers must be equal.
    """
    return next(_mismatches(expected, got, tolerance, ""), None)


def _mismatches(expected: Any, got: Any, tolerance: float, place: str) -> Iterator[Mismatch]:
    if isinstance(expected, dict) and isinstance(got, dict):
        for name, value in expected.items():
            yield from _mismatches(value, got.get(name, _NOTHING), tolerance, f"{place}.{name}" if place else name)
    elif isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            yield Mismatch(place, _entries(expected), _entries(got))
            return
        for index, (value, other) in enumerate(zip(expected, got, strict=True)):
            yield from _mismatches(value, other, tolerance, f"{place}[{index}]")
    elif not _is_alike(expected, got, tolerance):
        within = f" within {tolerance:g}" if _is_number(expected) and _is_number(got) else ""
        yield Mismatch(place, f"{_words(expected)}{within}", _words(got))


def _is_alike(expected: Any, got: Any, tolerance: float) -> bool:
    if not (_is_number(expected) and _is_number(got)):
        return type(expected) is type(got) and bool(expected == got)
    if isinstance(expected, int) and isinstance(got, int):
        return expected == got
    try:
        return math.isclose(expected, got, rel_tol=tolerance, abs_tol=tolerance)
    except OverflowError:  # an integer that no double holds
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _entries(values: list[Any]) -> str:
    return f"an array of {len(values)}"


def _words(value: Any) -> str:
    if value is _NOTHING:
        return "missing"
    kinds: dict[type, Callable[[Any], str]] = {dict: lambda _: "an object", list: _entries}
    text = kinds.get(type(value), lambda scalar: json.dumps(scalar, ensure_ascii=False))(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
