"""Read large V2 messages without a Python object for each number: simdjson writes them into an array.

It reads only what it is sure of. Whatever else it finds, valid or not, it leaves to `strict_json`, which knows every
case and how to name what is wrong; both give the same document for what both read.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import simdjson
from numpy.typing import NDArray

MIN_BYTES = 4096
"""For smaller messages this parser costs more than it saves."""
_BRACKET: Final = ord("[")
_FLOATS: Final = frozenset({"FP16", "FP32", "FP64"})


class _Numbers(NamedTuple):
    """The data of one tensor, and its number of JSON arrays."""

    values: NDArray[np.float64]
    arrays: int


class _NotSure(Exception):
    """The message is left to the other parser."""


def read_bulk(body: bytes) -> dict[str, Any] | None:
    """The message with its tensors' data as flat float64 arrays, or None if anything is uncertain.

    Args:
        body: of a V2 inference request, JSON alone.
    """
    try:
        return _read(body)
    except (_NotSure, ValueError, TypeError, RuntimeError):
        return None


def _read(body: bytes) -> dict[str, Any]:
    parsed = simdjson.Parser().parse(body)
    if not isinstance(parsed, simdjson.Object):
        raise _NotSure
    members = _members(parsed)
    inputs = members.pop("inputs", None)
    if not isinstance(inputs, simdjson.Array):
        raise _NotSure
    document = {name: _plain(value) for name, value in members.items()}
    tensors, arrays = [], 1 + _arrays(document)
    for member in inputs:
        tensor, numbers = _tensor(member)
        arrays += _arrays(tensor) + numbers.arrays
        tensors.append(tensor | {"data": numbers.values})
    # as_buffer() flattens arrays of any depth: there must be none but those that were looked at
    if (
        np.count_nonzero(np.frombuffer(body, dtype=np.uint8) == _BRACKET) != arrays
    ):  # bytes.count takes four times as long
        raise _NotSure
    return document | {"inputs": tensors}


def _tensor(member: Any) -> tuple[dict[str, Any], _Numbers]:
    if not isinstance(member, simdjson.Object):
        raise _NotSure
    members = _members(member)
    data = members.pop("data", None)
    tensor = {name: _plain(value) for name, value in members.items()}
    if not isinstance(data, simdjson.Array) or tensor.get("datatype") not in _FLOATS:
        raise _NotSure
    values = np.frombuffer(data.as_buffer(of_type="d"), dtype=np.float64)
    if not values.size:
        raise _NotSure
    return tensor, _Numbers(values, 1 + _rows(data, tensor.get("shape")))


def _members(parsed: Any) -> dict[str, Any]:
    names = list(parsed.keys())
    # simdjson looks a name up as far as its first zero byte
    if len(names) != len(set(names)) or any("\0" in name for name in names):
        raise _NotSure
    return {name: parsed[name] for name in names}


def _rows(data: Any, shape: Any) -> int:
    """The number of arrays, of one row each, in the data; 0 if it is flat."""
    first = next(iter(data))
    if not isinstance(first, simdjson.Array):
        return 0
    rows = list(data)
    if not isinstance(shape, list) or len(shape) != 2 or any(len(row) != shape[1] for row in rows):
        raise _NotSure
    return len(rows)


def _plain(value: Any) -> Any:
    if isinstance(value, simdjson.Object):
        return value.as_dict()
    return value.as_list() if isinstance(value, simdjson.Array) else value


def _arrays(value: Any) -> int:
    """The number of arrays in a small document."""
    if isinstance(value, dict):
        return sum(map(_arrays, value.values()))
    return 1 + sum(map(_arrays, value)) if isinstance(value, list) else 0
