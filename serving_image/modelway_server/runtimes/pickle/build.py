"""Pass 2: build the objects of a judged trace in the order of the file, by known reconstructors."""

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
    """Build the object of a file.

    Args:
        trace: judged, with its names resolved.

    Raises:
        UnsafeArtifact: parts of an object disagree.
        Exception: whatever a class of the model raises.
    """
    for step in trace.steps:
        _STEPS[type(step)](step)
    for step in trace.steps:
        if isinstance(step, Build):
            _check_filled(step)
    check_built(trace.steps)
    root = _value_of(trace.root)
    check_model(root)
    return root


def _value_of(value: Value) -> Any:
    return value.value if isinstance(value, Node) else value


def _values_of(values: list[Value]) -> list[Any]:
    return [value.value if isinstance(value, Node) else value for value in values]


def _make_nothing(_: Any) -> None:
    """Do nothing: names are resolved already."""


def _make_list(node: Any) -> None:
    node.value = []


def _make_dictionary(node: Any) -> None:
    node.value = {}


def _make_set(node: Any) -> None:
    node.value = set()


def _make_tuple(node: Any) -> None:
    node.value = tuple(_values_of(node.items))


def _make_frozenset(node: Any) -> None:
    node.value = frozenset(_values_of(node.items))


def _make_array(node: Any) -> None:
    """Make an array as joblib does: a copy, in the byte order of this machine."""
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
        function, values = _value_of(node.function), _values_of(arguments(node))
        keywords = (
            dict(zip(*[iter(_values_of(node.keywords.items))] * 2, strict=True))
            if isinstance(node.keywords, Dict)
            else {}
        )
        node.value = _call(function, values, keywords, new=node.new)


def _call(function: Any, values: list[Any], keywords: dict[str, Any], *, new: bool) -> Any:
    if getattr(function, "__name__", "") == "__newobj__":
        function, new = values.pop(0), True
    if new and isinstance(function, type):
        return function.__new__(function, *values, **keywords)
    return function(*values, **keywords)


def _extend(step: Any) -> None:
    target = step.target.value
    items = _values_of(step.target.items[step.start : step.stop])
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
    node, target, state = step.target, step.target.value, _value_of(step.state)
    if is_dtype(node) or is_wrapper(node):
        return
    kind = type(target)
    check_state(f"{kind.__module__}.{kind.__qualname__}", state)
    if hasattr(kind, "__setstate__"):
        target.__setstate__(state)
        return
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if attributes:
        values = vars(target)
        for key, value in attributes.items():
            values[sys.intern(key)] = value
    for key, value in (slots or {}).items():
        _set_slot(target, key, value, step)


def _check_filled(step: Build) -> None:
    """Check once more that an object agrees with itself, because steps may fill its state after the object has it."""
    target = step.target.value
    if isinstance(_value_of(step.state), dict) and hasattr(target, "__dict__"):
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
