"""Tell what an inert value is: plain, bytes, or fit to be the key of a dictionary."""

import math

from modelway_server.runtimes.pickle.trace import Call, Dict, FrozenSet, Global, List, Node, Tuple, Value

_MAKERS = frozenset(
    {
        "_codecs.encode",
        *(f"builtins.{name}" for name in ("bytearray", "bytes", "complex", "frozenset", "range", "set", "slice")),
        *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
        "decimal.Decimal",
        "fractions.Fraction",
        "numpy._core.multiarray.scalar",
        "numpy.core.multiarray.scalar",
        "numpy.dtype",
        "pandas.Interval",
        "pandas.Period",
        "pandas._libs.interval.Interval",
        "pandas._libs.tslibs.nattype.__nat_unpickle",
        "pandas._libs.tslibs.nattype._nat_unpickle",
        "pandas._libs.tslibs.period.Period",
        "pandas._libs.tslibs.timedeltas._timedelta_unpickle",
        "pandas._libs.tslibs.timestamps._unpickle_timestamp",
        "pytz._p",
        "uuid.UUID",
        "zoneinfo.ZoneInfo._unpickle",
    }
)
"""Calls that return one immutable value."""
_OFFSETS = ("pandas._libs.tslibs.offsets.", "pandas.tseries.offsets.")
_MAX_ITEMS = 100_000
_MAX_DEPTH = 6
_MAKE_BYTES = frozenset({"_codecs.encode", "builtins.bytes", "builtins.bytearray"})
_MAX_CALLS = 3
CONTENT = (bytes, bytearray)


def name_of(function: Value) -> str:
    """Return the full name of a callee; empty if it is no name."""
    return function.full if isinstance(function, Global) else ""


def makes_value(value: Value) -> bool:
    """Whether a call returns one immutable value."""
    if not isinstance(value, Call):
        return False
    name = name_of(value.function)
    return name in _MAKERS or name.startswith(_OFFSETS)


def is_plain(value: Value) -> bool:
    """Whether a value is a constant, or made of constants alone: a small container, or an immutable value."""
    waiting, count = [(value, 0)], 0
    while waiting:
        item, depth = waiting.pop()
        count += 1
        if count > _MAX_ITEMS or depth > _MAX_DEPTH:
            return False
        if isinstance(item, Tuple | List | Dict | FrozenSet):
            waiting += [(each, depth + 1) for each in item.items]
        elif isinstance(item, Node) and not makes_value(item):
            return False
    return True


def is_key(value: Value) -> bool:
    """Whether a value can be hashed without code of the model, and in a short time."""
    waiting, count = [(value, 0)], 0
    while waiting:
        item, depth = waiting.pop()
        count += 1
        if count > _MAX_ITEMS or depth > _MAX_DEPTH or isinstance(item, bytearray):
            return False
        if isinstance(item, Tuple | FrozenSet):
            waiting += [(each, depth + 1) for each in item.items]
        elif isinstance(item, Node) and not isinstance(item, Global) and not makes_value(item):
            return False
    return True


def size_of(value: Value) -> int | None:
    """Return the number of bytes of a value; None if it is no bytes."""
    content = content_of(value)
    return None if content is None else len(content)


def content_of(value: Value) -> bytes | bytearray | str | None:
    """Return the bytes of a value, or their Latin-1 text as protocols 0 to 2 write it; None if it is neither.

    Bytes are constants, or calls of `bytes`, `bytearray` or `_codecs.encode("...", "latin1")`, which may be nested.
    """
    for _ in range(_MAX_CALLS):
        if isinstance(value, CONTENT):
            return value
        if not isinstance(value, Call) or name_of(value.function) not in _MAKE_BYTES:
            return None
        value = next(iter(value.arguments.items), b"") if isinstance(value.arguments, Tuple) else None
        if isinstance(value, str):
            return value
    return None


def shape_of(value: Value) -> tuple[int, ...] | None:
    """Return the shape that a number or a tuple of numbers means; None if it is no shape."""
    if type(value) is int and value >= 0:
        return (value,)
    if (
        isinstance(value, Tuple)
        and all(type(item) is int and item >= 0 for item in value.items)
        and len(value.items) <= 64
    ):
        return tuple(value.items)
    return None


def count_of(shape: tuple[int, ...]) -> int:
    """Return the number of items of an array of this shape."""
    return math.prod(shape)
