"""Judge a TensorFlow SavedModel before TensorFlow opens it: its graphs and functions may only use listed operations.

The list (`tensorflow_operations.txt`) holds TensorFlow's operations except those that read or write files, open
connections, run Python or feed data sets. Two functions of their own save and restore variables; they do not run while
the model answers. Source: TensorFlow's meta_graph.proto, graph.proto, function.proto, node_def.proto and attr_value.proto.

One operation may read a file: it fills a table from a vocabulary, if `saved_vocabularies` proves that the file is an asset
of the model.
"""

import mmap
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Final

from modelway_server.errors import InvalidArtifact, RuntimeVersionMismatch, UnsafeArtifact
from modelway_server.runtimes.file_checks.files_beside import fault_of
from modelway_server.runtimes.file_checks.protobuf_fields import NotAMessage, fields, only, parts, text
from modelway_server.runtimes.file_checks.saved_vocabularies import FOLDER, READERS, vocabularies
from modelway_server.runtimes.trust import Trust

TRUSTED: Final = "tensorflow.saved_model.load"
"""The name in `trustedTypes` that lets a folder load without this judgement."""
MAX_DEPTH: Final = 64
_CHUNKED: Final = "saved_model.cpb"
_SAVES: Final = frozenset({"MergeV2Checkpoints", "SaveV2", "ShardedFilename", "ShardedFilespec"})
_RESTORES: Final = frozenset({"RestoreV2"})
"""Operations on files in the functions that save and restore variables. The function that saves is never called here."""
_INFORMATION, _GRAPH, _SAVER, _SIGNATURES, _OBJECTS, _LIBRARY = 1, 2, 3, 5, 7, 2
_DISTRIBUTIONS: Final = ("tensorflow", "tensorflow-cpu")


@cache
def operations() -> frozenset[str]:
    """Return the operations that a model may have."""
    return frozenset((files(__package__) / "tensorflow_operations.txt").read_text(encoding="utf-8").split())


def judge(path: Path, trusted: Trust) -> None:
    """Check that the graphs of a folder only compute.

    Raises:
        UnsafeArtifact: a graph does more.
        RuntimeVersionMismatch: a later TensorFlow than ours saved the model, with an operation that is not listed.
        InvalidArtifact: the folder's protocol buffer is damaged.
    """
    file = path / "saved_model.pb"
    if trusted.covers(TRUSTED) or not path.is_dir():
        return
    if (path / _CHUNKED).exists():  # TensorFlow would read it instead of the other
        raise InvalidArtifact(
            f"{path.name} holds {_CHUNKED}, a form of a SavedModel that is not read here",
            remedy="Save a model of less than 2 GB, so that saved_model.pb is its only file of that kind.",
        )
    if not file.is_file():
        return
    with file.open("rb") as stream:
        content = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) if file.stat().st_size else b"")
    try:
        graphs = list(parts(content, 2))
        for graph in graphs:
            _judge_graph(graph, path, alone=len(graphs) == 1)
    except NotAMessage as error:
        raise InvalidArtifact(
            f"{path.name}/saved_model.pb is truncated or damaged ({error})",
            remedy="Upload the whole folder as it was saved.",
        ) from error


def _judge_graph(meta: memoryview, path: Path, *, alone: bool) -> None:
    graph = only(meta, _GRAPH)
    nodes = list(parts(graph, 1))
    functions = _functions(graph)
    savers = _savers(meta, nodes, functions)
    tables = _tables(meta, functions, path) if alone else frozenset()
    for place, inner in [("the graph", nodes), *((name, list(parts(body, 3))) for name, body in functions.items())]:
        allowed = operations() | functions.keys() | savers.get(place, frozenset())
        allowed |= tables if place != "the graph" else frozenset()
        for node in inner:
            names_in_node = {text(node, 2), *_functions_in(node)}
            if unknown := sorted(names_in_node - allowed):
                raise _refusal_of_newer(meta, path.name, unknown[0]) or _refusal(path.name, unknown[0], place)
            if place != "the graph" and names_in_node & savers.keys():
                raise _refusal(path.name, "that saves or restores its variables", place)


def _functions(graph: memoryview) -> dict[str, memoryview]:
    """Return the functions of a graph's library by name.

    Raises:
        NotAMessage: two functions have the same name.
    """
    functions: dict[str, memoryview] = {}
    for function in parts(only(graph, _LIBRARY), 1):
        name = text(only(function, 1), 1)
        if name in functions:
            raise NotAMessage("two functions of one name")
        functions[name] = function
    return functions


