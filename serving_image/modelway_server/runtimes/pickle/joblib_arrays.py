"""Read the arrays of joblib's files. Their bytes follow right after the object that describes them."""

import math

from modelway_server.runtimes.pickle.constants import take
from modelway_server.runtimes.pickle.dtypes import dtype_of
from modelway_server.runtimes.pickle.refusal import Rule, damage, refuse
from modelway_server.runtimes.pickle.trace import Array, Call, Dict, Global, Tuple, Value

WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
"""Joblib's description of an array."""
OLD_WRAPPERS = frozenset(
    {
        "joblib.numpy_pickle.NDArrayWrapper",
        "joblib.numpy_pickle_compat.NDArrayWrapper",
        "joblib.numpy_pickle_compat.ZNDArrayWrapper",
    }
)
"""Descriptions of joblib before version 0.10, which name another file."""
ARRAYS = frozenset(
    {
        "numpy.ndarray",
        "numpy.matrix",
        "numpy.memmap",
        "numpy.core.memmap.memmap",
        "numpy._core.memmap.memmap",
        "numpy.matrixlib.defmatrix.matrix",
    }
)
"""Classes of arrays that joblib writes in this way. Each is read as a plain array, as joblib does."""
_MAX_DIMENSIONS = 64
_MAX_EMPTY = 1_000_000
"""Items without bytes that an array may have."""


def is_wrapper(call: Call) -> bool:
    """Whether a call makes joblib's description of an array."""
    function = call.function
    if not isinstance(function, Global):
        return False
    if function.full == "copyreg._reconstructor" and isinstance(call.arguments, Tuple) and call.arguments.items:
        function = call.arguments.items[0]
    return isinstance(function, Global) and function.full == WRAPPER


def read_array(wrapper: Call, data: memoryview, position: int) -> tuple[Array | None, int]:
    """Read the described array, and return it with the position after its bytes. It is None if a pickle of objects follows.

    Raises:
        UnsafeArtifact: the description is not joblib's.
        InvalidArtifact: the file ends before the end of the array.
    """
    if not isinstance(wrapper.state, Dict):
        raise refuse(Rule.ARGUMENTS, "the file describes an array in another way than joblib's", wrapper.at)
    description = dict(_description(wrapper.state, wrapper.at))
    dtype, shape, order = (
        dtype_of(description.get("dtype")),
        _shape(description.get("shape"), wrapper.at),
        description.get("order"),
    )
    subclass = description.get("subclass")
    if order not in {"C", "F"} or not isinstance(subclass, Global) or subclass.full not in ARRAYS:
        raise refuse(Rule.ARGUMENTS, "the file describes an array in another way than joblib's", wrapper.at)
    if dtype.hasobject:
        return None, position
    if description.get("numpy_array_alignment_bytes") is not None:
        padding, position = take(data, position, 1)
        position += padding[0]
    content, stop = take(data, position, check_size(shape, dtype.itemsize, wrapper.at))
    return Array(dtype, shape, order, content), stop


def check_size(shape: tuple[int, ...], itemsize: int, at: int) -> int:
    """Return the number of bytes of an array of this shape.

    Raises:
        UnsafeArtifact: the array has too many items without bytes.
    """
    count = math.prod(shape)
    if itemsize == 0 and count > _MAX_EMPTY:
        raise refuse(Rule.BOUNDS, f"the file holds an array of {count} items without bytes", at)
    return count * itemsize


def _description(state: Dict, at: int) -> list[tuple[str, Value]]:
    pairs = [(key, value) for key, value in state.pairs() if isinstance(key, str)]
    if len(pairs) * 2 != len(state.items) or len({key for key, _ in pairs}) != len(pairs):
        raise refuse(Rule.ARGUMENTS, "the file describes an array in another way than joblib's", at)
    return pairs


def _shape(value: Value, at: int) -> tuple[int, ...]:
    items = value.items if isinstance(value, Tuple) else None
    if items is None or len(items) > _MAX_DIMENSIONS or not all(type(item) is int and item >= 0 for item in items):
        raise damage(f"byte {at}: an array without a shape")
    return tuple(items)
