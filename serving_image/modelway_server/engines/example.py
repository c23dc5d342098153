"""The row that a model's pages show: the example beside the model, or one of typical values in place of zeros.

Rows of `samples.json` are never shown: they may be anybody's.
"""

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelway_server.contract.rows import rows_of_instances
from modelway_server.contract.signature import Column, Form
from modelway_server.protocol.tensors import INTEGER_LIMITS
from modelway_server.runtimes.base import Runtime

DIGITS = 4
"""Significant digits of a number that is shown: a threshold or a mean has more than anybody wants to read."""
_LOGGER = logging.getLogger(__name__)


def telling_example(runtime: Runtime, plain: Any, hints: Mapping[int, Sequence[Any]], given: Sequence[Any]) -> Any:
    """A row that the model answers: the first of the given ones, a typical one, or else the plain one.

    Args:
        runtime: the model itself, warm.
        plain: the row that it was warmed up with, as JSON values.
        hints: values of the model's own, by the column's position.
        given: examples of the author's.
    """
    signature = runtime.signature
    if signature.form in {Form.TEXT, Form.TENSORS} or not isinstance(plain, list):
        return plain
    columns = signature.columns or tuple(Column(f"x{index}") for index in range(len(plain)))
    typical = [
        typical_value(column, hints.get(index, ()), cell)
        for index, (column, cell) in enumerate(zip(columns, plain, strict=True))
    ]
    return next((row for row in (*given[:1], typical) if _is_answered(runtime, row)), plain)


def typical_value(column: Column, hints: Sequence[Any], plain: Any) -> Any:
    """The value in the middle of those that a model tells of a column of numbers; the plain one of any other."""
    numbers = [value for value in hints if type(value) in {int, float} and np.isfinite(value)]
    known = column.categories is not None or column.known is not None
    if known or not column.used or not column.typed or column.dates is not None or type(plain) not in {int, float}:
        return plain
    if not numbers:
        return plain
    middle = sorted(numbers)[len(numbers) // 2]
    if column.datatype in INTEGER_LIMITS:
        return round(middle)
    return float(f"{middle:.{DIGITS}g}")


def _is_answered(runtime: Runtime, row: Any) -> bool:
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            rows = rows_of_instances(runtime.signature, [row], "example")
            for method in runtime.methods:
                runtime.call(method, rows.values, rows.count)
    except Exception as error:  # noqa: BLE001  (a model may raise anything; it is shown another row)
        _LOGGER.info("a row is no example of the model's: %s", error)
        return False
    return True
