"""Prove that the tables of a TensorFlow SavedModel are filled from assets of the model, and from no other file.

A table's initializer reads a file whose name is an argument of a function. The file is an asset if every way to that
argument is known: functions that hand on an argument of their own, and objects of the program that are assets. Anything
else proves nothing. Source: TensorFlow's saved_object_graph.proto and function.proto, `Loader._setup_function_captures` of
saved_model/load.py, `restore_captures`, and `Asset._deserialize_from_proto`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final

from modelway_server.runtimes.file_checks.protobuf_fields import fields, only, parts, text, varints

READERS: Final = frozenset({"InitializeTableFromTextFile", "InitializeTableFromTextFileV2"})
"""Operations that fill a table from a file. Their first input is the table, and their second the name of the file."""
FOLDER: Final = "assets"
_CALLS: Final = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_ASSETS, _OBJECTS = 6, 7
_KIND_ASSET: Final = 5
_MAX_DEPTH: Final = 64
_SWAPPED: Final = "api_implements"
"""An attribute of functions that TensorFlow may exchange for each other."""


class _Unproven(Exception):
    """The name of a file may come from elsewhere."""


@dataclass
class _Function:
    """A function of the library: its arguments, and its nodes."""

    arguments: list[str]
    nodes: list[memoryview]


def vocabularies(meta: memoryview, library: Mapping[str, memoryview]) -> list[str] | None:
    """Return the files that fill tables, as names in the folder of assets; None if one may be no asset.

    Args:
        meta: the MetaGraphDef, the only one of its SavedModel.
        library: its functions by name, each a FunctionDef.

    Raises:
        NotAMessage: a part is damaged.
    """
    try:
        return sorted(_files(meta, library))
    except _Unproven:
        return None


def _files(meta: memoryview, library: Mapping[str, memoryview]) -> set[str]:
    functions = {name: _Function(_arguments(each), list(parts(each, 3))) for name, each in library.items()}
    names = _names(functions)
    for name in names:
        attributes = (text(each, 1) for each in parts(library[name], 5))
        if _SWAPPED in attributes:
            raise _Unproven
    for graph in parts(meta, 2):
        for inner in parts(graph, 2):
            gradients = chain(parts(inner, 2), parts(inner, 3))
            if any({text(each, 1), text(each, 2)} & names.keys() for each in gradients):
                raise _Unproven
    return _bound_files(meta, functions, names)


def _arguments(function: memoryview) -> list[str]:
    """Return the names of a function's arguments; none if an argument has several tensors, which proves nothing."""
    arguments = list(parts(only(function, 1), 2))
    if any(number in {5, 6} for each in arguments for number, _ in fields(each)):
        return []
    return [text(each, 1) for each in arguments]


def _names(functions: Mapping[str, _Function]) -> dict[str, set[int]]:
    """Return the arguments that become names of files, by the function.

    Raises:
        _Unproven: a name of a file is no argument.
    """
    places: dict[str, set[int]] = {}
    for name, function in functions.items():
        for node in function.nodes:
            if READERS.intersection(_functions_in(node)):
                raise _Unproven
            if text(node, 2) in READERS:
                places.setdefault(name, set()).add(_argument(function, node, 1))
    has_grown = True
    while has_grown:
        has_grown = False
        for name, function in functions.items():
            known = len(places.get(name, ()))
            for called, node in _calls_of(function, places):
                places.setdefault(name, set()).update(_argument(function, node, index) for index in set(places[called]))
            has_grown = has_grown or len(places.get(name, ())) > known
    return places


def _calls_of(function: _Function, wanted: Mapping[str, set[int]]) -> list[tuple[str, memoryview]]:
    """Return the nodes that call one of some functions.

    Raises:
        _Unproven: a node names such a function in another way.
    """
    pairs = []
    for node in function.nodes:
        operation, named = text(node, 2), set(_functions_in(node)) & wanted.keys()
        if operation in wanted:
            pairs.append((operation, node))
        if named and (operation not in _CALLS or len(named) > 1):
            raise _Unproven
        pairs += [(called, node) for called in named]
    return pairs


def _functions_in(node: memoryview) -> Iterator[str]:
    """Yield the functions that a node's attributes name, at any depth."""
    for attribute in parts(node, 5):
        for value in parts(attribute, 2):
            yield from _function_names(value, 0)


def _function_names(message: memoryview, depth: int) -> Iterator[str]:
    """Yield the names of functions in an attribute's value: its own, those of a list, and those of their attributes."""
    for number, value in fields(message):
        if not isinstance(value, memoryview):
            continue
        for function in (value,) if number == 10 else parts(value, 9) if number == 1 else ():
            yield text(function, 1)
            if depth >= _MAX_DEPTH:
                raise _Unproven
            for attribute in parts(function, 2):
                for inner in parts(attribute, 2):
                    yield from _function_names(inner, depth + 1)


def _argument(function: _Function, node: memoryview, index: int) -> int:
    """Return the place of the argument that is a node's input.

    Raises:
        _Unproven: the input is no argument, or another node has its name.
    """
    inputs = [bytes(value).decode(errors="replace") for value in parts(node, 3)]
    if index >= len(inputs) or function.arguments.count(inputs[index]) != 1:
        raise _Unproven
    if any(text(each, 1) == inputs[index] for each in function.nodes):
        raise _Unproven
    return function.arguments.index(inputs[index])


def _bound_files(meta: memoryview, functions: Mapping[str, _Function], names: Mapping[str, set[int]]) -> set[str]:
    """Return the files of the assets that such arguments are bound to.

    Raises:
        _Unproven: an argument is bound to another object, or to none.
    """
    if not any(True for _ in parts(meta, _OBJECTS)):  # TensorFlow then runs the graph itself, as its first version did
        raise _Unproven
    objects = only(meta, _OBJECTS)
    nodes, assets = list(parts(objects, 1)), [text(each, 2) for each in parts(meta, _ASSETS)]
    files: set[str] = set()
    for entry in parts(objects, 2):
        name = text(entry, 1)
        if name not in names:
            continue
        captures = [number for each in parts(entry, 2) for number in varints(each, 2)]
        first = len(functions[name].arguments) - len(captures)
        for index in names[name]:
            place = index - first
            if first < 0 or place < 0 or captures[place] >= len(nodes):
                raise _Unproven
            files.add(_asset(nodes[captures[place]], assets))
    return files


def _asset(node: memoryview, assets: list[str]) -> str:
    """Return the file of an object that is an asset and nothing else.

    Raises:
        _Unproven: the object is no asset, or more than that.
    """
    kinds = list(fields(node))
    if [number for number, _ in kinds] != [_KIND_ASSET] or not isinstance(kinds[0][1], memoryview):
        raise _Unproven
    numbers = [value for _, value in fields(kinds[0][1])]
    place = numbers[0] if numbers else 0
    if len(numbers) > 1 or not isinstance(place, int) or place >= len(assets):
        raise _Unproven
    return assets[place]
