"""Breakpoints of an ONNX graph, read from its constants: splits of trees, and offsets of its first nodes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from modelway_server.runtimes.base import Breakpoints

_UNCHANGED: Final = {"Cast", "Identity"}
_LEAF: Final = b"LEAF"
MAX_SPLITS: Final = 5000
"""Nodes of trees that are looked at."""


def breakpoints_of_graph(path: Path) -> Breakpoints:
    """Values at which a graph of one matrix may change its answers, by column; none where its first nodes tell none."""
    import onnx  # noqa: PLC0415  (only where a model is tried)

    graph = onnx.load(str(path), load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [each.name for each in graph.input if each.name not in constants]
    if len(inputs) != 1:
        return {}
    by_column: dict[int, list[float]] = {}
    for column, value in _constants(graph, {inputs[0]}):
        by_column.setdefault(column, []).append(value)
    return by_column


def _constants(graph: Any, rows: set[str]) -> Iterator[tuple[int, float]]:
    """Columns and values in the nodes that take the rows as they are sent."""
    from onnx import numpy_helper  # noqa: PLC0415  (as above)

    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if not rows & set(node.input):
            continue
        attributes = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type in _UNCHANGED:
            rows = rows | set(node.output)
        elif node.op_type == "Scaler" and "offset" in attributes:
            yield from enumerate(attributes["offset"].floats)
        elif node.op_type == "Sub" and node.input[1] in constants:
            yield from enumerate(numpy_helper.to_array(constants[node.input[1]]).ravel().tolist())
        elif "nodes_featureids" in attributes:
            yield from _splits(attributes)


def _splits(attributes: dict[str, Any]) -> Iterator[tuple[int, float]]:
    values = attributes["nodes_values"].floats if "nodes_values" in attributes else ()
    if "nodes_values_as_tensor" in attributes:
        from onnx import numpy_helper  # noqa: PLC0415  (as above)

        values = numpy_helper.to_array(attributes["nodes_values_as_tensor"].t).tolist()
    nodes = zip(attributes["nodes_featureids"].ints, values, attributes["nodes_modes"].strings, strict=False)
    for _, (column, value, mode) in zip(range(MAX_SPLITS), nodes, strict=False):
        if mode != _LEAF:
            yield column, float(value)
