"""The judgement of a trace by the classes that it names; they are imported, and none of them is instantiated yet."""

from collections import deque
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from modelway_server.errors import UnsafeArtifact
from modelway_server.runtimes.pickle.calls import MAKES_INSTANCE, makes_instance
from modelway_server.runtimes.pickle.held_callables import Fault, check_held, made_by
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
"""Classes whose `__setstate__` does no more than keep, or check, what it is given."""
_SETTING_PACKAGES = ("numpy.", "pandas.")
"""Packages of whose listed classes the same is true."""
_CONTENTS = {"xgboost.core.Booster": bytes, "lightgbm.basic.Booster": str}
"""Boosters, and what their `handle` is in a file; a number would be taken for an address."""
_CALLED = (np.generic, np.dtype, BaseEstimator)
"""Classes that a model may call with what it holds or is asked: they convert it, or keep it and no more."""
_SPLINES = "scipy.interpolate._fitpack2"
"""Its splines keep their own class; made anew, they look at what they are given."""
_CALLED_PACKAGES = frozenset({"builtins", "collections", "datetime", "decimal", "fractions", "uuid"})


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
                _check_instance(node, trust)
                _check_arguments(node, trust)
            else:
                _check_classes(node, trust)
        except Fault as fault:
            raise _refused(trace, fault.rule, str(fault), node) from None


def _check_instance(node: Call, trust: Trust) -> None:
    made = class_of(node)
    if made is None or trust.covers(made_by(node)):
        return
    _check_base(node, made)
    if node.items and not issubclass(made, dict | list | deque):
        raise Fault(Rule.STATE, f"the file puts items into a {clip(made.__qualname__)}, which is no container")
    _check_setter(node, made)
    for state in _states(node.state):
        _check_attributes(state, made)
        _check_content(state, made)
        check_held(state, made, trust)


def _check_base(node: Call, made: type) -> None:
    """`copyreg._reconstructor` fills an instance as what its class builds on."""
    if not isinstance(node.function, Global) or node.function.full != "copyreg._reconstructor":
        return
    base = arguments(node)[1].value
    if not issubclass(made, base):
        raise Fault(
            Rule.ARGUMENTS, f"the file makes a {clip(made.__qualname__)} out of a {base.__name__}, which it is not"
        )


def _check_setter(node: Call, made: type) -> None:
    """A class that takes its state by code of its own is one of those whose code is known."""
    owner = next((each for each in made.__mro__ if "__setstate__" in vars(each)), None)
    name = f"{owner.__module__}.{owner.__qualname__}" if owner is not None else ""
    known = name in _SETTERS or name.startswith(_SETTING_PACKAGES)
    if isinstance(node.function, Global) and not node.new and node.function.full not in MAKES_INSTANCE:
        return  # a function that rebuilds instances, whose state has a rule of its own
    if node.has_state and name and not known:
        raise Fault(Rule.STATE, f"the file sets the state of {clip(name)}, which does more than keep it")


def class_of(call: Call) -> type | None:
    """The class of which a call makes an instance; None where it calls a function."""
    function: Any = call.function
    if isinstance(function, Global) and makes_instance(function.full):
        function = arguments(call)[0]
    found = getattr(function, "value", None)
    return found if isinstance(found, type) else None


def _refused(trace: Trace, rule: Rule, what: str, node: Node) -> UnsafeArtifact:
    path = path_of(trace.root, node)
    return refuse(rule, f"{what}, at {path}" if path else what, node.at)


def _check_classes(node: Node, trust: Trust) -> None:
    """Classes that are held as data: a model may call any of them, at whatever attribute it keeps it."""
    for child in inside(node):
        if isinstance(child, Global):
            _check_held_class(child, trust)


def _check_held_class(held: Global, trust: Trust) -> None:
    found = held.value
    if not isinstance(found, type) or trust.covers(held.full):
        return
    plain = found.__module__ in _CALLED_PACKAGES and found is not bytearray
    plain = plain or found.__module__ == _SPLINES
    if not plain and not issubclass(found, _CALLED):
        raise Fault(Rule.FUNCTIONS, f"the file holds the class {clip(held.full)} as data")


def _check_arguments(node: Call, trust: Trust) -> None:
    """What the state and the items of an object are; its arguments have rules of their own."""
    for child in (node.state, *(node.items or ())):
        if isinstance(child, Global):
            _check_held_class(child, trust)


def _check_content(state: Dict, made: type) -> None:
    content = next(
        (_CONTENTS[name] for each in made.__mro__ if (name := f"{each.__module__}.{each.__qualname__}") in _CONTENTS),
        None,
    )
    for key, value in state.pairs() if content else ():
        if key not in {"handle", "_handle"} or (value is None and content is bytes):
            continue
        if not (type(value) is str if content is str else size_of(value) is not None):
            raise Fault(Rule.ARGUMENTS, f"the file sets {key} of a {made.__qualname__} to what is no saved booster")


def _check_attributes(state: Dict, made: type) -> None:
    """No attribute of an instance hides what its class can do."""
    for key in state.items[::2]:
        if type(key) is not str:
            raise Fault(Rule.STATE, f"the file sets an attribute of {clip(made.__qualname__)} that is no name")
        if _is_hidden(made, key):
            raise Fault(
                Rule.ATTRIBUTES, f"the file sets {clip(key)} of {clip(made.__qualname__)}, which is a method of it"
            )


def _states(state: Value) -> list[Dict]:
    if isinstance(state, Tuple):
        return [item for item in state.items if isinstance(item, Dict)]
    return [state] if isinstance(state, Dict) else []


def _is_hidden(made: type, key: str) -> bool:
    """Whether an attribute of an instance would be found in the place of a method of its class."""
    found = next((vars(each)[key] for each in made.__mro__ if key in vars(each)), None)
    if found is None or isinstance(found, cached_property | type):
        return False
    descriptor = hasattr(type(found), "__get__") and not hasattr(type(found), "__set__")
    return callable(found) or descriptor
