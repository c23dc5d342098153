"""Read the numbers of one column as numpy arrays: an integer stays that integer, or is refused.

A double holds every integer up to 2^53. A column that lacks values is float64 with NaN, as pandas makes it; where an
integer beyond 2^53 would be lost by that, it is an array of objects: integers, and NaN for what is missing.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modelway_server.errors import InvalidInput
from modelway_server.protocol.tensors import (
    BEYOND_64_BITS,
    EXACT_IN_DOUBLES,
    INTEGER_LIMITS,
    MAX_INTEGER,
    MIN_INTEGER,
    NUMPY_TYPES,
    shorten,
)

Values = Sequence[Any] | NDArray[Any]
"""JSON values, or the values of a tensor."""
Locate = Callable[[int], str]
"""The place in the request of a row's value."""

_NAN: Final = float("nan")


def read_doubles(values: Values, locate: Locate, where: str) -> NDArray[np.float64]:
    """Numbers and booleans as float64; missing ones are NaN.

    Raises:
        InvalidInput: a value is no number, or too large for a double.
    """
    if isinstance(values, np.ndarray):
        if values.dtype.kind in "fiub":
            return values.astype(np.float64)
    elif (quick := quick_doubles(values)) is not None:
        return quick
    return np.array([_double(value, row, locate, where) for row, value in enumerate(values)], dtype=np.float64)


def quick_doubles(values: Sequence[Any]) -> NDArray[np.float64] | None:
    """JSON values as float64 where all are numbers and booleans that fit; else None."""
    try:
        # array("d") takes numbers and booleans only, where numpy would also read "1.5"
        return np.frombuffer(array("d", values), dtype=np.float64)
    except (TypeError, OverflowError):
        return None


def read_integers(
    values: Values, datatype: str, locate: Locate, where: str, *, as_objects: bool = False
) -> NDArray[Any]:
    """Integers in the type of the column; with missing ones float64, or objects.

    Whole floats are accepted as far as floats of their precision tell neighbouring integers apart.

    Args:
        values: one a row; booleans count as 0 and 1.
        datatype: of the column: INT64, UINT64 or a narrower one.
        locate: where in the request the value of a row stands.
        where: what the column is called in messages.
        as_objects: whether a column with missing values is one of objects in any case.

    Raises:
        InvalidInput: a value is no integer, does not fit the datatype, or may be its neighbour.
    """
    smallest, largest = INTEGER_LIMITS[datatype]
    dtype = NUMPY_TYPES[datatype]
    quick = _quick_integers(values)
    if quick is not None and not ((quick < smallest) | (quick > largest)).any():
        return quick.astype(dtype)
    limit = exact_limit(values.dtype) if isinstance(values, np.ndarray) and values.dtype.kind == "f" else 2.0**53
    whole: list[int | None] = []
    for row, value in enumerate(_as_list(values)):
        if value is None or value != value:  # noqa: PLR0124  (NaN)
            whole.append(None)
            continue
        integer = _integer(value, limit, locate(row), where)
        if not smallest <= integer <= largest:
            message = f"{where} takes integers from {smallest} to {largest}, this is {integer}"
            raise InvalidInput(message, field=locate(row))
        whole.append(integer)
    if None not in whole:
        return np.array(whole, dtype=dtype)
    return objects_of(_NAN if value is None else value for value in whole) if as_objects else _doubles_or_objects(whole)


def read_numbers(values: Values, locate: Locate, where: str) -> NDArray[Any]:
    """Numbers of the type that they were sent as: bool, int64, uint64 or float64, as pandas makes a column of them.

    Narrower types are widened. Integers among floats, or with some missing, become float64, or objects where that
    would change one; booleans with some missing are objects.

    Args:
        values: one a row; None and NaN are missing.
        locate: where in the request the value of a row stands.
        where: what the column is called in messages.

    Raises:
        InvalidInput: a value is no number, or an integer of more than 64 bits.
    """
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        wide = {"f": np.float64, "i": np.int64, "b": np.bool_}.get(values.dtype.kind, np.int64)
        return values.astype(np.uint64 if values.dtype == np.uint64 else wide)
    entries = _as_list(values)
    for row, value in enumerate(entries):
        if value is not None and not isinstance(value, bool | int | float):
            raise InvalidInput(f"{where} takes numbers, this is {shorten(value)}", field=locate(row))
        check_width(value, locate, row, where)
    present = [value for value in entries if value is not None and value == value]  # noqa: PLR0124  (NaN)
    kinds = set(map(type, present))
    whole = len(present) == len(entries)
    if kinds == {bool}:
        return np.array(entries) if whole else objects_of(_NAN if value is None else value for value in entries)
    if kinds <= {int, bool} and whole and (integers := _common_integers(present)) is not None:
        return integers
    return _doubles_or_objects(entries)


