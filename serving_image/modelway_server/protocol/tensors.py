"""Tensors of the Open Inference Protocol: datatypes, shapes, and JSON data to numpy arrays.

Source: Open Inference Protocol V2, "Tensor Data" and "Tensor Data Types". JSON has no NaN, so null stands for a
missing value, in any datatype.
"""

import math
import sys
from array import array
from collections.abc import Callable
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelway_server.errors import MalformedRequest
from modelway_server.protocol.strict_json import json_type

MAX_RANK = 8
MAX_VALUES = 2**31 - 1
"""Values of one tensor; an empty dimension does not hide the size of the others."""

NUMPY_TYPES: Final[dict[str, type[np.generic]]] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
}
DATATYPES: Final = (*NUMPY_TYPES, "BYTES")
INTEGER_LIMITS: Final = {
    f"{sign}INT{bits}": (0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for bits in (8, 16, 32, 64)
    for sign in ("", "U")
}
"""The smallest and largest number of each integer datatype."""
_TYPECODES: Final[dict[str, tuple[str, type[np.generic]]]] = {
    "FP16": ("d", np.float64),
    "FP32": ("d", np.float64),
    "FP64": ("d", np.float64),
    "UINT64": ("Q", np.uint64),
}
MIN_INTEGER: Final = -(2**63)
MAX_INTEGER: Final = 2**64 - 1
"""Of 64 bits, signed or unsigned."""
EXACT_IN_DOUBLES: Final = 2**53
"""Up to here a double holds every integer exactly."""
BEYOND_64_BITS: Final = 2.0**63
"""A float of this size may be an integer that no datatype holds: JSON's reader keeps those of 64 bits as such."""
_NAMES: Final = {np.dtype(scalar): name for name, scalar in NUMPY_TYPES.items()}

Locate = Callable[[int], str]
"""The place in the message of a flat position's value."""


class Tensor(NamedTuple):
    """One named tensor of a request.

    Attributes:
        values: of `shape`; numbers in their own dtype, strings and booleans with missing values as objects with None.
            Integers of which some are missing are float64 with NaN, or objects with None where that would change one.
        field: where it stands in the request.
        content_type: what its strings mean, when the request says so: `datetime` for dates.
    """

    name: str
    datatype: str
    values: NDArray[Any]
    field: str
    content_type: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dimensions, rows first."""
        return self.values.shape


def datatype_of(dtype: np.dtype[Any]) -> str:
    """The protocol's name of a numpy dtype; BYTES unless it is a number or a boolean."""
    return _NAMES.get(dtype, "BYTES")


def parse_shape(shape: Any, field: str) -> tuple[int, ...]:
    """The dimensions as integers.

    Raises:
        MalformedRequest: not an array of 1 to 8 integers >= 0, or too many values.
    """
    if not isinstance(shape, list) or not 1 <= len(shape) <= MAX_RANK:
        raise MalformedRequest(f"shape must be an array of 1 to {MAX_RANK} integers, such as [1, 4]", field=field)
    values = 1
    for size in shape:
        if type(size) is not int or size < 0:
            raise MalformedRequest(
                f"shape must hold integers of 0 and more, it holds {shorten(size)}; "
                "a request states its own number of rows, never -1",
                field=field,
            )
        values *= size or 1
    if values > MAX_VALUES:
        raise MalformedRequest(f"a tensor may have at most {MAX_VALUES:,} values", field=field)
    return tuple(shape)


def parse_data(data: Any, shape: tuple[int, ...], datatype: str, field: str, *, booleans: bool = True) -> NDArray[Any]:
    """JSON data, nested or flat in row-major order, as an array of that shape.

    Args:
        data: the member as parsed.
        shape: what the message says of it.
        datatype: one of DATATYPES.
        field: where it stands in the message.
        booleans: False when the message is known to hold no boolean, which spares a look at every number.

    Raises:
        MalformedRequest: not an array, ragged, of another size than the shape, or with values of another datatype.
    """
    if not isinstance(data, list):
        raise MalformedRequest(f"data must be an array, it is {json_type(data)}", field=field)
    flat = _flatten(data, shape, field)
    _check_size(len(flat), shape, field)

    if datatype == "FP64" and not booleans and (quick := _quick_numbers(flat, datatype)) is not None:
        return quick.reshape(shape)  # JSON has no infinity

    def locate(index: int) -> str:
        return f"{field}[{index}]" if flat is data else f"{field}{_indices(index, shape)}"

    return _parse_values(flat, datatype, locate, booleans=booleans).reshape(shape)


def parse_numbers(flat: NDArray[np.float64], shape: tuple[int, ...], datatype: str, field: str) -> NDArray[Any]:
    """JSON data that is an array of finite float64 already; see `parse_data`.

    Raises:
        MalformedRequest: of another size than the shape, or too large for the datatype.
    """
    _check_size(len(flat), shape, field)
    return _narrow(flat, datatype, lambda index: f"{field}[{index}]").reshape(shape)


def _check_size(count: int, shape: tuple[int, ...], field: str) -> None:
    wanted = math.prod(shape)
    if count != wanted:
        raise MalformedRequest(f"shape {list(shape)} asks for {wanted} values, data holds {count}", field=field)


def shorten(value: Any) -> str:
    """A value for an error message: its JSON type, and the value itself if it is short."""
    text = repr(value)
    return (
        f"{json_type(value)} ({text})" if len(text) <= 40 and isinstance(value, int | float | str) else json_type(value)
    )


def _flatten(data: list[Any], shape: tuple[int, ...], field: str) -> list[Any]:
    level = data
    for depth in range(1, len(shape)):
        if not level or type(level[0]) is not list:
            break
        for index, part in enumerate(level):
            if type(part) is not list or len(part) != shape[depth]:
                fault = f"{len(part)} values" if type(part) is list else json_type(part)
                raise MalformedRequest(
                    f"shape {list(shape)} asks for arrays of {shape[depth]} here, this one is {fault}",
                    field=f"{field}{_indices(index, shape[:depth])}",
                )
        level = list(chain.from_iterable(level))
    return level


def _indices(flat_index: int, shape: tuple[int, ...]) -> str:
    """`[2][1]` of position 5 in an array of shape [3, 2]; the outermost index may lie beyond a shape that is wrong."""
    indices = []
    for size in reversed(shape[1:]):
        flat_index, index = divmod(flat_index, size or 1)
        indices.append(index)
    return "".join(f"[{index}]" for index in (flat_index, *reversed(indices)))


def _parse_values(flat: list[Any], datatype: str, locate: Locate, *, booleans: bool) -> NDArray[Any]:
    if datatype == "BYTES":
        return _objects(flat, str, datatype, locate)
    if datatype == "BOOL":
        values = _objects(flat, bool, datatype, locate)
        return values if None in flat else values.astype(np.bool_)
    # array() takes true as 1
    quick = None if booleans and bool in set(map(type, flat)) else _quick_numbers(flat, datatype)
    if quick is not None:
        return _narrow(quick, datatype, locate)
    if datatype in INTEGER_LIMITS:
        return _integers(flat, datatype, locate)
    return _narrow(_doubles(flat, datatype, locate), datatype, locate)


def _quick_numbers(flat: list[Any], datatype: str) -> NDArray[Any] | None:
    """The numbers, or None when one of them is missing, of another type or too large.

    array() takes numbers alone, where numpy would also read "1.5" and None.
    """
    typecode, dtype = _TYPECODES.get(datatype, ("q", np.int64))
    try:
        return np.frombuffer(array(typecode, flat), dtype=dtype)
    except (TypeError, OverflowError):
        return None


def _integers(flat: list[Any], datatype: str, locate: Locate) -> NDArray[Any]:
    """Integers one by one, some of them missing: the slow path, which names the value at fault."""
    smallest, largest = INTEGER_LIMITS[datatype]
    for index, value in enumerate(flat):
        if value is not None and type(value) is not int:
            many = type(value) is float and abs(value) >= BEYOND_64_BITS
            shown = f"about {value:g}, which does not fit 64 bits" if many else shorten(value)
            raise MalformedRequest(f"{datatype} data holds {shown}", field=locate(index))
        if value is not None and not smallest <= value <= largest:
            raise MalformedRequest(f"{value} does not fit {datatype}", field=locate(index))
    if all(value is None or abs(value) < EXACT_IN_DOUBLES for value in flat):  # a double of 2^53 may be another one
        return np.array(flat, dtype=np.float64)  # None becomes NaN
    return _fill(flat)


def _doubles(flat: list[Any], datatype: str, locate: Locate) -> NDArray[Any]:
    """Numbers one by one, null as NaN."""
    for index, value in enumerate(flat):
        if value is not None and type(value) not in {int, float}:
            raise MalformedRequest(f"{datatype} data holds {shorten(value)}", field=locate(index))
        if type(value) is int and value.bit_length() > sys.float_info.max_exp:
            raise MalformedRequest(f"the number does not fit {datatype}", field=locate(index))
    return np.array(flat, dtype=np.float64)


def _narrow(wide: NDArray[Any], datatype: str, locate: Locate) -> NDArray[Any]:
    """The values in the datatype's own width."""
    if wide.dtype == NUMPY_TYPES[datatype]:
        return wide  # JSON has no infinity
    if datatype in INTEGER_LIMITS:
        smallest, largest = INTEGER_LIMITS[datatype]
        outside = (wide < smallest) | (wide > largest)
        narrow = wide if outside.any() else wide.astype(NUMPY_TYPES[datatype])
    else:
        with np.errstate(over="ignore"):
            narrow = wide.astype(NUMPY_TYPES[datatype], copy=False)
        outside = np.isinf(narrow)
    if outside.any():
        index = int(outside.argmax())
        raise MalformedRequest(f"{wide[index].item()!r} does not fit {datatype}", field=locate(index))
    return narrow


def _objects(flat: list[Any], kind: type, datatype: str, locate: Locate) -> NDArray[Any]:
    for index, value in enumerate(flat):
        if type(value) is not kind and value is not None:
            raise MalformedRequest(f"{datatype} data holds {shorten(value)}", field=locate(index))
    return _fill(flat)


def _fill(flat: list[Any]) -> NDArray[np.object_]:
    values = np.empty(len(flat), dtype=object)
    values[:] = flat
    return values
