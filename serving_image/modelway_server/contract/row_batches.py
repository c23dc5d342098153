"""Stack the rows of several requests for one call of the model, and split its outputs by request again.

Only rows of one kind are stacked, so that the model gets the values of each request as if it had come alone.
"""

from collections.abc import Hashable, Mapping, Sequence
from itertools import accumulate, chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.column_values import Joined, Stacked
from modelway_server.contract.rows import Rows

OBJECT_BYTES = 64
"""Approximate bytes of a value that is no number, beside its place in an array."""


def kind_of(rows: Rows) -> Hashable | None:
    """What rows must have in common to be stacked: form, width, dtypes; None for rows that go alone."""
    values = rows.values
    if isinstance(values, np.ndarray):
        return values.dtype, values.shape[1:]
    if isinstance(values, list):
        return list
    if isinstance(values, dict):
        if not all(isinstance(column, np.ndarray) for column in values.values()):
            return None
        return tuple((name, column.dtype, column.shape[1:]) for name, column in values.items())
    return tuple(values.columns), tuple(values.dtypes)


def stack(parts: Sequence[Rows]) -> Rows:
    """The rows of all parts, in their order.

    Args:
        parts: of one kind.
    """
    if len(parts) == 1:
        return parts[0]
    values: list[Any] = [part.values for part in parts]
    return Rows(_join(values), sum(part.count for part in parts), Stacked(parts))


def unstack(outputs: Mapping[str, NDArray[Any]], counts: Sequence[int]) -> list[dict[str, NDArray[Any]]]:
    """The outputs of each part: views of what the model gave for all.

    Args:
        outputs: arrays by name, rows first.
        counts: rows of each part, in the order in which they were stacked.
    """
    ends = list(accumulate(counts))
    return [
        {name: values[end - count : end] for name, values in outputs.items()}
        for count, end in zip(counts, ends, strict=True)
    ]


def bytes_of(rows: Rows) -> int:
    """The approximate memory of rows, in bytes."""
    values = rows.values
    if isinstance(values, np.ndarray):
        dropped = rows.origin.dropped.values() if isinstance(rows.origin, Joined) else ()
        return sum(map(_bytes_of_array, (values, *dropped)))
    if isinstance(values, list):
        return sum(OBJECT_BYTES + len(value) for value in values)
    if isinstance(values, dict):
        return sum(_bytes_of_array(np.asarray(column)) for column in values.values())
    return int(values.memory_usage(deep=True).sum())


def _bytes_of_array(values: NDArray[Any]) -> int:
    return values.nbytes + (OBJECT_BYTES * values.size if values.dtype.kind == "O" else 0)


def _join(values: list[Any]) -> Any:
    first = values[0]
    if isinstance(first, np.ndarray):
        return np.concatenate(values)
    if isinstance(first, list):
        return list(chain.from_iterable(values))
    if isinstance(first, dict):
        return {name: np.concatenate([part[name] for part in values]) for name in first}
    import pandas as pd  # noqa: PLC0415  (rows are a frame only where it is imported already)

    return pd.concat(values, ignore_index=True)
