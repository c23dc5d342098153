"""Pass 2: the objects of a judged trace, made in the order of the file by reconstructors that are known."""

import sys
from collections.abc import Callable
from types import MemberDescriptorType
from typing import Any

import numpy as np

from modelway_server.runtimes.pickle.dtypes import dtype_of, is_dtype
from modelway_server.runtimes.pickle.joblib_arrays import is_wrapper
from modelway_server.runtimes.pickle.object_checks import check_built
from modelway_server.runtimes.pickle.owners import check_model
from modelway_server.runtimes.pickle.refusal import Rule, clip, refuse
from modelway_server.runtimes.pickle.structure import check_state
from modelway_server.runtimes.pickle.trace import (
    Array,
    Build,
    Call,
    Dict,
    Extend,
    FrozenSet,
    Global,
    List,
    Node,
    Set,
    Trace,
    Tuple,
    Value,
    Way,
)
from modelway_server.runtimes.pickle.walk import arguments


def build(trace: Trace) -> Any:
    """The object that a file holds.

    Args:
        trace: judged, its names resolved.

    Raises:
        UnsafeArtifact: parts of an object do not fit each other.
        Exception: whatever a class of the model raises.
    """
    for step in trace.steps:
        _STEPS[type(step)](step)
    for step in trace.steps:
        if isinstance(step, Build):
            _check_filled(step)
    check_built(trace.steps)
    root = _of(trace.root)
    check_model(root)
    return root


def _of(value: Value) -> Any:
    return value.value if isinstance(value, Node) else value


def _all(values: list[Value]) -> list[Any]:
    return [value.value if isinstance(value, Node) else value for value in values]


def _make_nothing(_: Any) -> None:
    """Names are resolved already."""


def _make_list(node: Any) -> None:
    node.value = []


def _make_dictionary(node: Any) -> None:
    node.value = {}


def _make_set(node: Any) -> None:
    node.value = set()


def _make_tuple(node: Any) -> None:
    node.value = tuple(_all(node.items))


def _make_frozenset(node: Any) -> None:
    node.value = frozenset(_all(node.items))


def _make_array(node: Any) -> None:
    """As joblib reads it: a copy of its own, in the byte order of this machine."""
    array = (
        np.frombuffer(node.data, dtype=node.dtype).copy() if node.dtype.itemsize else np.empty(node.shape, node.dtype)
    )
    array = array.reshape(node.shape[::-1]).transpose() if node.order == "F" else array.reshape(node.shape)
    foreign = ">" if sys.byteorder == "little" else "<"
    node.value = array.byteswap().view(array.dtype.newbyteorder("=")) if array.dtype.byteorder == foreign else array


def _make_call(node: Any) -> None:
    if is_dtype(node):
        node.value = dtype_of(node)
    elif is_wrapper(node):
        node.value = None
    else:
        function, held = _of(node.function), _all(arguments(node))
        keywords = (
            dict(zip(*[iter(_all(node.keywords.items))] * 2, strict=True)) if isinstance(node.keywords, Dict) else {}
        )
        node.value = _made(function, held, keywords, new=node.new)


def _made(function: Any, held: list[Any], keywords: dict[str, Any], *, new: bool) -> Any:
    if getattr(function, "__name__", "") == "__newobj__":
        function, new = held.pop(0), True
    if new and isinstance(function, type):
        return function.__new__(function, *held, **keywords)
    return function(*held, **keywords)


def _extend(step: Any) -> None:
    target = step.target.value
    items = _all(step.target.items[step.start : step.stop])
    if step.way is Way.SET:
        pairs = zip(items[::2], items[1::2], strict=True)
        if type(target) is dict:
            target.update(pairs)
            return
        for key, value in pairs:
            target[key] = value
    elif step.way is Way.ADD:
        target.update(items)
    else:
        target.extend(items)


def _set_state(step: Any) -> None:
    node, target, state = step.target, step.target.value, _of(step.state)
    if is_dtype(node) or is_wrapper(node):
        return
    kind = type(target)
    check_state(f"{kind.__module__}.{kind.__qualname__}", state)
    if hasattr(kind, "__setstate__"):
        target.__setstate__(state)
        return
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if attributes:
        held = vars(target)
        for key, value in attributes.items():
            held[sys.intern(key)] = value
    for key, value in (slots or {}).items():
        _set_slot(target, key, value, step)


def _check_filled(step: Build) -> None:
    """Hold an object against itself once more: what its state holds may be filled after the object has it."""
    target = step.target.value
    if isinstance(_of(step.state), dict) and hasattr(target, "__dict__"):
        kind = type(target)
        check_state(f"{kind.__module__}.{kind.__qualname__}", vars(target))


def _set_slot(target: Any, key: str, value: Any, step: Build) -> None:
    slot = getattr(type(target), key, None)
    if not isinstance(slot, MemberDescriptorType):
        what = f"the file sets {clip(key)} of {clip(type(target).__qualname__)}, which is no slot"
        raise refuse(Rule.ATTRIBUTES, what, step.at)
    slot.__set__(target, value)


_STEPS: dict[type, Callable[[Any], None]] = {
    Global: _make_nothing,
    List: _make_list,
    Dict: _make_dictionary,
    Set: _make_set,
    Tuple: _make_tuple,
    FrozenSet: _make_frozenset,
    Array: _make_array,
    Call: _make_call,
    Extend: _extend,
    Build: _set_state,
}
