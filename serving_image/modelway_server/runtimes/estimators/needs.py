"""What one part of a model needs of one column, and what all parts together need of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from modelway_server.contract.signature import Column, Dates

_MOST_TELLING = ("BYTES", "BOOL", "UINT64", "INT64", "FP64")
"""Datatypes, what is learned from values before what is true of any estimator that computes."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a part of a model needs of a column.

    Attributes:
        datatype: the protocol's name of its type; None where only code of the model's author knows it.
        categories: the only values that the part answers, or None when it answers any.
        known: the values that it has learned, where it answers others too, as values that it does not know.
        missing: what it was trained to see in place of a missing value: NaN, or None among objects.
        dates: set where the values are dates.
        example: a value that it answers; None where any number will do.
        objects: whether it was trained on numbers or booleans as Python objects.
        saw_missing: whether it has learned a missing value as a category of its own.
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
"""The column is read, and nothing is known of its type."""
NUMBER = Need("FP64")
"""What an estimator needs that computes with its columns and tells nothing else of them."""


def joined(needs: Iterable[Need]) -> Need:
    """What a column must be so that every part which reads it gets what it needs.

    Args:
        needs: of the parts that read the column; at least one.
    """
    return reduce(_both, dict.fromkeys(needs))  # hundreds of members need the same


def column_of(name: str, needs: Sequence[Need]) -> tuple[Column, Any]:
    """The column that those needs make, and a value for it; unused where there are none."""
    if not needs:
        return Column(name, used=False), None
    need = joined(needs)
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


def accepting(need: Need, stand_ins: frozenset[Any]) -> Need:
    """The need of a part behind an imputer, which replaces those values before the part sees them."""
    if not stand_ins or need.categories is None:
        return need
    return replace(need, categories=need.categories | stand_ins)


def _both(one: Need, other: Need) -> Need:
    first, second = sorted((one, other), key=_rank)
    categories = _common(one.categories, other.categories)
    examples = [need.example for need in (first, second) if need.example is not None]
    fitting = [example for example in examples if categories is None or example in categories]
    return Need(
        datatype=first.datatype,
        categories=categories,
        known=None if categories is not None else _all(one.known, other.known),
        missing=None if one.missing is None or other.missing is None else one.missing,
        dates=first.dates or second.dates,
        example=next(iter(fitting or sorted(categories or (), key=repr) or examples), None),
        objects=one.objects or other.objects,
        saw_missing=one.saw_missing and other.saw_missing,
    )


def _rank(need: Need) -> int:
    return len(_MOST_TELLING) if need.datatype is None else _MOST_TELLING.index(need.datatype)


def _common(one: frozenset[Any] | None, other: frozenset[Any] | None) -> frozenset[Any] | None:
    return one if other is None else other if one is None else one & other


def _all(one: frozenset[Any] | None, other: frozenset[Any] | None) -> frozenset[Any] | None:
    return one if other is None else other if one is None else one | other