def check_width(value: Any, locate: Locate, row: int, where: str) -> None:
    """Refuse an integer that no type of a column holds.

    Raises:
        InvalidInput: it has more than 64 bits.
    """
    if type(value) is int and not MIN_INTEGER <= value <= MAX_INTEGER:
        message = (
            f"{where} takes integers of at most 64 bits, this is {shorten(value)}; send it as a string, or as a float"
        )
        raise InvalidInput(message, field=locate(row))


def exact_limit(dtype: np.dtype[Any]) -> float:
    """The first number of a floating-point type that may stand for several integers."""
    return float(2.0 ** (np.finfo(dtype).nmant + 1))


def join_columns(arrays: Sequence[NDArray[Any] | None], count: int) -> NDArray[Any]:
    """Columns side by side as one array, of numpy's common type unless that would change an integer.

    Args:
        arrays: of `count` values each; None for a column that is not looked at, which becomes 0.
        count: of rows.

    Returns:
        bool, int64, uint64, float64 or objects of [count, columns].
    """
    used = [column for column in arrays if column is not None]
    result = np.zeros((count, len(arrays)), dtype=common_dtype(used))
    for index, column in enumerate(arrays):
        if column is not None:
            result[:, index] = column
    return result


def objects_of(values: Iterable[Any]) -> NDArray[np.object_]:
    """The values as they are, in an array."""
    entries = list(values)
    result = np.empty(len(entries), dtype=object)
    result[:] = entries
    return result


def common_dtype(arrays: Sequence[NDArray[Any]]) -> np.dtype[Any]:
    """Numpy's common type of arrays, or else objects if it would change an integer; float64 where there are none."""
    dtypes = {column.dtype for column in arrays} or {np.dtype(np.float64)}
    if len(dtypes) == 1:
        return dtypes.pop()
    if np.dtype(object) in dtypes:
        return np.dtype(object)
    common = np.result_type(*dtypes)
    integers = [column for column in arrays if column.dtype.kind in "iu"]
    if common.kind != "f" or all((abs_of(column) <= EXACT_IN_DOUBLES).all() for column in integers):
        return common
    return np.dtype(object)


def abs_of(integers: NDArray[Any]) -> NDArray[np.uint64]:
    """The absolute values of integers; that of the smallest int64 does not fit int64."""
    return np.where(integers < 0, ~integers.astype(np.uint64) + np.uint64(1), integers.astype(np.uint64))


def _as_list(values: Values) -> list[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


def _quick_integers(values: Values) -> NDArray[Any] | None:
    """The values as int64 or uint64 where all are integers or booleans, else None."""
    if isinstance(values, np.ndarray):
        return values if values.dtype.kind in "iu" else values.astype(np.int64) if values.dtype.kind == "b" else None
    return _common_integers(values)


def _common_integers(values: Sequence[Any]) -> NDArray[Any] | None:
    """int64, or else uint64, of integers and booleans; None where neither holds all, or one is neither."""
    for typecode, dtype in (("q", np.int64), ("Q", np.uint64)):
        try:
            return np.frombuffer(array(typecode, values), dtype=dtype)
        except TypeError:
            return None
        except OverflowError:
            continue
    return None


def _doubles_or_objects(values: Sequence[Any]) -> NDArray[Any]:
    """float64 if it is exact for every integer, else the values themselves; missing ones are NaN."""
    numbers = [_NAN if value is None else value for value in values]
    if all(type(value) is not int or abs(value) <= EXACT_IN_DOUBLES for value in numbers):
        return np.array(numbers, dtype=np.float64)
    return objects_of(numbers)


def _double(value: Any, row: int, locate: Locate, where: str) -> float:
    if value is None:
        return _NAN
    if not isinstance(value, bool | int | float):
        raise InvalidInput(f"{where} takes numbers, this is {shorten(value)}", field=locate(row))
    try:
        return float(value)
    except OverflowError:
        raise InvalidInput(
            f"{where} takes numbers that fit a double, this one is too large", field=locate(row)
        ) from None


def _integer(value: Any, limit: float, field: str, where: str) -> int:
    if not isinstance(value, bool | int | float):
        raise InvalidInput(f"{where} takes integers, this is {shorten(value)}", field=field)
    if isinstance(value, float) and not value.is_integer():
        raise InvalidInput(f"{where} takes integers, this is {value:g}", field=field)
    if isinstance(value, float) and abs(value) >= BEYOND_64_BITS:  # which JSON's reader makes of a larger integer
        message = f"{where} takes integers of at most 64 bits, this is about {value:g}"
        raise InvalidInput(message, field=field)
    if isinstance(value, float) and abs(value) >= limit:
        message = (
            f"{where} takes integers, this is the float {value!r}, which may be another one; send it as an integer"
        )
        raise InvalidInput(message, field=field)
    return int(value)
