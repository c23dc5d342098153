"""Join the trees of a forest into one tree of scikit-learn, so that one call answers a few rows by all trees.

A call of a tree costs 2 us before it reads a row, so a hundred trees cost 200 us for one row. The joined tree reads one
more column, the number of a tree. Its upper nodes lead by that number to the roots of the trees, whose own nodes follow
unchanged. Each row is there once for each tree.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree._tree import Tree

MAX_NODES = 1 << 18
"""Nodes of all trees. The joined tree is a copy, of 64 bytes a node and 8 for each of its classes."""
MAX_CELLS = 1 << 13
"""Rows times trees. With more of them, copies of the rows cost more than a call of each tree."""


class JoinedTrees:
    """Trees with the same columns and one output, joined into one tree.

    Args:
        trees: `tree_` of fitted decision trees.
    """

    def __init__(self, trees: Sequence[Any]) -> None:
        self._count = len(trees)
        self._numbers = np.arange(self._count, dtype=np.float32)[:, None]
        first = trees[0]
        nodes, values = _join([tree.__getstate__() for tree in trees], column=first.n_features)
        self._tree = Tree(first.n_features + 1, first.n_classes, first.n_outputs)
        depth = max(tree.max_depth for tree in trees) + self._count.bit_length()
        self._tree.__setstate__({"max_depth": depth, "node_count": len(nodes), "nodes": nodes, "values": values})

    @staticmethod
    def suit(trees: Sequence[Any]) -> bool:
        """Whether a copy of the trees is small enough."""
        return sum(int(tree.node_count) for tree in trees) <= MAX_NODES

    def suits(self, rows: int) -> bool:
        """Whether one call of the joined tree answers so many rows faster than one call for each tree."""
        return rows * self._count <= MAX_CELLS

    def sums(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Add up the answers of the trees in their order: [rows, classes], or [rows, 1] for one target."""
        count, columns = rows.shape
        cells = np.empty((self._count, count, columns + 1), dtype=np.float32)
        cells[:, :, :columns] = rows
        cells[:, :, columns] = self._numbers
        answers = self._tree.predict(cells.reshape(self._count * count, columns + 1))
        # `sum` would add pairs of numbers, and the forest adds one after the other.
        total: NDArray[np.float64] = answers.reshape(self._count, count, -1).cumsum(axis=0)[-1]
        return total


def _join(states: Sequence[dict[str, Any]], *, column: int) -> tuple[NDArray[np.void], NDArray[np.float64]]:
    """Return the nodes and the values of one tree above all trees, which chooses among them by `column`."""
    above = len(states) - 1
    sizes = [state["node_count"] for state in states]
    roots = above + np.concatenate([[0], np.cumsum(sizes)[:-1]])
    parts = [_upper_nodes(roots, column, states[0]["nodes"].dtype)]
    for state, root in zip(states, roots, strict=True):
        nodes = state["nodes"].copy()
        inner = nodes["left_child"] >= 0
        nodes["left_child"][inner] += root
        nodes["right_child"][inner] += root
        parts.append(nodes)
    values = [state["values"] for state in states]
    unused = np.zeros((above, *values[0].shape[1:]))
    return np.concatenate(parts), np.concatenate([unused, *values])


def _upper_nodes(roots: NDArray[np.intp], column: int, node: np.dtype[np.void]) -> NDArray[np.void]:
    """Return the nodes that lead to the root of the tree whose number is in `column`, as a binary search."""
    nodes = np.zeros(len(roots) - 1, dtype=node)
    nodes["feature"] = column
    free = iter(range(len(nodes)))

    def lead(first: int, end: int) -> int:
        """Add the nodes above the trees from `first` to before `end`, and return the number of their root."""
        if end - first == 1:
            return int(roots[first])
        number, middle = next(free), (first + end) // 2
        nodes[number]["threshold"] = middle - 0.5
        nodes[number]["left_child"] = lead(first, middle)
        nodes[number]["right_child"] = lead(middle, end)
        return number

    lead(0, len(roots))
    return nodes
