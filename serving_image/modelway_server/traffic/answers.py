"""The answers of every protocol as columns of values: what two revisions say can be compared then.

A column has one entry a row. Floats are numbers; strings and booleans are labels, and so are integers of most models.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from modelway_server.protocol.binary import read_raw, split_body
from modelway_server.protocol.compression import inflate
from modelway_server.protocol.tensors import NUMPY_TYPES

LENGTH_HEADER: Final = b"inference-header-content-length"
MAX_BYTES: Final = 64 * 1024 * 1024
"""Of an answer that was inflated."""
_HEADS: Final = frozenset({"model", "version", "model_name", "model_version", "id"})
"""Members of an answer that name who gives it."""


class Column(NamedTuple):
    """One output.

    Attributes:
        name: of it.
        values: with one entry a row, or one more axis for each number of it.
        about: what is said of it beside its values, such as its classes.
    """

    name: str
    values: NDArray[Any]
    about: Any = None

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers, and no labels."""
        return bool(self.values.dtype.kind == "f")


class Undecodable(ValueError):
    """What came is no answer of its protocol."""


Decode = Callable[[bytes, Mapping[bytes, bytes]], list[Column]]
"""Gives the columns of an answer, by its bytes and its headers.

Raises:
    Undecodable: it is none.
"""


def decode_v2(body: bytes, headers: Mapping[bytes, bytes]) -> list[Column]:
    """The columns of a V2 answer, in JSON or with tensors as bytes; see `Decode`."""
    try:
        length = headers.get(LENGTH_HEADER)
        text, tail = split_body(_plain(body, headers), None if length is None else int(length))
        columns = []
        for output in orjson.loads(text)["outputs"]:
            shape, about = tuple(output["shape"]), dict(output.get("parameters") or {})
            size = about.pop("binary_data_size", None)
            if size is None:
                values = _values(output["data"]).reshape(shape)
            else:
                values = raw_values(tail.take(size, "data"), shape, output["datatype"])
            columns.append(Column(output["name"], _plain_numbers(values), about or None))
    except Exception as error:
        raise Undecodable(f"no answer of V2: {error}") from error
    return columns


def decode_json(body: bytes, headers: Mapping[bytes, bytes]) -> list[Column]:
    """The columns of an answer in JSON with an entry a row; see `Decode`."""
    try:
        document = orjson.loads(_plain(body, headers))
        columns: list[Column] = []
        for name, content in document.items():
            if name not in _HEADS:
                columns += _columns(name, content)
    except Exception as error:
        raise Undecodable(f"no answer in JSON: {error}") from error
    return columns


def raw_values(content: memoryview, shape: tuple[int, ...], datatype: str) -> NDArray[Any]:
    """The values of a tensor in an answer, where a number may be infinite.

    Raises:
        MalformedRequest, ValueError: the bytes are not of that shape and datatype.
    """
    if datatype.startswith("FP"):
        return np.frombuffer(content, dtype=NUMPY_TYPES[datatype]).reshape(shape)
    return read_raw(content, shape, datatype, "data")


def _plain(body: bytes, headers: Mapping[bytes, bytes]) -> bytes:
    coding = headers.get(b"content-encoding")
    return inflate(coding.decode("latin-1"), MAX_BYTES, body) if coding else body


def _columns(name: str, content: Any) -> list[Column]:
    """The columns of rows: of objects with the same members one for each of these."""
    if not isinstance(content, list):
        return [Column(name, _objects([content]))]
    if content and all(type(row) is dict for row in content):
        members = list(content[0])
        if all(list(row) == members for row in content):
            return [
                column
                for member in members
                for column in _columns(f"{name}.{member}", [row[member] for row in content])
            ]
        return [Column(name, _objects(content))]
    if content and _have_places(content):
        places = range(len(content[0]))
        return [column for place in places for column in _columns(f"{name}[{place}]", [row[place] for row in content])]
    return [Column(name, _values(content))]


def _have_places(rows: list[Any]) -> bool:
    """Whether rows are lists of which each place has its own kind of values, as a label and its probabilities."""
    if not all(type(row) is list and len(row) == len(rows[0]) for row in rows):
        return False
    kinds = {type(value) for value in rows[0] if value is not None}
    return len(kinds) > 1 or (list in kinds and len({len(value) for value in rows[0] if type(value) is list}) > 1)


def _values(data: list[Any]) -> NDArray[Any]:
    """The values of JSON: an array of numbers where all of them are floats or missing, else of labels."""
    try:
        values = np.array(data)
    except ValueError:  # rows of different lengths
        return _objects(data)
    if values.dtype.kind == "O" and _are_numbers(values):
        return values.astype(np.float64)  # null, which stands for NaN
    if values.dtype.kind == "U":
        values = np.array(data, dtype=object)  # numbers among them stay numbers
    return values


def _are_numbers(values: NDArray[Any]) -> bool:
    leaves = [value for value in values.flat if value is not None]
    return all(type(value) in {float, int} for value in leaves) and (
        not leaves or any(type(value) is float for value in leaves)
    )


def _plain_numbers(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.float64) if values.dtype.kind == "f" else values


def _objects(entries: list[Any]) -> NDArray[np.object_]:
    values = np.empty(len(entries), dtype=object)
    for index, entry in enumerate(entries):
        values[index] = entry
    return values


def row_count(columns: list[Column]) -> int:
    """How many rows an answer has."""
    return max((len(column.values) if column.values.ndim else 1 for column in columns), default=0)
