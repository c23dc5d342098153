"""Join the trees of a forest into one tree of scikit-learn: one call answers a few rows by all trees.

A call of a tree costs 2 us before it looks at a row, so a hundred trees cost 200 us for one row. Here the upper nodes of
one tree lead to the roots of the others by one more column, the number of a tree, and each row stands there once for
each tree. The nodes below are the trees' own, unchanged.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree._tree import Tree

MAX_NODES = 1 << 18
"""Of all trees together: joined they are a copy, of 64 bytes a node and 8 for each class of it."""
MAX_CELLS = 1 << 13
"""Of rows times trees: with more of them the copies of the rows cost more than the calls of the trees one by one."""


class JoinedTrees:
    """Trees of the same columns and one output as one.

    Args:
        trees: `tree_` of fitted decision trees.
    """

    def __init__(self, trees: Sequence[Any]) -> None:
        self._count = len(trees)
        self._numbers = np.arange(self._count, dtype=np.float32)[:, None]
        first = trees[0]
        nodes, values = _joined([tree.__getstate__() for tree in trees], column=first.n_features)
        self._tree = Tree(first.n_features + 1, first.n_classes, first.n_outputs)
        depth = max(tree.max_depth for tree in trees) + self._count.bit_length()
        self._tree.__setstate__({"max_depth": depth, "node_count": len(nodes), "nodes": nodes, "values": values})

    @staticmethod
    def suit(trees: Sequence[Any]) -> bool:
        """Whether a copy of the trees is small enough."""
        return sum(int(tree.node_count) for tree in trees) <= MAX_NODES

    def suits(self, rows: int) -> bool:
        """Whether one call of the joined tree answers so many rows sooner than one call a tree."""
        return rows * self._count <= MAX_CELLS

    def sums(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """What the trees predict of each row, added up in their order: rows by classes, or by the one target."""
        count, columns = rows.shape
        cells = np.empty((self._count, count, columns + 1), dtype=np.float32)
        cells[:, :, :columns] = rows
        cells[:, :, columns] = self._numbers
        answers = self._tree.predict(cells.reshape(self._count * count, columns + 1))
        # Not `sum`: for one number it adds in pairs, and the forest adds one after the other.
        total: NDArray[np.float64] = answers.reshape(self._count, count, -1).cumsum(axis=0)[-1]
        return total


def _joined(states: Sequence[dict[str, Any]], *, column: int) -> tuple[NDArray[np.void], NDArray[np.float64]]:
    """Nodes and values of one tree with all trees below it, told apart by `column`."""
    above = len(states) - 1
    sizes = [state["node_count"] for state in states]
    roots = above + np.concatenate([[0], np.cumsum(sizes)[:-1]])
    parts = [_upper(roots, column, states[0]["nodes"].dtype)]
    for state, root in zip(states, roots, strict=True):
        nodes = state["nodes"].copy()
        inner = nodes["left_child"] >= 0
        nodes["left_child"][inner] += root
        nodes["right_child"][inner] += root
        parts.append(nodes)
    values = [state["values"] for state in states]
    unused = np.zeros((above, *values[0].shape[1:]))
    return np.concatenate(parts), np.concatenate([unused, *values])


def _upper(roots: NDArray[np.intp], column: int, node: np.dtype[np.void]) -> NDArray[np.void]:
    """The nodes that lead to the root of the tree whose number is in `column`, by halves."""
    nodes = np.zeros(len(roots) - 1, dtype=node)
    nodes["feature"] = column
    free = iter(range(len(nodes)))

    def lead(first: int, end: int) -> int:
        """The node above the trees from `first` to before `end`."""
        if end - first == 1:
            return int(roots[first])
        number, middle = next(free), (first + end) // 2
        nodes[number]["threshold"] = middle - 0.5
        nodes[number]["left_child"] = lead(first, middle)
        nodes[number]["right_child"] = lead(middle, end)
        return number

    lead(0, len(roots))
    return nodes
