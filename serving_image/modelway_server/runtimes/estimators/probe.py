"""Predict on made-up rows to learn what an estimator does not know: outputs, missing values, the largest number.

The probe calls a model a few times per group of columns at most, with one row each. All numbers of a made-up row are the
same. Several numbers are tried, since a logarithm refuses 0 and a probability refuses 2.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import replace
from itertools import islice, product
from typing import Any

import numpy as np

from modelway_server.contract.rows import rows_of_instances
from modelway_server.contract.signature import Column, Dates, Form, Signature
from modelway_server.errors import words
from modelway_server.runtimes.estimators.introspection import Blueprint, Finding

CANDIDATES = (0.0, 1.0, 0.5, -1.0)
WHOLE = (1, 0)
"""Integers, for code that takes no other numbers, such as code that looks a row up by number."""
Guess = tuple[Any, Dates | None]
"""A value for a column of unknown type, and its kind of dates if it is a date."""
GUESSES: tuple[Guess, ...] = (
    (1.0, None),
    ("a", None),
    ("2024-01-31", Dates.LOCAL),
    ("2024-01-31T12:00:00Z", Dates.ZONED),
)
MAX_UNTYPED = 6
"""Columns of unknown type for which mixtures of guesses are tried. Further ones are taken for numbers."""
MAX_MIXTURES = 500
"""Mixtures that are tried, those with the fewest dates first. For 6 columns this includes each one with a single date."""
MAX_GROUPS = 500
"""Groups of columns that are tried without values, one after another. If there are more, no value may be missing."""
HUGE = 1e300
FLOAT32_MAX = float(np.finfo(np.float32).max)

Call = Callable[[Any], Any]
"""The model's method on rows as the model takes them; raises what the model raises."""


def find_row(blueprint: Blueprint, call: Call) -> tuple[Blueprint, Any]:
    """Find a made-up row that the model answers. Return the blueprint with what the row taught, and the row.

    Raises:
        Exception: the model answers no candidate; this is its error on the first one.
    """
    first: Exception | None = None
    for guessed, values in _candidates(blueprint):
        row = values if blueprint.signature.form is Form.TEXT else _row(guessed, values)
        try:
            call(row)
        except Exception as error:  # noqa: BLE001  (a model may raise anything)
            first = first or error
        else:
            return _with_integers(guessed, values, call), row
    assert first is not None
    raise first


def complete(blueprint: Blueprint, call: Call) -> Signature:
    """Complete the signature with what trials show of missing values and of numbers that are too large."""
    signature = blueprint.signature
    if signature.form is Form.TEXT or not signature.columns:
        return signature
    nullable = _nullable(blueprint, call)
    columns = tuple(
        replace(column, nullable=index in nullable or not column.used) for index, column in enumerate(signature.columns)
    )
    return replace(signature, columns=columns, max_magnitude=_max_magnitude(blueprint, call))


def _candidates(blueprint: Blueprint) -> Iterator[tuple[Blueprint, list[Any]]]:
    """Yield candidate rows, each with the blueprint that is right if the model answers it."""
    if blueprint.signature.form is Form.TEXT:
        yield blueprint, ["a few words of text"]
        return
    columns = blueprint.signature.columns
    for number in (*CANDIDATES, *(WHOLE if not columns or any(map(_sees_type, columns)) else ())):
        yield blueprint, _values(blueprint, number) or [number]
    untyped = [index for index, finding in enumerate(blueprint.findings) if not finding.column.typed]
    mixtures = product(GUESSES, repeat=min(len(untyped), MAX_UNTYPED))
    likely = list(islice(sorted(mixtures, key=_unlikeliness), 1, MAX_MIXTURES))
    for number, mixture in product((CANDIDATES[1], WHOLE[0]), likely):
        guessed = _guess(blueprint, dict(zip(untyped, mixture, strict=False)))
        yield guessed, _values(guessed, number)


def _unlikeliness(mixture: tuple[Guess, ...]) -> int:
    return sum(dates is not None for _, dates in mixture)


def _sees_type(column: Column) -> bool:
    return column.literal or not column.typed


def _with_integers(blueprint: Blueprint, values: list[Any], call: Call) -> Blueprint:
    """Mark the columns that take only integers, given a row that the model answers.

    Args:
        blueprint: the assumed columns.
        values: the values of the row.
        call: the model's method.
    """
    findings = list(blueprint.findings)
    for index, finding in enumerate(findings):
        if type(values[index]) is not int or not _sees_type(finding.column):
            continue
        as_float = [float(value) if place == index else value for place, value in enumerate(values)]
        if not _answers(blueprint, call, as_float):
            column = replace(finding.column, datatype="INT64", typed=True, literal=False)
            findings[index] = replace(finding, example=values[index], column=column)
    return _with_findings(blueprint, findings)


def _with_findings(blueprint: Blueprint, findings: list[Finding]) -> Blueprint:
    columns = tuple(finding.column for finding in findings)
    return Blueprint(replace(blueprint.signature, columns=columns), tuple(findings))


def _guess(blueprint: Blueprint, guesses: Mapping[int, Guess]) -> Blueprint:
    """Return the blueprint with some columns as strings or dates. A number changes nothing."""
    findings = list(blueprint.findings)
    for index, (example, dates) in guesses.items():
        if isinstance(example, str):
            known = findings[index]
            column = replace(known.column, datatype="BYTES", dates=dates, typed=dates is not None)
            findings[index] = replace(known, example=example, column=column)
    return _with_findings(blueprint, findings)


def _values(blueprint: Blueprint, number: float) -> list[Any]:
    return [_value(finding.example, number) for finding in blueprint.findings]


def _value(example: Any, number: float) -> Any:
    return number if example is None else example


def _row(blueprint: Blueprint, values: list[Any]) -> Any:
    columns = tuple(replace(column, nullable=True, categories=None) for column in blueprint.signature.columns)
    return rows_of_instances(replace(blueprint.signature, columns=columns), [values], "warm-up").values


def _nullable(blueprint: Blueprint, call: Call) -> set[int]:
    """Return the positions of columns whose values may be missing: all columns, or whole groups."""
    everything = set(range(len(blueprint.findings)))
    if _answers(blueprint, call, _without(blueprint, everything)):
        return everything
    groups: dict[Hashable, set[int]] = {}
    for index, finding in enumerate(blueprint.findings):
        groups.setdefault(finding.group, set()).add(index)
    if not 1 < len(groups) <= MAX_GROUPS:
        return set()
    return {
        index
        for indices in groups.values()
        if _answers(blueprint, call, _without(blueprint, indices))
        for index in indices
    }


def _without(blueprint: Blueprint, missing: set[int]) -> list[Any]:
    values = _values(blueprint, CANDIDATES[1])
    return [None if index in missing else value for index, value in enumerate(values)]


def _max_magnitude(blueprint: Blueprint, call: Call) -> float | None:
    """Return the largest float32 if the model computes in float32, since it would refuse larger numbers as infinite."""

    def numbers(size: float) -> list[Any]:
        return [
            size
            if finding.column.datatype == "FP64" and finding.example is None
            else _value(finding.example, CANDIDATES[1])
            for finding in blueprint.findings
        ]

    try:
        call(_row(blueprint, numbers(HUGE)))
    except Exception as error:  # noqa: BLE001  (as above)
        return FLOAT32_MAX if "float32" in words(error, 5000) else None
    return None


def _answers(blueprint: Blueprint, call: Call, values: list[Any]) -> bool:
    try:
        call(_row(blueprint, values))
    except Exception:  # noqa: BLE001  (as above)
        return False
    return True
