"""The row that a model's pages show: the example beside the model, a row of the model's own values, or a made-up one.

Rows of `samples.json` are never shown: they may be anybody's. For the same reason a value of the model's own is one in
the middle of many, rounded, and no row that it remembers.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from modelway_server.contract.rows import rows_of_instances
from modelway_server.contract.signature import Column, Form, Input, Signature
from modelway_server.protocol.tensors import INTEGER_LIMITS
from modelway_server.runtimes.base import Breakpoints, Runtime

DIGITS = 4
"""Significant digits of a number that is shown: a threshold or a mean has more than anybody wants to read."""
GIVEN: Final = "the one that is kept beside the model"
OWN: Final = "made of values that the model remembers"
MADE_UP: Final = "made up: the model does not tell what its training data looked like"
"""Where an example comes from."""
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Example:
    """A row to show.

    Attributes:
        row: as JSON values; a text where rows are texts.
        origin: where it comes from, one of GIVEN, OWN, MADE_UP.
    """

    row: Any
    origin: str


def choose_example(runtime: Runtime, plain: Any, breakpoints: Breakpoints, given: Sequence[Any]) -> Example:
    """A row that the model answers: the first of the given ones, one of the model's own values, or one of other numbers.

    Args:
        runtime: the model itself, warm.
        plain: the row that it was warmed up with, as JSON values.
        breakpoints: values at which the model may change its answers.
        given: examples of the author's.
    """
    tried = [Example(row, GIVEN) for row in given[:1]] + list(_examples(runtime.signature, plain, breakpoints))
    return next((one for one in tried if _is_answered(runtime, one.row)), Example(plain, MADE_UP))


def _examples(signature: Signature, plain: Any, breakpoints: Breakpoints) -> Iterator[Example]:
    if signature.form is Form.TENSORS:
        yield Example(_tensors(signature.inputs, plain), MADE_UP)
    elif isinstance(plain, list):
        columns = signature.columns or tuple(Column(f"x{index}") for index in range(len(plain)))
        cells = list(zip(columns, plain, strict=True))
        known = [_is_known(column, breakpoints.get(index, ()), cell) for index, (column, cell) in enumerate(cells)]
        typical = [
            typical_value(column, breakpoints.get(index, ()), cell) for index, (column, cell) in enumerate(cells)
        ]
        if all(known):
            yield Example(typical, OWN)
        other = [
            value if is_known else _other(column, cell, index)
            for index, ((column, cell), value, is_known) in enumerate(zip(cells, typical, known, strict=True))
        ]
        yield Example(other, MADE_UP)
        yield Example(typical, MADE_UP)


def typical_value(column: Column, breakpoints: Sequence[Any], plain: Any) -> Any:
    """The value in the middle of those that a model tells of a column of numbers; the plain one of any other."""
    numbers = _numbers(breakpoints)
    if not numbers or not _takes_numbers(column, plain):
        return plain
    middle = sorted(numbers)[len(numbers) // 2]
    if column.datatype in INTEGER_LIMITS:
        return round(middle)
    return float(f"{middle:.{DIGITS}g}")


def _is_known(column: Column, breakpoints: Sequence[Any], plain: Any) -> bool:
    """Whether an example's value in this column is the model's own."""
    categories = column.categories is not None or column.known is not None
    return not column.used or categories or (_takes_numbers(column, plain) and bool(_numbers(breakpoints)))


def _takes_numbers(column: Column, plain: Any) -> bool:
    known = column.categories is not None or column.known is not None
    return not known and column.used and column.typed and column.dates is None and type(plain) in {int, float}


def _numbers(breakpoints: Sequence[Any]) -> list[float]:
    return [value for value in breakpoints if type(value) in {int, float} and np.isfinite(value)]


def _other(column: Column, plain: Any, index: int) -> Any:
    """A made-up number: 0.5, 1.5 and so on from column to column."""
    if not _takes_numbers(column, plain):
        return plain
    return index % 10 + 1 if column.datatype in INTEGER_LIMITS else index % 10 + 0.5


def _tensors(inputs: Sequence[Input], plain: Any) -> dict[str, Any]:
    return {each.name: _tensor(np.asarray(plain[each.name], dtype=object), each.datatype) for each in inputs}


def _tensor(plain: Any, datatype: str) -> Any:
    """Made-up numbers of the same shape; what is no number stays."""
    if datatype in {"BYTES", "BOOL"}:
        return plain.tolist()
    numbers = np.arange(plain.size) % 10
    return (numbers + 1 if datatype in INTEGER_LIMITS else numbers + 0.5).reshape(plain.shape).tolist()


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
