"""Check calls that rebuild arrays: shape, dtype and content must agree, and only arrays of objects may hold objects."""

from modelway_server.runtimes.pickle.dtypes import dtype_of
from modelway_server.runtimes.pickle.trace import Array, Call, List, Tuple, Value
from modelway_server.runtimes.pickle.values import count_of, is_plain, name_of, shape_of, size_of

_ARRAYS = frozenset(
    {
        "numpy.ndarray",
        "numpy.matrix",
        "numpy.matrixlib.defmatrix.matrix",
        "numpy.memmap",
        "numpy.core.memmap.memmap",
        "numpy._core.memmap.memmap",
        "numpy.rec.recarray",
        "numpy.recarray",
    }
)
_MASKED = frozenset({"numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray"})
_MAX_EMPTY = 1_000_000


def _is_array_state(state: Value) -> bool:
    """Whether this is the state of an array: shape, dtype and content agree, and only arrays of objects hold objects."""
    items = state.items if isinstance(state, Tuple) else []
    if len(items) == 5:
        version, *items = items
        if version != 1:
            return False
    if len(items) != 4 or not isinstance(items[2], bool | int):
        return False
    return _holds(items[0], items[1], items[3])


def _holds(shape: Value, dtype: Value, content: Value) -> bool:
    sizes, kind = shape_of(shape), dtype_of(dtype)
    if sizes is None:
        return False
    count = count_of(sizes)
    if kind.hasobject:
        return isinstance(content, List) and len(content.items) == count
    return size_of(content) == count * kind.itemsize and (kind.itemsize > 0 or count <= _MAX_EMPTY)


def is_reconstructed(items: list[Value], call: Call) -> bool:
    """`_reconstruct`: an empty array of a known class, and a state that fills it."""
    if len(items) != 3 or name_of(items[0]) not in _ARRAYS or shape_of(items[1]) != (0,) or size_of(items[2]) != 1:
        return False
    return call.has_state and _is_array_state(call.state)


def is_masked(items: list[Value], call: Call) -> bool:
    """`_mareconstruct`: the same with a mask."""
    if len(items) != 4 or name_of(items[0]) not in _MASKED or name_of(items[1]) not in _ARRAYS:
        return False
    state = call.state.items if isinstance(call.state, Tuple) else []
    if len(state) != 7 or shape_of(items[2]) != (0,) or not isinstance(items[3], str | bytes):
        return False
    _, shape, dtype, order, content, mask, fill = state
    sizes, kind = shape_of(shape), dtype_of(dtype)
    whole = sizes is not None and isinstance(order, bool | int) and kind.names is None and kind.subdtype is None
    filled = is_plain(fill) or is_array(fill)
    return whole and filled and size_of(mask) == count_of(sizes or ()) and _holds(shape, dtype, content)


def is_array(value: Value) -> bool:
    """Whether a value is an array as NumPy or joblib writes it. Its call is judged by itself."""
    rebuilt = isinstance(value, Call) and name_of(value.function).endswith(("._reconstruct", "._frombuffer"))
    return rebuilt or isinstance(value, Array)


def shape_of_array(value: Value) -> tuple[int, ...] | None:
    """Return the shape of an array as the file gives it; None if the value is no array."""
    if isinstance(value, Array):
        return value.shape
    if not is_array(value) or not isinstance(value.arguments, Tuple):
        return None
    if name_of(value.function).endswith("._frombuffer"):
        return shape_of(value.arguments.items[2]) if len(value.arguments.items) > 2 else None
    state = value.state.items if isinstance(value.state, Tuple) else []
    return shape_of(state[-4]) if len(state) in {4, 5} else None


def is_from_buffer(items: list[Value], _: Call) -> bool:
    """`_frombuffer`: bytes, dtype, shape and order."""
    if not 4 <= len(items) <= 5 or items[3] not in {"C", "F", "K"} or not is_plain(items[3:]):
        return False
    return not dtype_of(items[1]).hasobject and _holds(items[2], items[1], items[0])


def is_scalar(items: list[Value], _: Call) -> bool:
    """`scalar`: a dtype, and the bytes of one item."""
    if len(items) != 2:
        return False
    kind = dtype_of(items[0])
    return not kind.hasobject and size_of(items[1]) == kind.itemsize
