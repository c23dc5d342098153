"""Predictions on made-up rows, which show what an estimator does not tell: outputs, missing values, the largest number.

A model is called at most a few times per group of columns, on one row each. All numbers of the made-up row are the
same; several candidates are tried, since a logarithm refuses 0 and a probability refuses 2.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from modelway_server.contract.rows import rows_of_instances
from modelway_server.contract.signature import Form, Signature
from modelway_server.runtimes.introspection import Blueprint

CANDIDATES = (0.0, 1.0, 0.5, -1.0)
MAX_UNTYPED = 6
"""Columns of unknown type for which every mixture of numbers and strings is tried: 64 rows at most."""
HUGE = 1e300
FLOAT32_MAX = float(np.finfo(np.float32).max)

Call = Callable[[Any], Any]
"""The model's method on rows as the model takes them; raises what the model raises."""


def find_row(blueprint: Blueprint, call: Call) -> tuple[Blueprint, Any]:
    """A made-up row, as the model takes it, that the model answers; and the blueprint with what the row taught.

    Raises:
        Exception: the model's own, on the first candidate, when it answers none.
    """
    first: Exception | None = None
    for values in _candidates(blueprint):
        row = values if blueprint.signature.form is Form.TEXT else _row(blueprint, values)
        try:
            call(row)
        except Exception as error:  # noqa: BLE001  (a model may raise anything)
            first = first or error
        else:
            return _learn(blueprint, values), row
    assert first is not None
    raise first


def complete(blueprint: Blueprint, call: Call) -> Signature:
    """The signature with what trials show of missing values and of numbers that are too large."""
    signature = blueprint.signature
    if signature.form is Form.TEXT or not signature.columns:
        return signature
    nullable = _nullable(blueprint, call)
    columns = tuple(
        replace(column, nullable=index in nullable or not column.used) for index, column in enumerate(signature.columns)
    )
    return replace(signature, columns=columns, max_magnitude=_max_magnitude(blueprint, call))


def _candidates(blueprint: Blueprint) -> Iterator[list[Any]]:
    if blueprint.signature.form is Form.TEXT:
        yield ["a few words of text"]
        return
    for number in CANDIDATES:
        yield [_value(finding.example, number) for finding in blueprint.findings] or [number]
    untyped = [index for index, finding in enumerate(blueprint.findings) if not finding.column.typed]
    for words in product((1.0, "a"), repeat=min(len(untyped), MAX_UNTYPED)):
        values = [_value(finding.example, 1.0) for finding in blueprint.findings]
        for index, word in zip(untyped, words, strict=False):
            values[index] = word
        if "a" in words:
            yield values


def _learn(blueprint: Blueprint, values: list[Any]) -> Blueprint:
    """Columns of unknown type in which a string was answered are taken for strings."""
    findings = tuple(
        replace(finding, example=value, column=replace(finding.column, datatype="BYTES"))
        if not finding.column.typed and isinstance(value, str)
        else finding
        for finding, value in zip(blueprint.findings, values, strict=False)
    )
    columns = tuple(finding.column for finding in findings)
    return Blueprint(replace(blueprint.signature, columns=columns), findings)


def _value(example: Any, number: float) -> Any:
    return number if example is None else example


def _row(blueprint: Blueprint, values: list[Any]) -> Any:
    columns = tuple(replace(column, nullable=True, categories=None) for column in blueprint.signature.columns)
    return rows_of_instances(replace(blueprint.signature, columns=columns), [values], "warm-up").values


def _nullable(blueprint: Blueprint, call: Call) -> set[int]:
    """Positions of the columns whose values may be missing: all, or else whole groups of them."""
    everything = set(range(len(blueprint.findings)))
    if _answers(blueprint, call, _without(blueprint, everything)):
        return everything
    groups: dict[str, set[int]] = {}
    for index, finding in enumerate(blueprint.findings):
        groups.setdefault(finding.group, set()).add(index)
    if len(groups) == 1:
        return set()
    return {
        index
        for indices in groups.values()
        if _answers(blueprint, call, _without(blueprint, indices))
        for index in indices
    }


def _without(blueprint: Blueprint, missing: set[int]) -> list[Any]:
    return [
        None if index in missing else _value(finding.example, CANDIDATES[1])
        for index, finding in enumerate(blueprint.findings)
    ]


def _max_magnitude(blueprint: Blueprint, call: Call) -> float | None:
    """The largest float32 where the model computes in that: a larger number would be refused as infinite."""

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
        return FLOAT32_MAX if "float32" in str(error) else None
    return None


def _answers(blueprint: Blueprint, call: Call, values: list[Any]) -> bool:
    try:
        call(_row(blueprint, values))
    except Exception:  # noqa: BLE001  (as above)
        return False
    return True
