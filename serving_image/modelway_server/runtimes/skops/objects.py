"""Loaders of skops for objects: those with a state, results of calls, and callables that hold arguments."""

from collections.abc import Mapping

from modelway_server.runtimes.pickle.refusal import Rule, clip
from modelway_server.runtimes.pickle.trace import Call, Dict, Tuple, Value
from modelway_server.runtimes.skops.reader import Entry, Handler, Reader

_TREE = ("sklearn.tree._tree", "Tree")
_SEARCH = {"sklearn.metrics._dist_metrics", "sklearn.neighbors._ball_tree", "sklearn.neighbors._kd_tree"}
"""Modules with a function of their own that makes instances, also in pickles. Native code trusts their states."""
_QUANTILE_FOREST = ("quantile_forest._quantile_forest_fast", "QuantileForest")


def _object(reader: Reader, entry: Entry) -> Value:
    name = reader.name(entry.module, entry.name, entry)
    if entry.module in _SEARCH:
        result = reader.call(reader.name(entry.module, "newObj", entry), [name], entry)
    else:
        result = reader.call(name, [], entry, new=True)
    content = entry.state.get("content")
    state = None if content is None else reader.child(content, entry.at, "content")
    return result if state is None else reader.build(result, state, entry)


def _construct(reader: Reader, entry: Entry) -> Value:
    arguments = reader.child(entry.field("content"), entry.at, "content")
    return _call(reader, entry, (entry.module, entry.name), arguments)


def _loss(reader: Reader, entry: Entry) -> Value:
    return _reduce(reader, entry, (entry.module, entry.name))


def _tree(reader: Reader, entry: Entry) -> Value:
    return _reduce(reader, entry, _TREE)


def _quantile_forest(reader: Reader, entry: Entry) -> Value:
    return _reduce(reader, entry, _QUANTILE_FOREST)


def _reduce(reader: Reader, entry: Entry, function: tuple[str, str]) -> Value:
    """Read an object that a call makes and a state completes, as `__reduce__` returns both."""
    state = reader.child(entry.field("content"), entry.at, "content")
    arguments = reader.child(entry.fields("__reduce__", dict).get("args"), entry.at, "__reduce__.args")
    result = _call(reader, entry, function, arguments)
    empty = state is None or (isinstance(state, Dict | Tuple) and not state.items)
    return result if empty else reader.build(result, state, entry)


def _call(reader: Reader, entry: Entry, function: tuple[str, str], arguments: Value) -> Call:
    if not isinstance(arguments, Tuple):
        raise reader.damage("arguments that are no tuple", entry)
    return reader.call(reader.name(*function, entry), list(arguments.items), entry)


def _partial(reader: Reader, entry: Entry) -> Value:
    """Read `functools.partial` as its pickle would be: a call with the function, and a state with all parts."""
    content = entry.fields("content", dict)
    function = reader.child(content.get("func"), entry.at, "content.func")
    arguments = reader.child(content.get("args"), entry.at, "content.args")
    keywords = reader.child(content.get("kwds"), entry.at, "content.kwds")
    namespace = reader.child(content.get("namespace"), entry.at, "content.namespace")
    result = reader.call(reader.name("functools", "partial", entry), [function], entry)
    if isinstance(namespace, Dict) and not namespace.items:
        namespace = None
    state = reader.add(Tuple([function, arguments, keywords, namespace]), entry)
    return reader.build(result, state, entry)


def _operator(reader: Reader, entry: Entry) -> Value:
    arguments = reader.child(entry.field("attrs"), entry.at, "attrs")
    return _call(reader, entry, ("operator", entry.name), arguments)


def _method(reader: Reader, entry: Entry) -> Value:
    content = entry.fields("content", dict)
    what = f"{clip(entry.module)}.{clip(entry.name)}.{clip(str(content.get('func')))}"
    raise reader.refuse(Rule.METHODS, f"the file holds a method of an object, {what}", entry)


HANDLERS: Mapping[str, Handler] = {
    "ObjectNode": _object,
    "ConstructorFromReduceNode": _construct,
    "LossNode": _loss,
    "TreeNode": _tree,
    "QuantileForestNode": _quantile_forest,
    "PartialNode": _partial,
    "OperatorFuncNode": _operator,
    "MethodNode": _method,
}
