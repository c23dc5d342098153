"""Judge an ONNX file before onnxruntime opens it: the files beside it that it reads, and its operators.

Source: ONNX's onnx.proto, "External Data"; onnxruntime's own operators and its words for external data.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modelway_server.errors import InvalidArtifact, UnsafeArtifact
from modelway_server.runtimes.file_checks.files_beside import fault_of
from modelway_server.runtimes.file_checks.protobuf_fields import NotAMessage, fields, parts, text
from modelway_server.runtimes.trust import Trust

_GRAPH, _FUNCTIONS, _TRAINING = 7, 25, 20
_DOMAINS: Final = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
"""Domains whose operators onnxruntime has. Operators of other domains are functions of the file, or of a library."""
_RUN_CODE: Final = frozenset(
    {"ATen", "ATenGrad", "ATenOp", "EPContext", "ExternOp", "PythonOp", "PythonOpGrad", "TritonOp", "TRT_Plugin"}
)
MAX_DEPTH = 64
"""Levels of graphs in attributes of nodes in graphs."""


def judge(path: Path, _: Trust) -> None:
    """Check that a file reads only regular files in its own folder, and uses only operators that onnxruntime has.

    Raises:
        UnsafeArtifact: the file reads another file, or runs code.
        InvalidArtifact: the file is no ONNX file, or uses an unknown operator.
    """
    with path.open("rb") as file:
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    try:
        references = list(_references(content))
    except NotAMessage as error:
        raise InvalidArtifact(f"{path.name} is an ONNX model that is truncated or damaged ({error})") from error
    own = {name for kind, name in references if kind == "function"}
    for kind, name in references:
        if kind == "data":
            _check_data(path, name)
        elif kind == "operator" and name not in own:
            _check_operator(path, name)


def _references(model: memoryview) -> Iterator[tuple[str, str]]:
    """Yield kind and name of each operator, function and location of data in a model."""
    for number, value in fields(model):
        if not isinstance(value, memoryview):
            continue
        if number == _GRAPH:
            yield from _graph(value, 0)
        elif number == _FUNCTIONS:
            yield "function", f"{text(value, 10)}::{text(value, 1)}"
            for node in parts(value, 7):
                yield from _node(node, 0)
            for attribute in parts(value, 11):
                yield from _attribute(attribute, 0)
        elif number == _TRAINING:
            for each in (1, 2):
                for graph in parts(value, each):
                    yield from _graph(graph, 0)


def _graph(graph: memoryview, depth: int) -> Iterator[tuple[str, str]]:
    if depth > MAX_DEPTH:
        raise NotAMessage(f"graphs in graphs, more than {MAX_DEPTH} deep")
    for number, value in fields(graph):
        if not isinstance(value, memoryview):
            continue
        if number == 1:
            yield from _node(value, depth)
        elif number == 5:
            yield from _tensor(value)
        elif number == 15:
            yield from _sparse(value)


def _node(node: memoryview, depth: int) -> Iterator[tuple[str, str]]:
    yield "operator", f"{text(node, 7)}::{text(node, 4)}"
    for attribute in parts(node, 5):
        yield from _attribute(attribute, depth)


def _attribute(attribute: memoryview, depth: int) -> Iterator[tuple[str, str]]:
    for number, value in fields(attribute):
        if not isinstance(value, memoryview):
            continue
        if number in {5, 10}:
            yield from _tensor(value)
        elif number in {6, 11}:
            yield from _graph(value, depth + 1)
        elif number in {22, 23}:
            yield from _sparse(value)


def _sparse(tensor: memoryview) -> Iterator[tuple[str, str]]:
    for number in (1, 2):
        for part in parts(tensor, number):
            yield from _tensor(part)


def _tensor(tensor: memoryview) -> Iterator[tuple[str, str]]:
    for entry in parts(tensor, 13):
        if text(entry, 1) == "location":
            yield "data", text(entry, 2)


def _check_operator(path: Path, name: str) -> None:
    domain, _, operator = name.partition("::")
    if operator in _RUN_CODE:
        raise UnsafeArtifact(
            f"{path.name} has the operator {operator}, which runs code or reads files that the model names",
            remedy="Export the model with ONNX's own operators alone.",
        )
    if domain not in _DOMAINS and not domain.startswith(("ai.onnx.", "com.microsoft.", "com.ms.internal.")):
        raise InvalidArtifact(
            f"{path.name} has the operator {operator[:100]} of {domain[:100]!r}, which onnxruntime does not hold",
            remedy=f"Export the model with operators of {', '.join(_DOMAINS[1:])} only, or expand the function in the graph.",
        )


def _check_data(path: Path, location: str) -> None:
    """Check a file of weights beside the model: it must be regular, inside the folder, and without a second name elsewhere."""
    if (fault := fault_of(path.parent, location)) is not None:
        raise UnsafeArtifact(
            f"{path.name} keeps weights in {location[:200]!r}, {fault}",
            remedy="Save the model with onnx.save(model, path, save_as_external_data=True), and upload its whole folder.",
        )
