"""Check that fitted trees of scikit-learn agree with themselves, because compiled code goes to a child without a check."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.runtimes.file_checks.clauses import State, hold, within


def tree(state: State) -> None:
    """`sklearn.tree._tree.Tree`: nodes come before their children, so no path is a loop."""
    nodes, values = state["nodes"], state["values"]
    hold(state["node_count"] == len(nodes) == len(values) > 0, "node_count is not the number of nodes")
    inner = nodes["left_child"] != -1
    hold(np.all(nodes["right_child"][~inner] == -1), "a leaf has a child")
    _children(np.flatnonzero(inner), nodes["left_child"][inner], nodes["right_child"][inner], len(nodes))
    hold(not inner.any() or nodes["feature"][inner].min() >= 0, "a column is negative")
    depth = _depth(nodes["left_child"], nodes["right_child"])
    hold(depth <= state["max_depth"] < 2**31, "max_depth is not its depth")


def _children(parents: NDArray[Any], left: NDArray[Any], right: NDArray[Any], count: int) -> None:
    both = np.concatenate((left, right)).astype(np.int64)
    hold(np.all((both > np.tile(parents, 2)) & (both < count)), "a child is not behind its node")
    hold(len(np.unique(both)) == len(both), "a node is the child of two")


def _depth(left: NDArray[Any], right: NDArray[Any]) -> int:
    """Return the steps from the root to the farthest leaf. Each node of the tree must have one parent."""
    depth, level = -1, np.zeros(1, dtype=np.int64)
    while level.size:
        depth += 1
        inner = level[left[level] != -1]
        level = np.concatenate((left[inner], right[inner]))
    return depth


def histogram_tree(state: State) -> None:
    """`TreePredictor` of histogram gradient boosting."""
    nodes = state["nodes"]
    hold(len(nodes) > 0, "there are no nodes")
    inner = nodes["is_leaf"] == 0
    _children(np.flatnonzero(inner), nodes["left"][inner], nodes["right"][inner], len(nodes))
    categorical = inner & (nodes["is_categorical"] != 0)
    for sets in ("raw_left_cat_bitsets", "binned_left_cat_bitsets"):
        table = state[sets]
        hold(table.ndim == 2 and table.shape[1] == 8 and table.dtype == np.uint32, f"{sets} is no table of bits")
        within(nodes["bitset_idx"][categorical], len(table), "bitset_idx")
    hold(not inner.any() or nodes["feature_idx"][inner].min() >= 0, "a column is negative")
