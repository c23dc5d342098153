"""Say what one part of a model needs of a column, and combine the needs of all parts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from modelway_server.contract.signature import Column, Dates

_MOST_TELLING = ("BYTES", "BOOL", "UINT64", "INT64", "FP64")
"""Datatypes in order: those learned from values come before that of any estimator that computes."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a part of a model needs of a column.

    Attributes:
        datatype: the protocol's name of its type; None if only code of the model's author knows it.
        categories: the only values that the part answers; None if it answers any.
        known: the values that it has learned, if it also answers unknown ones.
        missing: how missing values came in training: NaN, or None among objects.
        dates: the kind of dates; None if the values are no dates.
        example: a value that it answers; None if any number will do.
        objects: whether it was trained on numbers or booleans as Python objects.
        saw_missing: whether it has learned missing values as a category of their own.
    """

    datatype: str | None = None
    categories: frozenset[Any] | None = None
    known: frozenset[Any] | None = None
    missing: float | None = float("nan")
    dates: Dates | None = None
    example: Any = None
    objects: bool = False
    saw_missing: bool = False


ANY = Need()
"""The need of a part that reads a column of unknown type."""
NUMBER = Need("FP64")
"""The need of a part that computes with a column, and knows nothing else of it."""


def combine(needs: Iterable[Need]) -> Need:
    """Combine needs, so that every part that reads the column gets what it needs.

    Args:
        needs: the needs of the parts that read the column; at least one.
    """
    return reduce(_combine_two, dict.fromkeys(needs))  # hundreds of members have the same need


def column_of(name: str, needs: Sequence[Need]) -> tuple[Column, Any]:
    """Return the column that meets the needs, and an example value; an unused column if there are no needs."""
    if not needs:
        return Column(name, used=False), None
    need = combine(needs)
    column = Column(
        name,
        datatype=need.datatype or "FP64",
        categories=need.categories,
        known=need.known,
        typed=need.datatype is not None,
        missing=need.missing,
        dates=need.dates,
        objects=need.objects,
    )
    return column, need.example


def accept(need: Need, stand_ins: frozenset[Any]) -> Need:
    """Add stand-ins to the categories of a part behind an imputer, which replaces them before the part sees them."""
    if not stand_ins or need.categories is None:
        return need
    return replace(need, categories=need.categories | stand_ins)


def _combine_two(one: Need, other: Need) -> Need:
    first, second = sorted((one, other), key=_rank)
    categories = _intersection(one.categories, other.categories)
    examples = [need.example for need in (first, second) if need.example is not None]
    fitting_examples = [example for example in examples if categories is None or example in categories]
    return Need(
        datatype=first.datatype,
        categories=categories,
        known=None if categories is not None else _union(one.known, other.known),
        missing=None if one.missing is None or other.missing is None else one.missing,
        dates=first.dates or second.dates,
        example=next(iter(fitting_examples or sorted(categories or (), key=repr) or examples), None),
        objects=one.objects or other.objects,
        saw_missing=one.saw_missing and other.saw_missing,
    )


def _rank(need: Need) -> int:
    return len(_MOST_TELLING) if need.datatype is None else _MOST_TELLING.index(need.datatype)


def _intersection(one: frozenset[Any] | None, other: frozenset[Any] | None) -> frozenset[Any] | None:
    return one if other is None else other if one is None else one & other


def _union(one: frozenset[Any] | None, other: frozenset[Any] | None) -> frozenset[Any] | None:
    return one if other is None else other if one is None else one | other
