"""The values that the root of a trace leads to, and the path to each."""

from collections.abc import Callable, Iterator

from modelway_server.runtimes.pickle.refusal import Rule, clip, refuse
from modelway_server.runtimes.pickle.trace import Build, Call, Dict, Extend, Global, Items, Node, Trace, Tuple, Value

MAX_DEPTH = 3000
"""Values inside each other. An object in an object is three deep, and Python's writer ends at a thousand of them."""
_MAX_PATH = 200


def prune(trace: Trace, is_left_out: Callable[[str], bool]) -> list[Node]:
    """Leave only the steps that make what the root holds, and give its nodes.

    A tuple of arguments is no value of its own, so that it is not among them: its items are.

    Args:
        trace: the file's.
        is_left_out: whether objects of a class are made without all that the file says of them.

    Raises:
        UnsafeArtifact: values are nested too deep.
    """
    emptied = {id(step) for step in trace.steps if isinstance(step, Call) and _empty(step, is_left_out)}
    nodes = list(_nodes(trace.root))
    kept = {id(node) for node in nodes}
    filled = kept - emptied
    trace.steps = [
        step
        for step in trace.steps
        if (id(step.target) in filled if isinstance(step, Extend | Build) else id(step) in kept)
    ]
    return nodes


def _empty(call: Call, is_left_out: Callable[[str], bool]) -> bool:
    """Take from a call all but its class, if objects of that are left out."""
    made = call.function
    if isinstance(made, Global) and made.full.startswith("copyreg."):
        made = next(iter(arguments(call)), None)
    if not isinstance(made, Global) or not is_left_out(made.full):
        return False
    call.function, call.arguments, call.keywords = made, Tuple([]), None
    call.state, call.has_state, call.items = None, False, None
    return True


def _nodes(root: Value) -> Iterator[Node]:
    if not isinstance(root, Node):
        return
    seen = {id(root)}
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise refuse(Rule.BOUNDS, f"the file nests deeper than {MAX_DEPTH} levels", node.at)
        yield node
        for child in inside(node):
            if id(child) not in seen:
                seen.add(id(child))
                waiting.append((child, depth + 1))


def inside(node: Node) -> list[Node]:
    """The nodes that a node holds; of a call the function, the arguments, the state and the items."""
    if isinstance(node, Items | Dict):
        return [item for item in node.items if isinstance(item, Node)]
    if not isinstance(node, Call):
        return []
    held = [node.function, *arguments(node), node.state, *(node.items or ())]
    if isinstance(node.keywords, Dict):
        held += node.keywords.items
    return [item for item in held if isinstance(item, Node)]


def arguments(call: Call) -> list[Value]:
    """The arguments of a call; none where the file says no tuple, which the rules refuse."""
    return call.arguments.items if isinstance(call.arguments, Tuple) else []


def path_of(root: Value, target: Node) -> str:
    """How the root leads to a node (`steps[1][1].func`); empty where it is the root itself, or too far."""
    if not isinstance(root, Node) or root is target:
        return ""
    seen = {id(root)}
    waiting = [(root, "")]
    for node, path in waiting:
        for label, child in node.children():
            if child is target:
                return clip(f"{path}{label}".removeprefix("."))
            if id(child) not in seen and len(path) < _MAX_PATH:
                seen.add(id(child))
                waiting.append((child, f"{path}{label}"))
    return ""
