"""Build NumPy's dtypes anew from a trace, so that no flag of the file can disagree with its fields."""

import re
from typing import Any

import numpy as np

from modelway_server.runtimes.pickle.refusal import Rule, refuse
from modelway_server.runtimes.pickle.trace import Call, Dict, Global, Tuple, Value

_CODE = re.compile(r"[<>|=]?([?biufcOSUVMm])(\d{0,9})")
_UNIT = re.compile(rb"[a-zA-Z]{1,7}")
_RECORDS = frozenset({"numpy.record", "numpy.rec.record"})
_MAX_FIELDS = 1000
_MAX_DEPTH = 8


def is_dtype(value: Value) -> bool:
    """Whether a value calls the class of dtypes."""
    return isinstance(value, Call) and isinstance(value.function, Global) and value.function.full == "numpy.dtype"


def dtype_of(value: Value, depth: int = 0) -> np.dtype[Any]:
    """Build the dtype of a call of `numpy.dtype` and its state.

    Raises:
        UnsafeArtifact: the value is no dtype, or its parts disagree.
    """
    dtype = getattr(value, "value", None)
    if isinstance(dtype, np.dtype) and isinstance(value, Call):
        return dtype
    if not isinstance(value, Call) or not is_dtype(value) or depth > _MAX_DEPTH:
        raise _refusal("something in the place of a dtype", value)
    code = _items(value.arguments)
    if code and isinstance(code[0], Global) and code[0].full in _RECORDS:
        return _record_dtype(value, code, depth)
    if value.new or value.keywords is not None or value.items is not None or not code or not isinstance(code[0], str):
        raise _refusal("a dtype made in another way than NumPy's", value)
    match = _CODE.fullmatch(code[0])
    if match is None or len(code) > 3 or any(not isinstance(flag, bool | int) for flag in code[1:]):
        raise _refusal(f"a dtype {code[0]!r:.40}", value)
    state = _items(value.state) if value.has_state else ()
    try:
        value.value = _with_state(code[0], state, depth)
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise _refusal(f"a dtype {code[0]!r:.40} whose parts disagree", value) from error
    return value.value  # type: ignore[no-any-return]  # just made


def _record_dtype(value: Call, code: tuple[Value, ...], depth: int) -> np.dtype[Any]:
    """Build the dtype of record arrays: a structured dtype whose items are `numpy.record`."""
    plain = Call(value.function, Tuple(["V8", *code[1:]], value.at), at=value.at)
    plain.state, plain.has_state = value.state, value.has_state
    value.value = np.dtype((np.record, dtype_of(plain, depth)))
    return value.value  # type: ignore[no-any-return]  # just made


def _with_state(code: str, state: tuple[Value, ...], depth: int) -> np.dtype[Any]:
    base = np.dtype(code)
    if not state:
        return base
    version, order, sub, names, fields, size, _, flags, *metadata = state
    if (
        version not in {3, 4}
        or order not in {"<", ">", "|", "="}
        or not all(isinstance(each, int) for each in state[5:8])
    ):
        raise ValueError(state)
    if sub is not None:
        inner, shape = _items(sub)
        dtype = np.dtype((dtype_of(inner, depth + 1), _shape(shape)))
    elif names is not None:
        dtype = _structured_dtype(_items(names), fields, size, depth, aligned=bool(flags & 0x80))
    elif base.kind in "Mm":
        dtype = _time_dtype(base, metadata).newbyteorder(order)
    else:
        dtype = base.newbyteorder(order)
    if fields is not None and names is None:
        raise ValueError(fields)
    if size not in {-1, dtype.itemsize} or (flags & _OBJECT and not dtype.hasobject):
        raise ValueError(size)
    if dtype.hasobject and not flags & _OBJECT:
        raise ValueError(flags)
    return dtype


_OBJECT = 0x01
"""NPY_ITEM_REFCOUNT: the items are pointers to objects."""


def _structured_dtype(
    names: tuple[Value, ...], fields: Value, size: int, depth: int, *, aligned: bool
) -> np.dtype[Any]:
    if not isinstance(fields, Dict) or len(names) > _MAX_FIELDS:
        raise TypeError(fields)
    entries = {key: _items(entry) for key, entry in fields.pairs()}
    if any(not isinstance(name, str) or name.startswith("__") for name in names) or set(names) - set(entries):
        raise ValueError(names)
    formats = [dtype_of(entries[name][0], depth + 1) for name in names]
    offsets = [int(entries[name][1]) for name in names]
    # NumPy adds them in 32 bits, where a sum may overflow
    if any(start < 0 or start + each.itemsize > size for start, each in zip(offsets, formats, strict=True)):
        raise ValueError(offsets)
    return np.dtype(
        {"names": list(names), "formats": formats, "offsets": offsets, "itemsize": int(size)}, align=aligned
    )


def _time_dtype(base: np.dtype[Any], metadata: list[Value]) -> np.dtype[Any]:
    """Build the dtype of dates or durations, whose unit is in the state."""
    _, unit = _items(metadata[0])
    name, count, *_ = _items(unit)
    if isinstance(name, Call):  # protocols 0 to 2 write bytes as `_codecs.encode("ns", "latin1")`
        name = _items(name.arguments)[0]
    if isinstance(name, str):
        name = name.encode()
    if not isinstance(name, bytes) or not _UNIT.fullmatch(name) or not isinstance(count, int):
        raise ValueError(name)
    return np.dtype(f"{base.kind}8" if name == b"generic" else f"{base.kind}8[{count}{name.decode()}]")


def _shape(value: Value) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(int(each) for each in _items(value))


def _items(value: Value) -> tuple[Value, ...]:
    if not isinstance(value, Tuple):
        raise TypeError(value)
    return tuple(value.items)


def _refusal(what: str, value: Value) -> Exception:
    return refuse(Rule.ARGUMENTS, f"the file holds {what}", getattr(value, "at", -1))
