"""Where a model's file may lie, and how: each array and each number of a trace, made otherwise in one way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from modelway_server.runtimes.pickle.dtypes import dtype_of
from modelway_server.runtimes.pickle.trace import Array, Build, Call, Dict, Items, Trace, Tuple, Value
from modelway_server.runtimes.pickle.values import content_of, name_of

Lie: TypeAlias = Callable[[Any], Any]
_LARGE = 2**31 - 7


@dataclass(frozen=True)
class Place:
    """An array of a trace, or a number in a container of it.

    Attributes:
        holder: the array itself, or the list of items that holds the number.
        index: of the number in it; -1 for an array.
    """

    holder: Any
    index: int = -1


def arrays_apart(trace: Trace) -> None:
    """Put arrays of numbers into the trace as joblib writes them: with bytes of their own, which can be fenced."""
    plain = {id(step): _as_array(step) for step in trace.steps if isinstance(step, Call) and _is_array(step)}
    trace.steps = [
        plain.get(id(step), step) for step in trace.steps if not (isinstance(step, Build) and id(step.target) in plain)
    ]
    for step in trace.steps:
        _replace(step, plain)
    trace.root = plain.get(id(trace.root), trace.root)


def _is_array(call: Call) -> bool:
    state = call.state.items if isinstance(call.state, Tuple) else []
    if not name_of(call.function).endswith("._reconstruct") or len(state) != 5:
        return False
    return name_of(call.arguments.items[0]) == "numpy.ndarray" and not dtype_of(state[2]).hasobject


def _as_array(call: Call) -> Array:
    _, shape, dtype, by_column, content = call.state.items
    text = content_of(content)
    octets = text.encode("latin-1") if isinstance(text, str) else bytes(text or b"")
    order = "F" if by_column else "C"
    return Array(dtype_of(dtype), tuple(shape.items), order, memoryview(octets), call.at)


def _replace(step: Any, by: dict[int, Array]) -> None:
    if isinstance(step, Items | Dict):
        step.items[:] = [by.get(id(item), item) for item in step.items]
    elif isinstance(step, Call):
        step.state, step.arguments = by.get(id(step.state), step.state), by.get(id(step.arguments), step.arguments)
        if step.items:
            step.items[:] = [by.get(id(item), item) for item in step.items]
    elif isinstance(step, Build):
        step.state = by.get(id(step.state), step.state)


def places(trace: Trace) -> list[Place]:
    """Every array and every number, in the order of the file."""
    places: list[Place] = []
    for step in trace.steps:
        if isinstance(step, Array):
            places.append(Place(step))
        elif isinstance(step, Items | Dict):
            places += [Place(step.items, index) for index, item in enumerate(step.items) if _is_number(item)]
            if isinstance(step, Dict):
                places = [place for place in places if not (place.holder is step.items and place.index % 2 == 0)]
    return places


def _is_number(item: Value) -> bool:
    return isinstance(item, int | float | str | None) or (
        isinstance(item, Call) and name_of(item.function).endswith(".scalar")
    )


def lies(place: Place) -> list[str]:
    """The names of the lies that a place can tell."""
    if place.index >= 0:
        return list(_NUMBERS)
    names = place.holder.dtype.names
    return (
        [*_ARRAYS, *_VALUES]
        if names is None
        else [*_SHAPES, *(f"{lie} in {name}" for name in names for lie in _FIELDS)]
    )


def tell(place: Place, lie: str) -> None:
    """Let the trace lie at a place.

    Raises:
        ValueError: this lie does not fit the array.
    """
    if place.index >= 0:
        place.holder[place.index] = _NUMBERS[lie]
        return
    node = place.holder
    array = np.frombuffer(node.data, node.dtype).copy()
    array = array.reshape(node.shape, order=node.order)
    how, _, field = lie.partition(" in ")
    if field:
        array[field] = _VALUES[how](array[field])
        copy = array
    else:
        copy = np.asarray((_VALUES.get(how) or _ARRAYS[how])(array))
    node.dtype, node.shape, node.order = copy.dtype, copy.shape, "F" if how == "by column" else "C"
    node.data = memoryview(copy.tobytes(order=node.order))


def _put(value: Any, where: Any) -> Lie:
    def put(array: Any) -> Any:
        changed = array.copy()
        flat = changed.reshape(-1)
        flat[where] = np.array(value).astype(changed.dtype) if changed.dtype.kind in "iufb" else value
        return changed

    return put


def _last(array: Any) -> Any:
    return array[..., :1] if array.ndim else array[()]


_SHAPES: dict[str, Lie] = {
    "one row": lambda array: array[:1],
    "no rows": lambda array: array[:0],
    "half the rows": lambda array: array[: max(1, len(array) // 2)],
    "one row less": lambda array: array[:-1],
    "thrice the rows": lambda array: np.repeat(array, 3, axis=0),
    "2000 rows": lambda array: np.resize(array, (2000, *array.shape[1:])),
}
_ARRAYS: dict[str, Lie] = {
    **_SHAPES,
    "one column": _last,
    "thrice the columns": lambda array: np.repeat(array, 3, axis=-1),
    "flat": lambda array: array.reshape(-1),
    "one dimension more": lambda array: array[None],
    "turned": lambda array: np.ascontiguousarray(array.T),
    "by column": lambda array: array,
    "float32": lambda array: array.astype(np.float32),
    "float64": lambda array: array.astype(np.float64),
    "int32": lambda array: np.nan_to_num(array).astype(np.int32),
    "int64": lambda array: np.nan_to_num(array).astype(np.int64),
    "uint8": lambda array: np.nan_to_num(array).astype(np.uint8),
    "the other byte order": lambda array: array.astype(array.dtype.newbyteorder("S")),
    "text": lambda array: array.astype("U3"),
}
_VALUES: dict[str, Lie] = {
    "a first item that is huge": _put(_LARGE, slice(0, 1)),
    "a last item that is huge": _put(_LARGE, slice(-1, None)),
    "huge items": _put(_LARGE, slice(None)),
    "items of 5000": _put(5000, slice(None)),
    "a first item below 0": _put(-_LARGE, slice(0, 1)),
    "items of -1": _put(-1, slice(None)),
    "items of -5000": _put(-5000, slice(None)),
    "items of 0": _put(0, slice(None)),
    "missing items": _put(np.nan, slice(None)),
    "items without end": _put(np.inf, slice(None)),
}
_FIELDS = (
    "a first item that is huge",
    "huge items",
    "items of 5000",
    "items of -5000",
    "items of -1",
    "items of 0",
    "missing items",
)
_NUMBERS: dict[str, Any] = {
    "0": 0,
    "1": 1,
    "-1": -1,
    "3": 3,
    "5000": 5000,
    "huge": 2**31 - 7,
    "too huge": 2**62,
    "half": 0.5,
    "missing": float("nan"),
    "nothing": None,
    "true": True,
    "text": "x",
}
