"""Loaders of skops for NumPy and SciPy: arrays, their types, random generators and sparse matrices.

Arrays of numbers are members of the archive in NumPy's own format, and become arrays of the trace. Everything else becomes
what a pickle would say, so that one set of rules and one builder suffice.
"""

import io
import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from modelway_server.runtimes.pickle.refusal import Rule, clip
from modelway_server.runtimes.pickle.trace import Array, Call, Dict, List, Tuple, Value, Way
from modelway_server.runtimes.skops.archive import array_in, open_archive
from modelway_server.runtimes.skops.containers import children
from modelway_server.runtimes.skops.reader import Entry, Handler, Reader

_ARRAYS = {"numpy.ndarray", "numpy.matrix", "numpy.memmap", "numpy.rec.recarray", "numpy.recarray"}
"""Classes of arrays. Each is read as a plain array, which estimators take as well."""
_GENERATORS = {"MT19937": "_mt19937", "PCG64": "_pcg64", "PCG64DXSM": "_pcg64", "Philox": "_philox", "SFC64": "_sfc64"}
_SPARSE = {
    "csr": ("indptr", "indices", "data"),
    "csc": ("indptr", "indices", "data"),
    "bsr": ("indptr", "indices", "data"),
    "dia": ("data", "offsets"),
    "coo": ("row", "col", "data"),
}
"""The parts of SciPy's sparse matrices, as `scipy.sparse.save_npz` writes them."""
_MAX_PRINT = 50
"""An attribute of every sparse matrix: the number of items to print."""


def _array(reader: Reader, entry: Entry) -> Value:
    kind = entry.field("type")
    if kind == "json":
        return _objects(reader, entry)
    if kind != "numpy":
        raise reader.damage("an array of another type than skops'", entry)
    array = array_in(reader.archive.read(entry.field("file")), str(entry.field("file")))
    if f"{entry.module}.{entry.name}" in _ARRAYS:
        return reader.add(array, entry)
    return _scalar(reader, entry, array)


def _scalar(reader: Reader, entry: Entry, array: Array) -> Value:
    """Read one number of NumPy as a constant. Its class must be that of the bytes."""
    value = _numbers(array)
    if entry.module != "numpy" or value.shape != () or type(value[()]).__name__ != entry.name:
        what = f"{clip(entry.module)}.{clip(entry.name)}"
        raise reader.refuse(Rule.ARGUMENTS, f"the file holds an array that it calls {what}", entry)
    return value[()]


def _objects(reader: Reader, entry: Entry) -> Value:
    """Read an array of objects as its pickle would be."""
    shape = reader.child(entry.field("shape"), entry.at, "shape")
    items = children(reader, entry, entry.fields("content", list))
    sizes = shape.items if isinstance(shape, Tuple) else []
    if not sizes or not all(type(size) is int and size >= 0 for size in sizes):
        raise reader.damage("an array without a shape", entry)
    for _ in sizes[1:]:
        if not all(isinstance(item, List) for item in items):
            raise reader.damage("an array whose shape is not that of its items", entry)
        items = [each for item in items for each in item.items]
    if len(items) != math.prod(sizes):
        raise reader.damage("an array whose shape is not that of its items", entry)
    return _call_as_pickled(reader, entry, shape, items)


def _call_as_pickled(reader: Reader, entry: Entry, shape: Value, items: list[Value]) -> Call:
    dtype = _object_dtype(reader, entry)
    arguments = [reader.name("numpy", "ndarray", entry), reader.add(Tuple([0]), entry), b"b"]
    result = reader.call(reader.name("numpy._core.multiarray", "_reconstruct", entry), arguments, entry)
    contents = reader.fill(reader.add(List([]), entry), Way.APPEND, items, entry)
    return reader.build(result, reader.add(Tuple([1, shape, dtype, False, contents]), entry), entry)


def _object_dtype(reader: Reader, entry: Entry) -> Call:
    result = reader.call(reader.name("numpy", "dtype", entry), ["O8", False, True], entry)
    state = [3, "|", None, None, None, -1, -1, 63]
    return reader.build(result, reader.add(Tuple(state), entry), entry)


def _masked_array(reader: Reader, entry: Entry) -> Value:
    """Read `numpy.ma.MaskedArray` as its pickle would be."""
    content = entry.fields("content", dict)
    data = reader.child(content.get("data"), entry.at, "content.data")
    mask = reader.child(content.get("mask"), entry.at, "content.mask")
    shape, dtype, contents, count = _parts(reader, entry, data)
    name, shape_of_none = reader.name, reader.add(Tuple([0]), entry)
    arguments = [name("numpy.ma", "MaskedArray", entry), name("numpy", "ndarray", entry), shape_of_none, b"b"]
    result = reader.call(name("numpy.ma.core", "_mareconstruct", entry), arguments, entry)
    state = [1, shape, dtype, False, contents, _mask(reader, entry, mask, count), None]
    return reader.build(result, reader.add(Tuple(state), entry), entry)


def _parts(reader: Reader, entry: Entry, data: Value) -> tuple[Value, Value, Value, int]:
    """Return shape, dtype and content of an array as a pickle has them, and its number of items."""
    if isinstance(data, Array) and data.dtype.names is None:
        shape = reader.add(Tuple(list(data.shape)), entry)
        content = _numbers(data).tobytes()
        return shape, _plain_dtype(reader, entry, data.dtype), content, math.prod(data.shape)
    state = data.state if isinstance(data, Call) else None
    if not isinstance(state, Tuple) or len(state.items) != 5 or not isinstance(state.items[4], List):
        raise reader.damage("a masked array of no array", entry)
    return state.items[1], state.items[2], state.items[4], len(state.items[4].items)


