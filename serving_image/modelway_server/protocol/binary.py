"""Tensors as bytes: little-endian, row-major, without padding.

Source: Triton Inference Server, "Binary Tensor Data Extension"; `raw_input_contents` and `raw_output_contents` of the
protocol over gRPC are the same. NaN stands for a missing number, as null does in JSON; infinity is refused as it is
there. Nothing is allocated before the size that a message states is held against the bytes that are there.
"""

import math
import sys
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modelway_server.errors import MalformedRequest
from modelway_server.protocol.tensors import NUMPY_TYPES

EXTENSION = "binary_tensor_data"
LENGTH_BYTES = 4
"""Bytes of the unsigned length before each element of BYTES."""

_WIRE_DTYPES: Final = {name: np.dtype(scalar).newbyteorder("<") for name, scalar in NUMPY_TYPES.items()}
_SWAPPED: Final = sys.byteorder == "big"


def read_raw(content: memoryview, shape: tuple[int, ...], datatype: str, field: str) -> NDArray[Any]:
    """The tensor in these bytes. The array shares them: it is read-only, and may be unaligned.

    Args:
        content: the bytes of this tensor alone.
        shape: what the message says of it.
        datatype: one of DATATYPES; BYTES become strings, as objects.
        field: where it stands in the request.

    Raises:
        MalformedRequest: of another size than the shape, or with values that the datatype or the model cannot have.
    """
    if datatype == "BYTES":
        return _read_texts(content, shape, field)
    dtype = _WIRE_DTYPES[datatype]
    wanted = math.prod(shape) * dtype.itemsize
    if wanted != len(content):
        raise MalformedRequest(
            f"shape {list(shape)} of {datatype} asks for {wanted} bytes, there are {len(content)}", field=field
        )
    if datatype == "BOOL":
        _check_booleans(content, field)
    values = np.frombuffer(content, dtype=dtype).reshape(shape)
    if dtype.kind == "f" and not np.isfinite(values).all() and np.isinf(values).any():
        index = int(np.isinf(values.reshape(-1)).argmax())
        raise MalformedRequest(
            f"value {index} is infinite; send finite numbers, and NaN for what is missing", field=field
        )
    return values.astype(dtype.newbyteorder("=")) if _SWAPPED else values


def write_raw(values: NDArray[Any]) -> bytes:
    """The bytes of an array: numbers and booleans as they are, everything else as BYTES.

    Raises:
        TypeError: what is missing among objects has no bytes; see `has_raw`.
    """
    if values.dtype.kind in "OU":
        return b"".join(map(_to_bytes, values.reshape(-1).tolist()))
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def has_raw(values: NDArray[Any]) -> bool:
    """Whether bytes can represent the array: they cannot if a string is missing."""
    return values.dtype.kind != "O" or not any(value is None for value in values.reshape(-1).tolist())


def _read_texts(content: memoryview, shape: tuple[int, ...], field: str) -> NDArray[np.object_]:
    count = math.prod(shape)
    if count * LENGTH_BYTES > len(content):
        raise MalformedRequest(
            f"shape {list(shape)} of BYTES asks for at least {count * LENGTH_BYTES} bytes, there are {len(content)}",
            field=field,
        )
    values = np.empty(count, dtype=object)
    position = 0
    for index in range(count):
        begin = position + LENGTH_BYTES
        end = begin + int.from_bytes(content[position:begin], "little")
        if begin > len(content) or end > len(content):
            raise MalformedRequest(f"element {index} ends beyond the {len(content)} bytes of the tensor", field=field)
        values[index] = _text(content[begin:end], index, field)
        position = end
    if position != len(content):
        raise MalformedRequest(
            f"shape {list(shape)} asks for {count} elements, {len(content) - position} bytes are left after them",
            field=field,
        )
    return values.reshape(shape)


def _text(content: memoryview, index: int, field: str) -> str:
    try:
        return str(content, "utf-8")
    except UnicodeDecodeError:
        raise MalformedRequest(f"element {index} is not valid UTF-8", field=field) from None


def _to_bytes(value: Any) -> bytes:
    if value is None:
        raise TypeError("a missing string has no bytes")
    text = str(value).encode(errors="backslashreplace")
    return len(text).to_bytes(LENGTH_BYTES, "little") + text


def _check_booleans(content: memoryview, field: str) -> None:
    octets = np.frombuffer(content, dtype=np.uint8)
    if octets.size and octets.max() > 1:
        index = int((octets > 1).argmax())
        raise MalformedRequest(f"value {index} is {octets[index]}; a BOOL is one byte, 0 or 1", field=field)


class Tail:
    """The tensors after the JSON of a message, taken one after the other.

    Args:
        content: all that follows the JSON.
    """

    def __init__(self, content: memoryview) -> None:
        self._content = content
        self._taken = 0

    def take(self, size: Any, field: str) -> memoryview:
        """The next `size` bytes.

        Raises:
            MalformedRequest: no integer, or more than are left.
        """
        if type(size) is not int or size < 0:
            raise MalformedRequest("binary_data_size is the number of bytes of the tensor, an integer", field=field)
        left = len(self._content) - self._taken
        if size > left:
            raise MalformedRequest(
                f"binary_data_size is {size}, but {left} bytes are left after the JSON and the tensors before",
                field=field,
            )
        self._taken += size
        return self._content[self._taken - size : self._taken]

    def check_end(self) -> None:
        """Refuse bytes that belong to no tensor.

        Raises:
            MalformedRequest: there are some.
        """
        left = len(self._content) - self._taken
        if left:
            raise MalformedRequest(
                f"{left} bytes at the end belong to no tensor; binary_data_size of each input is its number of bytes"
            )


def split_body(body: bytes, header_length: int | None) -> tuple[bytes, Tail]:
    """The JSON of a message, and the bytes after it.

    Args:
        body: of the request.
        header_length: the header Inference-Header-Content-Length: bytes of the JSON; None when there is none, and all
            of the body is JSON.

    Raises:
        MalformedRequest: the JSON is said to be longer than the body, or to be nothing.
    """
    if header_length is None:
        return body, Tail(memoryview(b""))
    if not 0 < header_length <= len(body):
        raise MalformedRequest(
            f"Inference-Header-Content-Length is {header_length}, the body has {len(body)} bytes; "
            "it is the length of the JSON at the body's start"
        )
    return body[:header_length], Tail(memoryview(body)[header_length:])
