"""Build ONNX graphs that compute in float64 what scikit-learn's own loops compute, with sums in the same order.

Source: ONNX, operators `TreeEnsemble` (ai.onnx.ml, version 5), `MatMul`, `Add` and `Cast`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper

MAX_NODES = 30_000_000
"""Nodes of all trees. A larger graph comes near the limit of protobuf messages, 2 GiB."""
BYTES_PER_NODE = 400
"""The approximate peak of memory for building and trying a graph."""
_ML = "ai.onnx.ml"
_LESS_OR_EQUAL = 0
_COLUMNS = (
    "nodes_truenodeids",
    "nodes_falsenodeids",
    "nodes_trueleafs",
    "nodes_falseleafs",
    "nodes_splits",
    "nodes_featureids",
    "nodes_missing_value_tracks_true",
    "leaf_targetids",
    "leaf_weights",
)
"""Attributes of a `TreeEnsemble` with an entry for each split or leaf."""
_SUM = 1


@dataclass(frozen=True)
class Tree:
    """One tree, each leaf of which adds to one score. The arrays have an entry for each node; node 0 is the root.

    Attributes:
        left: the child for `value <= threshold`; -1 for a leaf.
        right: the other child.
        feature: the column that the node compares.
        threshold: the number that it compares with, float64.
        missing_left: whether a missing value goes left.
        score: the score that a leaf adds to.
        weight: the number that a leaf adds.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.uint8]
    score: NDArray[np.int64]
    weight: NDArray[np.float64]


def stump(score: int, weight: float) -> Tree:
    """Return a tree that adds the same to every row. Its root splits between equal leaves, since a root must be a split."""
    return Tree(
        left=np.array([1, -1, -1]),
        right=np.array([2, -1, -1]),
        feature=np.zeros(3, dtype=np.int64),
        threshold=np.zeros(3),
        missing_left=np.zeros(3, dtype=np.uint8),
        score=np.full(3, score),
        weight=np.full(3, weight),
    )


def forest_graph(trees: Sequence[Tree], *, scores: int, width: int, single: bool) -> bytes:
    """Build the graph that sums the leaves of trees: a serialized model from `rows` to `scores`.

    Args:
        trees: in the order of the sum.
        scores: the number of sums.
        width: the number of columns.
        single: whether the graph rounds rows to float32 before it compares them.
    """
    rows = "rows"
    nodes: list[NodeProto] = []
    if single:
        nodes.append(helper.make_node("Cast", [rows], ["rounded"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Cast", ["rounded"], ["compared"], to=TensorProto.DOUBLE))
        rows = "compared"
    ensemble = helper.make_node("TreeEnsemble", [rows], ["scores"], domain=_ML, n_targets=scores)
    for name, value in _attributes(trees):  # one by one, since lists of Python integers are large
        _add_attribute(ensemble, name, value)
    nodes.append(ensemble)
    return _model(nodes, [], width, scores)


def linear_graph(coef: NDArray[np.float64], intercept: NDArray[np.float64], *, single: bool = False) -> bytes:
    """Build the graph of `rows @ coef + intercept`: a serialized model from `rows` to `scores`.

    Args:
        coef: [columns, scores].
        intercept: [scores].
        single: whether the graph computes in float32.
    """
    rows, scores, dtype = ("rounded", "sums", np.float32) if single else ("rows", "scores", np.float64)
    nodes = [
        helper.make_node("MatMul", [rows, "coef"], ["product"]),
        helper.make_node("Add", ["product", "intercept"], [scores]),
    ]
    if single:
        nodes.insert(0, helper.make_node("Cast", ["rows"], [rows], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Cast", [scores], ["scores"], to=TensorProto.DOUBLE))
    arrays = {"coef": coef, "intercept": intercept}
    constants = [numpy_helper.from_array(array.astype(dtype), name) for name, array in arrays.items()]
    return _model(nodes, constants, coef.shape[0], coef.shape[1])


def _add_attribute(node: NodeProto, name: str, value: Any) -> None:
    """Add an attribute. `helper.make_attribute` would look at each of millions of integers, and they would be copied once more."""
    if isinstance(value, list):
        node.attribute.add(name=name, type=AttributeProto.INTS).ints.extend(value)
    else:
        node.attribute.append(helper.make_attribute(name, value))


def _attributes(trees: Sequence[Tree]) -> Iterator[tuple[str, Any]]:
    """Put all trees into one table of splits and one of leaves. A child's number is its place in its own table."""
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in _COLUMNS}
    roots, splits, leaves = [], 0, 0
    for tree in trees:
        is_leaf = tree.left < 0
        place = np.empty(len(is_leaf), dtype=np.int64)
        place[~is_leaf] = np.arange(splits, splits + int((~is_leaf).sum()))
        place[is_leaf] = np.arange(leaves, leaves + int(is_leaf.sum()))
        left, right = tree.left[~is_leaf], tree.right[~is_leaf]
        added: tuple[NDArray[Any], ...] = (place[left], place[right], is_leaf[left], is_leaf[right])
        added += (tree.threshold[~is_leaf], tree.feature[~is_leaf], tree.missing_left[~is_leaf])
        added += (tree.score[is_leaf], tree.weight[is_leaf])
        for column, values in zip(columns.values(), added, strict=True):
            column.append(values)
        roots.append(splits)
        splits, leaves = splits + len(left), leaves + int(is_leaf.sum())
    yield "aggregate_function", _SUM
    yield "tree_roots", roots
    yield "nodes_modes", numpy_helper.from_array(np.full(splits, _LESS_OR_EQUAL, dtype=np.uint8), "modes")
    for name in _COLUMNS:
        values = np.concatenate(columns.pop(name))
        floats = values.dtype.kind == "f"
        yield name, numpy_helper.from_array(values.astype(np.float64), name) if floats else values.astype(int).tolist()


def _model(nodes: list[NodeProto], constants: list[TensorProto], width: int, scores: int) -> bytes:
    graph = helper.make_graph(
        nodes,
        "modelway",
        [helper.make_tensor_value_info("rows", TensorProto.DOUBLE, [None, width])],
        [helper.make_tensor_value_info("scores", TensorProto.DOUBLE, [None, scores])],
        constants,
    )
    versions = [helper.make_opsetid("", 21), helper.make_opsetid(_ML, 5)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=10)
    return bytes(model.SerializeToString())
