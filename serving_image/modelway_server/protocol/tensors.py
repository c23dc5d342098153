"""Tensors of the Open Inference Protocol: datatypes, shapes, and JSON data to numpy arrays.

Source: Open Inference Protocol V2, "Tensor Data" and "Tensor Data Types". JSON has no NaN, so null stands for a
missing value, in any datatype.
"""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modelway_server.errors import MalformedRequest
from modelway_server.protocol.strict_json import json_type

MAX_RANK = 8

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
_NAMES: Final = {np.dtype(scalar): name for name, scalar in NUMPY_TYPES.items()}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One named tensor of a request.

    Attributes:
        values: of `shape`; numbers in their own dtype (float64 with NaN where integers are missing), strings and
            booleans with missing values as objects with None.
        field: where it stands in the request.
    """

    name: str
    datatype: str
    values: NDArray[Any]
    field: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dimensions, rows first."""
        return self.values.shape


def datatype_of(dtype: np.dtype[Any]) -> str:
    """The protocol's name of a numpy dtype; BYTES for all that is not a number or a boolean."""
    return _NAMES.get(dtype, "BYTES")


def parse_shape(shape: Any, field: str) -> tuple[int, ...]:
    """The dimensions as integers.

    Raises:
        MalformedRequest: not an array of 1 to 8 integers >= 0.
    """
    if not isinstance(shape, list) or not 1 <= len(shape) <= MAX_RANK:
        raise MalformedRequest(f"shape must be an array of 1 to {MAX_RANK} integers, such as [1, 4]", field=field)
    for size in shape:
        if type(size) is not int or size < 0:
            raise MalformedRequest(
                f"shape must hold integers of 0 and more, it holds {shorten(size)}; "
                "a request states its own number of rows, never -1",
                field=field,
            )
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
    if len(flat) != math.prod(shape):
        raise MalformedRequest(
            f"shape {list(shape)} asks for {math.prod(shape)} values, data holds {len(flat)}", field=field
        )
    return parse_values(flat, datatype, field, booleans=booleans).reshape(shape)


def parse_values(flat: Sequence[Any], datatype: str, field: str, *, booleans: bool = True) -> NDArray[Any]:
    """A flat list of JSON values as an array of a datatype.

    Raises:
        MalformedRequest: a value is of another type, or out of the datatype's range.
    """
    if datatype == "BYTES":
        return _objects(flat, str, datatype, field)
    if datatype == "BOOL":
        values = _objects(flat, bool, datatype, field)
        return values if None in flat else values.astype(np.bool_)
    if booleans and bool in set(map(type, flat)):
        return _with_missing(flat, datatype, field)  # which refuses them; array() would take true as 1
    return _floats(flat, datatype, field) if datatype.startswith("FP") else _integers(flat, datatype, field)


def shorten(value: Any) -> str:
    """A value for an error message: its JSON type, and itself when it is short."""
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
                found = f"{len(part)} values" if type(part) is list else json_type(part)
                raise MalformedRequest(
                    f"shape {list(shape)} asks for arrays of {shape[depth]} here, this one is {found}",
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


def _floats(flat: Sequence[Any], datatype: str, field: str) -> NDArray[Any]:
    try:
        # array("d") takes numbers only, where numpy would also read "1.5" and None
        wide = np.frombuffer(array("d", flat), dtype=np.float64)
    except (TypeError, OverflowError):
        wide = _with_missing(flat, datatype, field)
    if datatype == "FP64":
        return wide
    with np.errstate(over="ignore"):
        narrow = wide.astype(NUMPY_TYPES[datatype])
    overflown = np.isinf(narrow)
    if overflown.any():
        index = int(overflown.argmax())
        raise MalformedRequest(f"{flat[index]!r} is too large for {datatype}", field=f"{field}[{index}]")
    return narrow


def _integers(flat: Sequence[Any], datatype: str, field: str) -> NDArray[Any]:
    scalar = NUMPY_TYPES[datatype]
    try:
        wide = np.frombuffer(
            array("Q" if datatype == "UINT64" else "q", flat), dtype=np.uint64 if datatype == "UINT64" else np.int64
        )
    except (TypeError, OverflowError):
        return _with_missing(flat, datatype, field)
    limits = np.iinfo(scalar)
    outside = (wide < limits.min) | (wide > limits.max)
    if outside.any():
        index = int(outside.argmax())
        raise MalformedRequest(f"{flat[index]} does not fit {datatype}", field=f"{field}[{index}]")
    return wide.astype(scalar)


def _with_missing(flat: Sequence[Any], datatype: str, field: str) -> NDArray[np.float64]:
    """Numbers as float64, null as NaN: the slow path, which also names the value at fault."""
    whole = not datatype.startswith("FP")
    values = np.empty(len(flat))
    for index, value in enumerate(flat):
        if value is None:
            values[index] = np.nan
            continue
        if type(value) is not int and (whole or type(value) is not float):
            raise MalformedRequest(f"{datatype} data holds {shorten(value)}", field=f"{field}[{index}]")
        try:
            values[index] = value
        except OverflowError:
            raise MalformedRequest(f"the number is too large for {datatype}", field=f"{field}[{index}]") from None
        if whole and not _fits(value, datatype):
            raise MalformedRequest(f"{value} does not fit {datatype}", field=f"{field}[{index}]")
    return values


def _fits(value: int, datatype: str) -> bool:
    limits = np.iinfo(NUMPY_TYPES[datatype])  # type: ignore[arg-type]  # integer datatypes only
    return bool(limits.min <= value <= limits.max)


def _objects(flat: Sequence[Any], kind: type, datatype: str, field: str) -> NDArray[np.object_]:
    for index, value in enumerate(flat):
        if type(value) is not kind and value is not None:
            raise MalformedRequest(f"{datatype} data holds {shorten(value)}", field=f"{field}[{index}]")
    values = np.empty(len(flat), dtype=object)
    values[:] = flat
    return values
