"""Check that one tree of XGBoost's document agrees with itself."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modelway_server.runtimes.file_checks.clauses import hold, within

MAX_CATEGORY: Final = 1 << 24
"""The first number that XGBoost does not take for a category."""
_NEEDED: Final = ("left_children", "right_children", "split_indices", "split_conditions", "default_left")
_BESIDE: Final = ("loss_changes", "sum_hessian", "split_type")
_WHOLE: Final = frozenset({"left_children", "right_children", "split_indices", "parents", "split_type"})


def check_tree(tree: Mapping[str, Any], number: int, columns: int, groups: int) -> None:
    """Check that a tree agrees with itself.

    Args:
        tree: the tree in the document.
        number: its place in the forest.
        columns: the number of columns of the model.
        groups: the number of classes or targets of the model.

    Raises:
        Disagreement: an index leads out of the tree, or its nodes form a loop.
    """
    shape = tree["tree_param"]
    nodes, width = int(shape["num_nodes"]), int(shape.get("size_leaf_vector", "1") or 1)
    hold(nodes >= 1, "it has no nodes")
    hold(width <= 1 or width == groups, "its leaves have other widths than the model has targets")
    hold(tree.get("id", number) == number, "its id is another place in the forest")
    lists = {name: _list(tree[name], nodes, name) for name in (*_NEEDED, "parents")}
    for name in _BESIDE:
        if name in tree:
            lists[name] = _list(tree[name], nodes, name)
    within(lists["default_left"], 2, "default_left")
    _check_shape(lists, nodes, columns)
    _check_leaves(tree, lists, nodes, max(width, 1))
    if "split_type" in lists:
        _check_categories(tree, lists)


def _check_shape(lists: Mapping[str, NDArray[Any]], nodes: int, columns: int) -> None:
    left, right = lists["left_children"], lists["right_children"]
    split = left != -1
    children = np.concatenate([left[split], right[split]])
    hold(not children.size or (children.min() > 0 and children.max() < nodes), "a child leads out of it")
    hold(len(np.unique(children)) == len(children), "two splits have one child")
    within(lists["parents"][1:], nodes, "a parent")
    within(lists["split_indices"][split], columns, "the column of a split")


def _check_leaves(tree: Mapping[str, Any], lists: Mapping[str, NDArray[Any]], nodes: int, width: int) -> None:
    """Check the number of leaf values. Vectors follow each other, and each leaf knows the place of its own."""
    weights = len(tree["base_weights"]) if "base_weights" in tree else nodes
    if "leaf_weights" not in tree:
        hold(weights == nodes * width, "base_weights are none for each node")
        return
    leaf = lists["left_children"] == -1
    hold(len(tree["leaf_weights"]) == int(leaf.sum()) * width and weights == nodes * width, "its leaves lack values")
    within(lists["right_children"][leaf], int(leaf.sum()), "the place of a leaf's values")


def _check_categories(tree: Mapping[str, Any], lists: Mapping[str, NDArray[Any]]) -> None:
    """Check that the lists of categories agree with the splits by category."""
    kinds = lists["split_type"]
    within(kinds, 2, "the type of a split")
    of_categories = np.flatnonzero((kinds == 1) & (lists["left_children"] != -1))
    nodes, starts, sizes, values = (
        wholes(tree.get(f"categories{name}", [])) for name in ("_nodes", "_segments", "_sizes", "")
    )
    hold(np.array_equal(nodes, of_categories), "categories_nodes are not its splits by category")
    hold(len(nodes) == len(starts) == len(sizes), "its lists of categories are none for each such split")
    fits = not len(nodes) or (starts.min() >= 0 and sizes.min() > 0 and (starts + sizes).max() <= len(values))
    hold(fits, "a list of categories leads out of them")
    within(values, MAX_CATEGORY, "a category")


def _list(value: Any, length: int, name: str) -> NDArray[Any]:
    array = np.asarray(value)
    hold(isinstance(value, list | np.ndarray) and array.shape == (length,), f"{name} are not one for each node")
    hold(array.dtype.kind in ("iu" if name in _WHOLE else "iufb"), f"{name} are no numbers")
    return array.astype(np.int64) if array.dtype.kind in "iu" else array


def wholes(value: Any) -> NDArray[np.int64]:
    """Return a list of whole numbers as an array.

    Raises:
        Disagreement: the value is no list of whole numbers.
    """
    array = np.asarray(value)
    hold(isinstance(value, list | np.ndarray) and array.ndim == 1, "a list of whole numbers is none")
    hold(not array.size or array.dtype.kind in "iu", "a list of whole numbers is none")
    return array.astype(np.int64)
