"""Walk through the values that the root of a trace leads to, and find the path to each."""

from collections.abc import Callable, Iterator

from modelway_server.runtimes.pickle.refusal import Rule, clip, refuse
from modelway_server.runtimes.pickle.trace import Build, Call, Dict, Extend, Global, Items, Node, Trace, Tuple, Value

MAX_DEPTH = 3000
"""Levels of values inside each other. An object in an object takes three, and Python's writer stops at a thousand objects."""
_MAX_PATH = 200


def prune(trace: Trace, is_left_out: Callable[[str], bool]) -> list[Node]:
    """Keep only the steps that the root needs, and return the nodes of the root.

    A tuple of arguments is no value of its own. Its items are among the nodes, and the tuple is not.

    Args:
        trace: the trace of the file.
        is_left_out: whether objects of a class are made without the contents that the file gives them.

    Raises:
        UnsafeArtifact: values are nested too deep.
    """
    emptied = {id(step) for step in trace.steps if isinstance(step, Call) and _strip(step, is_left_out)}
    nodes = list(_nodes(trace.root))
    ids = {id(node) for node in nodes}
    filled = ids - emptied
    trace.steps = [
        step
        for step in trace.steps
        if (id(step.target) in filled if isinstance(step, Extend | Build) else id(step) in ids)
    ]
    return nodes


def _strip(call: Call, is_left_out: Callable[[str], bool]) -> bool:
    """Remove all but the class from a call, if the contents of such objects are left out. Say whether that was so."""
    kind = call.function
    if isinstance(kind, Global) and kind.full.startswith("copyreg."):
        kind = next(iter(arguments(call)), None)
    if not isinstance(kind, Global) or not is_left_out(kind.full):
        return False
    call.function, call.arguments, call.keywords = kind, Tuple([]), None
    call.state, call.has_state, call.items = None, False, None
    return True


def _nodes(root: Value) -> Iterator[Node]:
    if not isinstance(root, Node):
        return
    ids = {id(root)}
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise refuse(Rule.BOUNDS, f"the file nests deeper than {MAX_DEPTH} levels", node.at)
        yield node
        for child in inside(node):
            if id(child) not in ids:
                ids.add(id(child))
                waiting.append((child, depth + 1))


def inside(node: Node) -> list[Node]:
    """Return the nodes that a node holds. A call holds its function, arguments, keywords, state and items."""
    if isinstance(node, Items | Dict):
        return [item for item in node.items if isinstance(item, Node)]
    if not isinstance(node, Call):
        return []
    values = [node.function, *arguments(node), node.state, *(node.items or ())]
    if isinstance(node.keywords, Dict):
        values += node.keywords.items
    return [item for item in values if isinstance(item, Node)]


def arguments(call: Call) -> list[Value]:
    """Return the arguments of a call; none if they are no tuple, which the rules refuse."""
    return call.arguments.items if isinstance(call.arguments, Tuple) else []


def path_of(root: Value, target: Node) -> str:
    """Return the path from the root to a node (`steps[1][1].func`); empty if it is the root itself, or too far."""
    if not isinstance(root, Node) or root is target:
        return ""
    ids = {id(root)}
    waiting = [(root, "")]
    for node, path in waiting:
        for label, child in node.children():
            if child is target:
                return clip(f"{path}{label}".removeprefix("."))
            if id(child) not in ids and len(path) < _MAX_PATH:
                ids.add(id(child))
                waiting.append((child, f"{path}{label}"))
    return ""