def _plain_dtype(reader: Reader, entry: Entry, dtype: "np.dtype[Any]") -> Call:
    result = reader.call(reader.name("numpy", "dtype", entry), [dtype.str[1:], False, True], entry)
    *_, state = cast("tuple[Any, ...]", dtype.__reduce__())
    if len(state) > 8:
        raise reader.damage("a masked array of dates", entry)
    return reader.build(result, reader.add(Tuple(list(state)), entry), entry)


def _mask(reader: Reader, entry: Entry, mask: Value, count: int) -> bytes:
    if isinstance(mask, np.bool_):
        return bytes([bool(mask)]) * count
    if not isinstance(mask, Array) or mask.dtype != np.bool_ or math.prod(mask.shape) != count:
        raise reader.damage("a masked array whose mask is not as long as it", entry)
    return _numbers(mask).tobytes()


def _dtype(reader: Reader, entry: Entry) -> Value:
    """Read a dtype from the empty array that skops writes for it, as a constant."""
    array = reader.child(entry.field("content"), entry.at, "content")
    if isinstance(array, Array):
        return array.dtype
    if isinstance(array, Call):
        return np.dtype(object)
    raise reader.damage("a dtype of no array", entry)


def _random_state(reader: Reader, entry: Entry) -> Value:
    state = reader.child(entry.field("content"), entry.at, "content")
    result = _call(reader, entry, "__randomstate_ctor", [_bit_generator(reader, entry, state)])
    return reader.build(result, state, entry)


def _generator(reader: Reader, entry: Entry) -> Value:
    """Read a generator without its seed sequence, which only training uses to make further generators."""
    content = entry.fields("content", dict)
    state = reader.child(content.get("bit_generator"), entry.at, "content.bit_generator")
    bits = reader.build(_bit_generator(reader, entry, state), state, entry)
    return _call(reader, entry, "__generator_ctor", [bits])


def _bit_generator(reader: Reader, entry: Entry, state: Value) -> Call:
    name = dict(state.pairs()).get("bit_generator") if isinstance(state, Dict) else None
    if name not in _GENERATORS:
        raise reader.refuse(Rule.ARGUMENTS, f"the file holds a generator of random numbers {name!r:.60}", entry)
    kind = reader.name(f"numpy.random.{_GENERATORS[name]}", name, entry)
    return _call(reader, entry, "__bit_generator_ctor", [kind])


def _call(reader: Reader, entry: Entry, function: str, arguments: list[Value]) -> Call:
    return reader.call(reader.name("numpy.random._pickle", function, entry), arguments, entry)


def _sparse(reader: Reader, entry: Entry) -> Value:
    """Read a sparse matrix as its pickle would be: an instance with its arrays as attributes."""
    name = str(entry.field("file"))
    with open_archive(io.BytesIO(reader.archive.read(name)), name) as archive:
        arrays = {part: array_in(archive.read(f"{part}.npy"), f"{name}/{part}.npy") for part in archive.parts()}
    layout, shape = _layout(reader, entry, arrays), _shape(reader, entry, arrays)
    kind = "array" if "_is_array" in arrays else "matrix"
    result = reader.call(reader.name(f"scipy.sparse._{layout}", f"{layout}_{kind}", entry), [], entry, new=True)
    items: list[Value] = ["_shape", reader.add(Tuple(shape), entry), "maxprint", _MAX_PRINT]
    contents = [reader.add(arrays[part], entry) for part in _SPARSE[layout]]
    if layout == "coo":
        items += ["coords", reader.add(Tuple(contents[:2]), entry), "data", contents[2], "has_canonical_format", False]
    else:
        items += [each for pair in zip(_SPARSE[layout], contents, strict=True) for each in pair]
    return reader.build(result, reader.fill(reader.add(Dict([]), entry), Way.SET, items, entry), entry)


def _layout(reader: Reader, entry: Entry, arrays: Mapping[str, Array]) -> str:
    form = bytes(arrays["format"].data).replace(b"\0", b"").decode("ascii", "replace") if "format" in arrays else ""
    if form not in _SPARSE or not {"shape", *_SPARSE[form]} <= set(arrays):
        raise reader.damage("a sparse matrix that SciPy does not write", entry)
    return form


def _shape(reader: Reader, entry: Entry, arrays: Mapping[str, Array]) -> list[Value]:
    shape = _numbers(arrays["shape"])
    if shape.dtype.kind not in "iu" or shape.shape not in {(1,), (2,)}:
        raise reader.damage("a sparse matrix without a shape", entry)
    return [int(size) for size in shape]


def _numbers(array: Array) -> "np.ndarray[Any, Any]":
    """Return the array itself, as a view of the file's bytes."""
    flat = np.frombuffer(array.data, array.dtype) if len(array.data) else np.zeros(0, array.dtype)
    return flat.reshape(array.shape, order="F" if array.order == "F" else "C")


HANDLERS: Mapping[str, Handler] = {
    "NdArrayNode": _array,
    "MaskedArrayNode": _masked_array,
    "DTypeNode": _dtype,
    "RandomStateNode": _random_state,
    "RandomGeneratorNode": _generator,
    "SparseMatrixNode": _sparse,
}
