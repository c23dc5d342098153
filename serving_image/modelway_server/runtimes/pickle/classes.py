"""The judgement of a trace by the classes that it names; they are imported, and none of them is instantiated yet."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from modelway_server.errors import UnsafeArtifact
from modelway_server.runtimes.pickle.calls import MAKES_INSTANCE
from modelway_server.runtimes.pickle.held import Fault, check_held
from modelway_server.runtimes.pickle.refusal import Rule, clip, refuse
from modelway_server.runtimes.pickle.trace import Call, Dict, Global, Node, Trace, Tuple, Value
from modelway_server.runtimes.pickle.values import name_of
from modelway_server.runtimes.pickle.walk import arguments, inside, path_of
from modelway_server.runtimes.trust import Trust

_BUFFERS = (np.ndarray, memoryview, bytearray)
"""Classes that take memory for what it is not when they are called with what a file says."""


def judge_classes(trace: Trace, nodes: Iterable[Node], trust: Trust) -> None:
    """Hold a trace to the rules about instances.

    Args:
        trace: judged by names.
        nodes: of it, their names resolved.
        trust: what is allowed beside the lists.

    Raises:
        UnsafeArtifact: a rule refuses it.
    """
    for node in nodes:
        try:
            if isinstance(node, Call):
                made = class_of(node)
                if made is not None and not trust.covers(_name(node)):
                    _check_state(node, made)
                    check_held(node, made, trust)
                _check_arguments(node, trust)
            else:
                _check_classes(node, trust)
        except Fault as fault:
            raise _refused(trace, fault.rule, str(fault), node) from None


def class_of(call: Call) -> type | None:
    """The class of which a call makes an instance; None where it calls a function."""
    function: Any = call.function
    if isinstance(function, Global) and function.full in MAKES_INSTANCE:
        function = arguments(call)[0]
    found = getattr(function, "value", None)
    return found if isinstance(found, type) else None


def _name(call: Call) -> str:
    name = name_of(call.function)
    return name_of(arguments(call)[0]) if name in MAKES_INSTANCE else name


def _refused(trace: Trace, rule: Rule, what: str, node: Node) -> UnsafeArtifact:
    path = path_of(trace.root, node)
    return refuse(rule, f"{what}, at {path}" if path else what, node.at)


def _check_classes(node: Node, trust: Trust) -> None:
    """Classes that are held as data: none whose call would read memory."""
    for child in inside(node):
        if isinstance(child, Global):
            _check_held_class(child, trust)


def _check_held_class(held: Global, trust: Trust) -> None:
    found = held.value
    if isinstance(found, type) and issubclass(found, _BUFFERS) and not trust.covers(held.full):
        raise Fault(Rule.FUNCTIONS, f"the file holds the class {clip(held.full)} as data")


def _check_arguments(node: Call, trust: Trust) -> None:
    """What the state and the items of an object are; its arguments have rules of their own."""
    for child in (node.state, *(node.items or ())):
        if isinstance(child, Global):
            _check_held_class(child, trust)


def _check_state(node: Call, made: type) -> None:
    """No attribute of an instance hides what its class can do."""
    if not node.has_state:
        return
    for state in _states(node.state):
        for key in state.items[::2]:
            if type(key) is not str:
                raise Fault(Rule.STATE, f"the file sets an attribute of {clip(made.__qualname__)} that is no name")
            if _is_hidden(made, key):
                raise Fault(
                    Rule.ATTRIBUTES, f"the file sets {clip(key)} of {clip(made.__qualname__)}, which is a method of it"
                )


def _states(state: Value) -> list[Dict]:
    if isinstance(state, Tuple) and len(state.items) == 2:
        return [item for item in state.items if isinstance(item, Dict)]
    return [state] if isinstance(state, Dict) else []


def _is_hidden(made: type, key: str) -> bool:
    """Whether an attribute of an instance would be found in the place of a method of its class."""
    found = next((vars(each)[key] for each in made.__mro__ if key in vars(each)), None)
    if found is None or isinstance(found, cached_property | type):
        return False
    descriptor = hasattr(type(found), "__get__") and not hasattr(type(found), "__set__")
    return callable(found) or descriptor
