"""Check the values of one column against its training data, and convert them to a numpy array."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.dates import parse_dates
from modelway_server.contract.numeric import (
    Locate,
    Values,
    check_width,
    objects_of,
    read_doubles,
    read_integers,
    read_numbers,
)
from modelway_server.contract.signature import Column, Dates
from modelway_server.errors import InvalidInput
from modelway_server.protocol.tensors import INTEGER_LIMITS, shorten

_NARROW: Final[dict[str, type[np.floating[Any]]]] = {"FP16": np.float16, "FP32": np.float32}
_CODES = (
    "it is a column of categories that the model's file does not hold: send their codes (0, 1, ...), "
    "or train and save the model with XGBoost 3.1 or later, which keeps them"
)
MAX_LISTED = 10
"""Categories that a message lists before it says how many more there are."""


def coerce(column: Column, values: Values, locate: Locate, *, max_magnitude: float | None = None) -> Any:
    """The column in the form that the model takes: numbers or booleans, datetime64[us], a pandas index of UTC, or objects.

    Args:
        column: what the model was trained on.
        values: one a row; None and NaN are missing.
        locate: where in the request the value of a row stands.
        max_magnitude: largest absolute number that the model accepts, None when any.

    Raises:
        InvalidInput: a value is of another type, missing where the model needs one, or of an unknown category.
    """
    if not column.used:
        return _as_objects(values)
    where = f"column {column.name!r}"
    if column.dates is not None:
        return _dates(column, column.dates, values, locate, where)
    result = _read_codes(column, values, locate, where) if column.coded else _read_values(column, values, locate, where)
    if not column.nullable:
        _refuse_missing(_missing(result), locate, where)
    elif column.missing is None and (missing := _missing(result)).any():
        result = result.astype(object)
        result[missing] = None
    if column.objects:
        result = result.astype(object)
    narrow = _NARROW.get(column.datatype) if column.typed else None
    limit = max_magnitude if narrow is None else float(np.finfo(narrow).max)
    if limit is not None and result.dtype.kind == "f":
        refuse_large(result, limit, locate, where)
    if narrow is not None:
        result = result.astype(narrow)
    if column.categories is not None:
        _refuse_unknown(result, column.categories, locate, where)
    return result


def refuse_large(values: NDArray[Any], limit: float, locate: Locate, where: str) -> None:
    """Refuse numbers beyond the range of the model's own arithmetic.

    Raises:
        InvalidInput: there is one; the first is named.
    """
    large = np.abs(values) > limit
    if large.any():
        row = int(large.argmax())
        raise InvalidInput(f"{where} is {values[row]:g}; the model takes numbers up to {limit:g}", field=locate(row))


def _read_codes(column: Column, values: Values, locate: Locate, where: str) -> NDArray[Any]:
    """The values of a column of category codes; a refusal explains why a category is unknown."""
    try:
        return _read_values(column, values, locate, where)
    except InvalidInput as refusal:
        raise InvalidInput(f"{refusal.message}; {_CODES}", field=refusal.field) from refusal


def _read_values(column: Column, values: Values, locate: Locate, where: str) -> NDArray[Any]:
    """The values in the column's own datatype; missing ones are NaN."""
    match column.datatype if column.typed else "":
        case "":
            return _scalars(values, locate, where)
        case "BYTES":
            return _strings(values, locate, where)
        case "BOOL":
            return _booleans(values, locate, where)
        case datatype if datatype in INTEGER_LIMITS:
            return read_integers(values, datatype, locate, where, as_objects=column.missing is None)
        case _:
            return (read_numbers if column.literal else read_doubles)(values, locate, where)


def _dates(column: Column, dates: Dates, values: Values, locate: Locate, where: str) -> Any:
    entries = values.tolist() if isinstance(values, np.ndarray) else values
    if not column.nullable:
        _refuse_missing(np.array([value is None for value in entries]), locate, where)
    return parse_dates(entries, dates, locate, where)


def _refuse_missing(missing: NDArray[np.bool_], locate: Locate, where: str) -> None:
    if missing.any():
        message = f"{where} must not be missing: the model was not trained to handle it"
        raise InvalidInput(message, field=locate(int(missing.argmax())))


def _booleans(values: Values, locate: Locate, where: str) -> NDArray[Any]:
    """bool, or objects with NaN when some are missing."""
    result = _as_objects(values)
    for row, value in enumerate(result):
        if value is None:
            result[row] = float("nan")
        elif not isinstance(value, bool | np.bool_):
            raise InvalidInput(f"{where} takes true and false, this is {shorten(value)}", field=locate(row))
    return result if any(value != value for value in result) else result.astype(np.bool_)  # noqa: PLR0124  (NaN)


def _strings(values: Values, locate: Locate, where: str) -> NDArray[np.object_]:
    result = _as_objects(values)
    for row, value in enumerate(result):
        if value is None:
            result[row] = float("nan")
        elif type(value) is not str:
            raise InvalidInput(f"{where} takes strings, this is {shorten(value)}", field=locate(row))
    return result


def _scalars(values: Values, locate: Locate, where: str) -> NDArray[Any]:
    """A column whose type only the model's own code knows: numbers of their own type, or else objects as they come.

    Missing values are NaN.
    """
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        return read_numbers(values, locate, where)
    entries = values.tolist() if isinstance(values, np.ndarray) else list(values)
    for row, value in enumerate(entries):
        if value is not None and not isinstance(value, str | bool | int | float):
            raise InvalidInput(f"{where} takes one value, this is {shorten(value)}", field=locate(row))
        check_width(value, locate, row, where)
    kinds = {type(value) for value in entries if value is not None}
    if str not in kinds and (bool not in kinds or kinds == {bool}):
        return read_numbers(entries, locate, where)
    return objects_of(float("nan") if value is None else value for value in entries)


def _as_objects(values: Values) -> NDArray[np.object_]:
    return objects_of(values.tolist() if isinstance(values, np.ndarray) else values)


def _missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    if values.dtype.kind != "O":
        return np.zeros(len(values), dtype=np.bool_)
    return np.array([value is None or value != value for value in values], dtype=np.bool_)  # noqa: PLR0124  (NaN)


def _refuse_unknown(values: NDArray[Any], categories: frozenset[Any], locate: Locate, where: str) -> None:
    for row, value in enumerate(values.tolist()):
        if value not in categories and value == value and value is not None:  # noqa: PLR0124  (NaN)
            listed = ", ".join(sorted(map(repr, categories))[:MAX_LISTED])
            more = f" and {len(categories) - MAX_LISTED} more" if len(categories) > MAX_LISTED else ""
            raise InvalidInput(
                f"{where} is {shorten(value)}, which is none of the categories that the model knows: {listed}{more}",
                field=locate(row),
            )