def _tables(meta: memoryview, functions: dict[str, memoryview], path: Path) -> frozenset[str]:
    """Return the operations that may fill a table from a file: all if every file is an asset of this folder, else none.

    Raises:
        UnsafeArtifact: an asset lies elsewhere, or behind a link.
        InvalidArtifact: an asset is not there.
    """
    if not any(text(node, 2) in READERS for body in functions.values() for node in parts(body, 3)):
        return frozenset()
    names = vocabularies(meta, functions)
    for name in names or ():
        fault = "which leads out of it" if name.startswith("/") else fault_of(path, f"{FOLDER}/{name}")
        if fault == "which is not there":
            raise InvalidArtifact(
                f"the SavedModel {path.name} fills a table from {FOLDER}/{name[:200]}, {fault}",
                remedy=f"Upload the whole folder as it was saved, with {FOLDER}/.",
            )
        if fault is not None:
            raise UnsafeArtifact(
                f"the SavedModel {path.name} fills a table from {FOLDER}/{name[:200]}, {fault}",
                remedy="Save the model with tf.saved_model.save or Keras' export, which copies vocabularies into the folder, and upload it whole.",
            )
    return frozenset() if names is None else READERS


def _savers(meta: memoryview, nodes: list[memoryview], functions: dict[str, memoryview]) -> dict[str, frozenset[str]]:
    """Return the functions that save and restore variables, with the operations of each.

    Only the node that the saver names calls such a function. Nothing else needs that node, and no object of the program
    refers to the function.
    """
    callers: dict[str, set[str]] = {}
    for node in nodes:
        for called in {text(node, 2), *_functions_in(node)} & functions.keys():
            callers.setdefault(called, set()).add(text(node, 1))
    needed = set(_needed_names(meta, nodes))
    objects = [bytes(value) for value in parts(meta, _OBJECTS)]
    operations_of: dict[str, frozenset[str]] = {}
    for saver in parts(meta, _SAVER):
        for number, operations_ in ((2, _SAVES), (3, _RESTORES)):
            name = text(saver, number).partition(":")[0]
            for called, by in callers.items():
                if by == {name} and name not in needed and not any(called.encode() in each for each in objects):
                    operations_of[called] = operations_
    return operations_of


def _needed_names(meta: memoryview, nodes: list[memoryview]) -> Iterator[str]:
    """Yield the names of nodes that other nodes or signatures need."""
    for node in nodes:
        for value in parts(node, 3):
            yield bytes(value).decode(errors="replace").lstrip("^").partition(":")[0]
    for entry in parts(meta, _SIGNATURES):
        for signature in parts(entry, 2):
            for output in parts(signature, 2):
                for info in parts(output, 2):
                    yield text(info, 1).partition(":")[0]


def _functions_in(node: memoryview) -> Iterator[str]:
    """Yield the functions, or operations in place of functions, that a node's attributes name."""
    for attribute in parts(node, 5):
        for value in parts(attribute, 2):
            yield from _function_names(value, 0)


def _function_names(value: memoryview, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        raise NotAMessage(f"functions in functions, more than {MAX_DEPTH} deep")
    for number, inner in fields(value):
        if not isinstance(inner, memoryview):
            continue
        lists = parts(inner, 9) if number == 1 else ()
        for function in (inner,) if number == 10 else lists:
            yield text(function, 1)
            for attribute in parts(function, 2):
                for each in parts(attribute, 2):
                    yield from _function_names(each, depth + 1)


def _refusal_of_newer(meta: memoryview, model: str, operation: str) -> RuntimeVersionMismatch | None:
    """Return the refusal of an operation if a later TensorFlow saved the model, since that may know the operation."""
    author_version = next((text(info, 5) for info in parts(meta, _INFORMATION)), "")
    ours = next(filter(None, map(_installed_version, _DISTRIBUTIONS)), "")
    if not ours or _numbers(author_version) <= _numbers(ours):
        return None
    return RuntimeVersionMismatch(
        f"saved with TensorFlow {author_version[:50]}, served with {ours}: {model} has the operation {operation[:100]}, which that does not know",
        remedy=f"Save the model with TensorFlow {ours}, or run a server image of a Modelway that knows {author_version[:50]}.",
    )


def _installed_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _numbers(version: str) -> list[int]:
    return [int(part) if re.fullmatch("[0-9]{1,9}", part) else 0 for part in version.split(".")[:2]]


def _refusal(model: str, what: str, place: str) -> UnsafeArtifact:
    return UnsafeArtifact(
        f"the SavedModel {model} has the operation {what[:100]} in {place[:100]}, which is none that only computes",
        remedy=f"Save the model without it (a vocabulary as a list, or by tf.saved_model.save, which makes an asset of its file); if you made it and it needs this, add {TRUSTED} to spec.model.trustedTypes.",
    )
