"""Whether a model's answer for a row depends on the rows beside it, as that of a step does which subtracts their mean.

Requests of several callers must not go to such a model in one call: each would be answered by what the others sent.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.rows import Rows
from modelway_server.contract.stacking import kind_of, stack, unstack
from modelway_server.errors import InputError, PredictionFailed

STEPS = (0.0, 0.01, 0.02, -0.03)
"""What is added to the numbers of the example, so that its rows differ but are still such as the model answers."""
TOLERANCE = 1e-4
"""By how much an answer may differ: the same sum in another order is not the same number."""

Call = Callable[[Rows], dict[str, NDArray[Any]]]


def answers_rows_alone(call: Call, example: Rows) -> bool:
    """Whether rows are answered in one call as they are alone; True where it cannot be told.

    Args:
        call: of one method.
        example: a row that the model answers.
    """
    alone = [(rows, outputs) for rows in (_moved(example, step) for step in STEPS) if (outputs := _try(call, rows))]
    if len({kind_of(rows) for rows, _ in alone}) != 1 or kind_of(alone[0][0]) is None:
        return True
    together = _try(call, stack([rows for rows, _ in alone]))
    if together is None:
        return False
    parts = unstack(together, [rows.count for rows, _ in alone])
    return all(_alike(outputs, part) for (_, outputs), part in zip(alone, parts, strict=True))


def _try(call: Call, rows: Rows) -> dict[str, NDArray[Any]] | None:
    try:
        return call(rows)
    except (InputError, PredictionFailed):
        return None


def _alike(ours: dict[str, NDArray[Any]], theirs: dict[str, NDArray[Any]]) -> bool:
    return ours.keys() == theirs.keys() and all(_same(values, theirs[name]) for name, values in ours.items())


def _same(ours: NDArray[Any], theirs: NDArray[Any]) -> bool:
    if ours.dtype.kind == "f" and theirs.dtype.kind == "f":
        return bool(np.allclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))
    return bool(ours.tolist() == theirs.tolist())


def _moved(rows: Rows, step: float) -> Rows:
    values = rows.values
    if isinstance(values, np.ndarray):
        return Rows(_moved_column(values, step), rows.count)
    if isinstance(values, dict):
        return Rows({name: _moved_column(column, step) for name, column in values.items()}, rows.count)
    if isinstance(values, list):
        return Rows([f"{text} a{step:g}" if step else text for text in values], rows.count)
    numbers = {name: values[name] + step for name in values.columns if values[name].dtype.kind == "f"}
    return Rows(values.assign(**numbers), rows.count)


def _moved_column(values: Any, step: float) -> Any:
    return values + step if isinstance(values, np.ndarray) and values.dtype.kind == "f" else values
