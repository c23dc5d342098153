"""Choose the row that a model's pages show: the author's example, a row of the model's own values, or a made-up one.

Rows of `samples.json` are never shown, because they may be somebody's data. For the same reason no row that the model
remembers is shown: each value of its own is the middle of many, rounded.
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
"""Significant digits of a number in an example. A threshold or a mean has more than people want to read."""
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


def choose_example(runtime: Runtime, plain: Any, breakpoints: Breakpoints, author_rows: Sequence[Any]) -> Example:
    """Choose a row that the model answers: the author's first one, one of the model's own values, or a made-up one.

    Args:
        runtime: the model itself, warm.
        plain: the row of the warm-up, as JSON values.
        breakpoints: values at which the model may change its answers.
        author_rows: the author's examples.
    """
    candidates = [Example(row, GIVEN) for row in author_rows[:1]] + list(
        _examples(runtime.signature, plain, breakpoints)
    )
    return next((one for one in candidates if _is_answered(runtime, one.row)), Example(plain, MADE_UP))


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
    """Return the middle of the values that a model knows of a column of numbers; the plain value for other columns."""
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
    """Make up a number: 0.5, 1.5 and so on from column to column."""
    if not _takes_numbers(column, plain):
        return plain
    return index % 10 + 1 if column.datatype in INTEGER_LIMITS else index % 10 + 0.5


def _tensors(inputs: Sequence[Input], plain: Any) -> dict[str, Any]:
    return {each.name: _tensor(np.asarray(plain[each.name], dtype=object), each.datatype) for each in inputs}


def _tensor(plain: Any, datatype: str) -> Any:
    """Make up numbers of the same shape. Values that are no numbers stay."""
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
