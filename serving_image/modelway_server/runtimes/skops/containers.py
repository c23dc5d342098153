"""Loaders of skops for Python's own objects: constants, containers, names, slices and bytes."""

import json
from collections.abc import Mapping
from typing import Any

from modelway_server.runtimes.pickle.allowed_names import Kind, kinds
from modelway_server.runtimes.pickle.refusal import Rule, clip
from modelway_server.runtimes.pickle.trace import Call, Dict, Global, List, Set, Tuple, Value, Way
from modelway_server.runtimes.skops.reader import Entry, Handler, Reader

_NUMPY_INTEGERS = (
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "longlong",
    "ulonglong",
    "intc",
)
_WHOLE = {"builtins.int", *(f"numpy.{name}" for name in (*_NUMPY_INTEGERS, "uintc", "int_", "uint"))}
_REAL = {"builtins.float", *(f"numpy.{name}" for name in ("float16", "float32", "float64", "longdouble"))}
_TEXT = {"builtins.str", "numpy.str_"}
_TRUTH = {"builtins.bool", "numpy.bool", "numpy.bool_"}
_MAX_NUMBER = 4000
"""Digits of a whole number; Python reads no more."""


def _constant(reader: Reader, entry: Entry) -> Value:
    try:
        value = json.loads(entry.fields("content", str))
    except (ValueError, RecursionError) as error:
        raise reader.damage("a constant that is no JSON", entry) from error
    if not isinstance(value, str | int | float | None):
        raise reader.damage("a constant that is none", entry)
    return value


def _list(reader: Reader, entry: Entry) -> Value:
    return _container(reader, entry, "builtins.list", List, Way.APPEND)


def _set(reader: Reader, entry: Entry) -> Value:
    return _container(reader, entry, "builtins.set", Set, Way.ADD)


def _container(reader: Reader, entry: Entry, plain: str, kind: type[List | Set], way: Way) -> Value:
    items = children(reader, entry, entry.fields("content", list))
    if f"{entry.module}.{entry.name}" == plain:
        return reader.fill(reader.add(kind([]), entry), way, items, entry)
    return reader.fill(_empty(reader, entry), way, items, entry)


def _tuple(reader: Reader, entry: Entry) -> Value:
    """Read a tuple or a named tuple."""
    items = children(reader, entry, entry.fields("content", list))
    if (entry.module, entry.name) == ("builtins", "tuple"):
        return reader.add(Tuple(items), entry)
    return reader.call(reader.name(entry.module, entry.name, entry), items, entry, new=True)


def _dict(reader: Reader, entry: Entry) -> Value:
    items = pairs(reader, entry)
    if (entry.module, entry.name) == ("builtins", "dict"):
        return reader.fill(reader.add(Dict([]), entry), Way.SET, items, entry)
    return reader.fill(_empty(reader, entry), Way.SET, items, entry)


def _default_dict(reader: Reader, entry: Entry) -> Value:
    content = entry.fields("content", dict)
    main = reader.child(content.get("main"), entry.at, "content.main")
    factory = reader.child(content.get("default_factory"), entry.at, "content.default_factory")
    if not isinstance(main, Dict):
        raise reader.damage("a defaultdict of no dictionary", entry)
    result = reader.call(reader.name("collections", "defaultdict", entry), [factory], entry)
    return reader.fill(result, Way.SET, list(main.items), entry)


def _empty(reader: Reader, entry: Entry) -> Call:
    """Make an empty object of a class that derives from a container, as a pickle does."""
    function = reader.name(entry.module, entry.name, entry)
    return reader.call(function, [], entry, new=Kind.REBUILD not in kinds(function.full))


def children(reader: Reader, entry: Entry, states: list[Any]) -> list[Value]:
    """Return the values of a list of nodes."""
    items = []
    for index, state in enumerate(states):
        items.append(reader.child(state, entry.at, index))
    return items


def pairs(reader: Reader, entry: Entry) -> list[Value]:
    """Return keys and values in turn. Keys are texts of JSON, and `key_types` holds their types."""
    content, types = entry.fields("content", dict), _key_types(reader, entry)
    if len(types) != len(content):
        raise reader.damage("as many types of keys as there are keys are missing", entry)
    items: list[Value] = []
    for (text, state), kind in zip(content.items(), types, strict=True):
        items.append(_key(reader, entry, text, kind))
        items.append(reader.child(state, entry.at, f"content.{text}"))
        if text == "_sklearn_version" and isinstance(items[-1], str):
            reader.sklearn_version = items[-1]
    return items


def _key_types(reader: Reader, entry: Entry) -> list[str]:
    """Return the names of the types of keys. They are read and never looked up."""
    state = entry.fields("key_types", dict)
    if state.get("__loader__") != "ListNode" or not isinstance(state.get("content"), list):
        raise reader.damage("types of keys that are no list", entry)
    types = [type_ for type_ in state["content"] if isinstance(type_, dict) and type_.get("__loader__") == "TypeNode"]
    if len(types) != len(state["content"]):
        raise reader.refuse(Rule.ARGUMENTS, "the file has keys of what is no type", entry)
    return [f"{type_.get('__module__')}.{type_.get('__class__')}" for type_ in types]


def _key(reader: Reader, entry: Entry, text: str, kind: str) -> Value:
    try:
        if kind in _TEXT:
            return text
        if kind in _WHOLE and len(text) <= _MAX_NUMBER:
            return int(text)
        if kind in _REAL:
            return float(text)
        if kind in _TRUTH:
            return {"true": True, "false": False}[text]
        if kind == "builtins.NoneType":
            return {"null": None}[text]
    except (ValueError, KeyError) as error:
        raise reader.damage(f"the key {clip(text)!r} is no {clip(kind)}", entry) from error
    raise reader.refuse(Rule.ARGUMENTS, f"the file has a key of the type {clip(kind)}, which no dictionary has", entry)


def _name(reader: Reader, entry: Entry) -> Global:
    return reader.name(entry.module, entry.name, entry)


def _function(reader: Reader, entry: Entry) -> Global:
    content = entry.state.get("content")
    if reader.protocol == 0 and isinstance(content, dict):
        module, name = content.get("module_path"), content.get("function")
        if not isinstance(module, str) or not isinstance(name, str):
            raise reader.damage("a function without a name", entry)
        return reader.name(module, name, entry)
    return _name(reader, entry)


def _slice(reader: Reader, entry: Entry) -> Value:
    content = entry.fields("content", dict)
    parts = [content.get(key) for key in ("start", "stop", "step")]
    if not all(part is None or isinstance(part, int | str) for part in parts):
        raise reader.damage("a slice of neither numbers nor names", entry)
    return reader.call(reader.name("builtins", "slice", entry), parts, entry)


def _bytes(reader: Reader, entry: Entry) -> Value:
    return reader.archive.read(entry.field("file"))


def _bytearray(reader: Reader, entry: Entry) -> Value:
    return bytearray(reader.archive.read(entry.field("file")))


HANDLERS: Mapping[str, Handler] = {
    "JsonNode": _constant,
    "ListNode": _list,
    "SetNode": _set,
    "TupleNode": _tuple,
    "DictNode": _dict,
    "DefaultDictNode": _default_dict,
    "TypeNode": _name,
    "FunctionNode": _function,
    "SliceNode": _slice,
    "BytesNode": _bytes,
    "BytearrayNode": _bytearray,
}
