"""Give the values of checked rows by column, as the request sent them: integers as integers, dates as dates.

Rows hold what a model takes, which may be one array for columns of several types. Such an array does not tell any more
which of its numbers were integers, so what it lost is kept beside it. Nothing is converted before a column is asked for.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.names import enumerate_names
from modelway_server.contract.numeric import common_dtype, objects_of
from modelway_server.contract.signature import TEXT_NAME, Column, Signature

_LONGEST: Final = 16
"""Of a name such as `x0`: no array is so wide that its columns have longer ones."""


class Joined(NamedTuple):
    """What columns lost when they were joined in one array, or in a data frame that holds their values as objects.

    Attributes:
        signature: of the model.
        dtypes: numpy's of each column before, or pandas' for dates with a zone.
        dropped: the values of columns that the array does not hold, by their position.
    """

    signature: Signature
    dtypes: tuple[Any, ...]
    dropped: Mapping[int, NDArray[Any]]


class ByColumn(Protocol):
    """Rows whose values are there by column; see `Rows`."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in their order."""

    def column(self, name: str) -> NDArray[Any]:
        """The values of a column."""


class Stacked(NamedTuple):
    """The rows of several requests, in their order.

    Attributes:
        parts: one for each request.
    """

    parts: Sequence[ByColumn]


Origin = Signature | Joined | Stacked | None
"""Where rows come from: all that their values do not tell. None for rows that no request sent."""


def origin_of_joined(
    signature: Signature,
    columns: Sequence[Column],
    arrays: Sequence[Any],
    dtype: np.dtype[Any] | None,
    *,
    drops: bool = False,
) -> Signature | Joined:
    """The origin of rows whose columns were joined; the signature alone where the types of their values are still theirs.

    Args:
        signature: of the model.
        columns: that were joined.
        arrays: the values of each.
        dtype: of the array that they were joined in; None for a data frame, which changed the type of some.
        drops: whether the array does not hold the columns that are not used.
    """
    dtypes = tuple(array.dtype for array in arrays)
    dropped = {index: arrays[index] for index, column in enumerate(columns) if drops and not column.used}
    return Joined(signature, dtypes, dropped) if dropped or set(dtypes) != {dtype} else signature


def names_of(values: Any, origin: Origin) -> tuple[str, ...]:
    """The columns of rows in their order; of tensors their names, and `text` of texts."""
    if isinstance(origin, Stacked):
        return origin.parts[0].names
    signature = _signature_of(origin)
    if signature is not None and signature.columns:
        return signature.names
    if isinstance(values, list):
        return (TEXT_NAME,)
    if isinstance(values, np.ndarray):
        return tuple(f"x{position}" for position in range(values.shape[1]))
    return tuple(values)


def values_of_column(values: Any, origin: Origin, name: str) -> NDArray[Any]:
    """The values of one column; see `Rows.column`.

    Raises:
        KeyError: the rows have no such column; the message names those that they have.
    """
    if isinstance(origin, Stacked):
        return _concatenate([part.column(name) for part in origin.parts])
    if isinstance(values, list):
        if name == TEXT_NAME:
            return objects_of(values)
    elif isinstance(values, np.ndarray):
        position = _position(_signature_of(origin), values.shape[1], name)
        if position is not None:
            return _from_array(values, origin, position)
    elif name in values:
        column = _as_array(values[name])
        return _as_before(column, origin, origin.signature.positions[name]) if isinstance(origin, Joined) else column
    raise KeyError(f"there is no column {name!r}; the columns are {enumerate_names(names_of(values, origin))}")


def _signature_of(origin: Signature | Joined | None) -> Signature | None:
    return origin.signature if isinstance(origin, Joined) else origin


def _position(signature: Signature | None, width: int, name: str) -> int | None:
    """Where an array has a column; None where it has none of this name."""
    if signature is not None and signature.columns:
        return signature.positions.get(name)
    digits = name.removeprefix("x")
    position = int(digits) if digits.isdecimal() and len(digits) < len(name) <= _LONGEST else width
    return position if position < width and name == f"x{position}" else None


def _from_array(values: NDArray[Any], origin: Signature | Joined | None, position: int) -> NDArray[Any]:
    column = values[:, position]
    if not isinstance(origin, Joined):
        return column
    return origin.dropped[position] if position in origin.dropped else _as_before(column, origin, position)


def _as_before(column: NDArray[Any], origin: Joined, position: int) -> NDArray[Any]:
    dtype = origin.dtypes[position]
    return column.astype(dtype, copy=False) if isinstance(dtype, np.dtype) else _without_zone(column)


def _as_array(values: Any) -> NDArray[Any]:
    """A column of a data frame, or of a dict of arrays and indexes of pandas."""
    if isinstance(values, np.ndarray):
        return values
    return _without_zone(values) if getattr(values.dtype, "tz", None) else np.asarray(values.to_numpy())


def _without_zone(values: Any) -> NDArray[np.datetime64]:
    """Dates with a zone as those of UTC: numpy knows no zones."""
    import pandas as pd  # noqa: PLC0415  (values have a zone only where it is imported already)

    return np.asarray(pd.DatetimeIndex(values, tz="UTC").tz_convert(None).to_numpy(), dtype="datetime64[us]")


def _concatenate(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The arrays as one: of numbers that need no other type, or else of objects."""
    dtypes = {array.dtype for array in arrays}
    if len(dtypes) > 1:
        numbers = all(dtype.kind in "iuf" for dtype in dtypes)
        dtype = common_dtype(arrays) if numbers else np.dtype(object)
        arrays = [array.astype(dtype) for array in arrays]
    return np.concatenate(arrays)
