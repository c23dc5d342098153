"""Import the judged names of a trace. Nothing that a file names is imported before."""

import importlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from modelway_server.runtimes.pickle.allowed_names import kinds
from modelway_server.runtimes.pickle.joblib_arrays import WRAPPER
from modelway_server.runtimes.pickle.refusal import Rule, clip, refuse
from modelway_server.runtimes.pickle.substitutes import MEMMAPS, UNUSED, is_distribution, stand_in, train
from modelway_server.runtimes.pickle.trace import Global, Node
from modelway_server.runtimes.trust import Trust


def resolve(nodes: Iterable[Node], trust: Trust) -> None:
    """Set the `value` of every `Global` to the class or function that it names.

    Args:
        nodes: the nodes of a judged trace.
        trust: names that are allowed beside the lists.

    Raises:
        UnsafeArtifact: a name in a trusted package leads to an object of another package.
        ModuleNotFoundError: the module is not installed.
        AttributeError: the module has no such name.
    """
    values: dict[tuple[str, str], Any] = {}
    for node in nodes:
        if isinstance(node, Global):
            key = node.module, node.name
            if key not in values:
                values[key] = _look_up(node, trust)
            node.value = values[key]


def _look_up(node: Global, trust: Trust) -> Any:
    full = node.full
    if full in MEMMAPS:
        return np.ndarray
    if full == WRAPPER:
        return None
    if is_distribution(full) and not trust.covers(full):
        return stand_in
    if full in UNUSED:
        return train
    value = importlib.import_module(node.module)
    for part in node.name.split("."):
        if not hasattr(value, part):
            raise AttributeError(f"Can't get attribute '{node.name}' on <module '{node.module}'>")
        value = getattr(value, part)
    if full not in trust.extra and not _is_own(node, value, trust):
        what = f"the file names {clip(full)}, which is {clip(_own_name(value))}"
        raise refuse(Rule.NAMES, what, node.at, name=_own_name(value))
    return value


def _is_own(node: Global, value: Any, trust: Trust) -> bool:
    """Whether an object belongs to its name. A module also holds objects that it only imported."""
    own = _own_name(value)
    if not own or own == node.full or trust.covers(own) or kinds(own):
        return True
    return bool(kinds(node.full)) and own.partition(".")[0] == node.module.partition(".")[0]


def _own_name(value: Any) -> str:
    home, own = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    return f"{home}.{own}" if isinstance(home, str) and isinstance(own, str) else ""
