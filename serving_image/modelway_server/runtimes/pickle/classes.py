"""Judge a trace by the classes that it names. They are imported, and not instantiated yet."""

from collections import deque
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from modelway_server.errors import UnsafeArtifact
from modelway_server.runtimes.pickle.calls import MAKES_INSTANCE, makes_instance
from modelway_server.runtimes.pickle.held_callables import Fault, check_callables, maker_of
from modelway_server.runtimes.pickle.refusal import Rule, clip, refuse
from modelway_server.runtimes.pickle.trace import Call, Dict, Global, Node, Trace, Tuple, Value
from modelway_server.runtimes.pickle.values import size_of
from modelway_server.runtimes.pickle.walk import arguments, inside, path_of
from modelway_server.runtimes.trust import Trust

_SETTERS = frozenset(
    {
        "builtins.BaseException",
        "lightgbm.basic.Booster",
        "scipy.interpolate._rbfinterp.RBFInterpolator",
        "scipy.sparse._coo.coo_matrix",
        "sklearn.base.BaseEstimator",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.isotonic.IsotonicRegression",
        "sklearn.utils._bunch.Bunch",
        "uuid.UUID",
        "xgboost.core.Booster",
    }
)
"""Classes whose `__setstate__` only keeps or checks its argument."""
_SETTING_PACKAGES = ("numpy.", "pandas.")
"""Packages whose listed classes do the same."""
_CONTENTS = {"xgboost.core.Booster": bytes, "lightgbm.basic.Booster": str}
"""Boosters, and the type of their `handle` in a file. A number would be taken for an address."""
_CALLED = (np.generic, np.dtype, BaseEstimator)
"""Classes that a model may call with its own values or with rows. They only convert or keep their argument."""
_SPLINES = "scipy.interpolate._fitpack2"
"""The module of splines that keep their own class as data. Their constructors check their arguments."""
_CALLED_PACKAGES = frozenset({"builtins", "collections", "datetime", "decimal", "fractions", "uuid"})


def judge_classes(trace: Trace, nodes: Iterable[Node], trust: Trust) -> None:
    """Judge a trace by the rules about instances.

    Args:
        trace: judged by names.
        nodes: the nodes of the trace, with their names resolved.
        trust: names that are allowed beside the lists.

    Raises:
        UnsafeArtifact: a rule refuses the trace.
    """
    for node in nodes:
        try:
            if isinstance(node, Call):
                _check_instance(node, trust)
                _check_arguments(node, trust)
            else:
                _check_classes(node, trust)
        except Fault as fault:
            raise _refusal(trace, fault.rule, str(fault), node) from None


def _check_instance(node: Call, trust: Trust) -> None:
    kind = class_of(node)
    if kind is None or trust.covers(maker_of(node)):
        return
    _check_base(node, kind)
    if node.items and not issubclass(kind, dict | list | deque):
        raise Fault(Rule.STATE, f"the file puts items into a {clip(kind.__qualname__)}, which is no container")
    _check_setter(node, kind)
    for state in _states(node.state):
        _check_attributes(state, kind)
        _check_content(state, kind)
        check_callables(state, kind, trust)


def _check_base(node: Call, kind: type) -> None:
    """Check `copyreg._reconstructor`, which fills an instance as an instance of a base class."""
    if not isinstance(node.function, Global) or node.function.full != "copyreg._reconstructor":
        return
    base = arguments(node)[1].value
    if not issubclass(kind, base):
        raise Fault(
            Rule.ARGUMENTS, f"the file makes a {clip(kind.__qualname__)} out of a {base.__name__}, which it is not"
        )


def _check_setter(node: Call, kind: type) -> None:
    """Check that a class with its own `__setstate__` is one whose code is known."""
    owner = next((each for each in kind.__mro__ if "__setstate__" in vars(each)), None)
    name = f"{owner.__module__}.{owner.__qualname__}" if owner is not None else ""
    known = name in _SETTERS or name.startswith(_SETTING_PACKAGES)
    if isinstance(node.function, Global) and not node.new and node.function.full not in MAKES_INSTANCE:
        return  # a function that rebuilds instances, whose state has a rule of its own
    if node.has_state and name and not known:
        raise Fault(Rule.STATE, f"the file sets the state of {clip(name)}, which does more than keep it")


def class_of(call: Call) -> type | None:
    """Return the class of which a call makes an instance; None if it calls a function."""
    function: Any = call.function
    if isinstance(function, Global) and makes_instance(function.full):
        function = arguments(call)[0]
    value = getattr(function, "value", None)
    return value if isinstance(value, type) else None


def _refusal(trace: Trace, rule: Rule, what: str, node: Node) -> UnsafeArtifact:
    path = path_of(trace.root, node)
    return refuse(rule, f"{what}, at {path}" if path else what, node.at)


def _check_classes(node: Node, trust: Trust) -> None:
    """Check classes that are held as data. A model may call any of them, whatever the attribute."""
    for child in inside(node):
        if isinstance(child, Global):
            _check_data_class(child, trust)


def _check_data_class(reference: Global, trust: Trust) -> None:
    value = reference.value
    if not isinstance(value, type) or trust.covers(reference.full):
        return
    plain = value.__module__ in _CALLED_PACKAGES and value is not bytearray
    plain = plain or value.__module__ == _SPLINES
    if not plain and not issubclass(value, _CALLED):
        raise Fault(Rule.FUNCTIONS, f"the file holds the class {clip(reference.full)} as data")


def _check_arguments(node: Call, trust: Trust) -> None:
    """Check the state and the items of an object; its arguments have rules of their own."""
    for child in (node.state, *(node.items or ())):
        if isinstance(child, Global):
            _check_data_class(child, trust)


def _check_content(state: Dict, kind: type) -> None:
    content = next(
        (_CONTENTS[name] for each in kind.__mro__ if (name := f"{each.__module__}.{each.__qualname__}") in _CONTENTS),
        None,
    )
    for key, value in state.pairs() if content else ():
        if key not in {"handle", "_handle"} or (value is None and content is bytes):
            continue
        if not (type(value) is str if content is str else size_of(value) is not None):
            raise Fault(Rule.ARGUMENTS, f"the file sets {key} of a {kind.__qualname__} to what is no saved booster")


def _check_attributes(state: Dict, kind: type) -> None:
    """Check that no attribute of an instance hides a method of its class."""
    for key in state.items[::2]:
        if type(key) is not str:
            raise Fault(Rule.STATE, f"the file sets an attribute of {clip(kind.__qualname__)} that is no name")
        if _is_method(kind, key):
            raise Fault(
                Rule.ATTRIBUTES, f"the file sets {clip(key)} of {clip(kind.__qualname__)}, which is a method of it"
            )


def _states(state: Value) -> list[Dict]:
    if isinstance(state, Tuple):
        return [item for item in state.items if isinstance(item, Dict)]
    return [state] if isinstance(state, Dict) else []


def _is_method(kind: type, key: str) -> bool:
    """Whether an attribute of an instance would hide a method of its class."""
    member = next((vars(each)[key] for each in kind.__mro__ if key in vars(each)), None)
    if member is None or isinstance(member, cached_property | type):
        return False
    descriptor = hasattr(type(member), "__get__") and not hasattr(type(member), "__set__")
    return callable(member) or descriptor
