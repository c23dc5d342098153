"""Check that search trees and estimators of `sklearn.neighbors` agree with themselves.

Source: sklearn/neighbors/_binary_tree.pxi.tp and sklearn/metrics/_dist_metrics.pyx.tp, whose loops check no size.
"""

from typing import Any

import numpy as np

from modelway_server.runtimes.file_checks.clauses import State, hold, within

_MAX_LEVELS = 62
"""Levels of a search tree, which has `2 ** levels - 1` nodes."""


def boxes(state: tuple[Any, ...]) -> None:
    """`KDTree`: each node has a least and a greatest corner."""
    _search_tree(state, bounds=2)


def balls(state: tuple[Any, ...]) -> None:
    """`BallTree`: each node has a centre."""
    _search_tree(state, bounds=1)


def _search_tree(state: tuple[Any, ...], bounds: int) -> None:
    """Check the nodes' ranges of rows, their bounds, and the metric for distances between rows."""
    data, indices, nodes, corners, leaf_size, levels, count = state[:7]
    rows, width = np.asarray(data).shape
    hold(0 < levels <= _MAX_LEVELS and count == 2**levels - 1 == len(nodes), "the number of nodes is wrong")
    hold(len(indices) == rows > 0 and leaf_size > 0, "there is not one index a row")
    within(indices, rows, "an index of rows")
    starts, ends = nodes["idx_start"], nodes["idx_end"]
    hold(np.all((starts >= 0) & (starts <= ends) & (ends <= rows)), "a node's rows are not there")
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    hold(np.all(2 * inner + 2 < count), "a node's children are not there")
    hold(np.shape(corners) == (bounds, count, width), "the bounds are not those of the nodes")
    hold(_measures(state[11], width), "the metric measures other columns")
    weights = state[12] if len(state) > 12 else None
    hold(weights is None or len(weights) == rows, "there is not one weight a row")


def _measures(metric: Any, width: int) -> bool:
    """Whether a metric reads no more columns than there are, and has a number for each."""
    name = type(metric).__name__
    _, vector, matrix = metric.__getstate__()[:3]
    if name.startswith("SEuclidean"):
        return bool(np.shape(vector) == (width,))
    if name.startswith("Minkowski"):
        return np.size(vector) in {0, width}
    if name.startswith("Mahalanobis"):
        return bool(np.shape(matrix) == (width, width))
    return width == 2 or not name.startswith("Haversine")


def metric(state: tuple[Any, ...]) -> None:
    """`DistanceMetric`: a power, a number for each column, and a number for each pair of columns."""
    hold(np.ndim(state[1]) == 1 and np.ndim(state[2]) == 2, "its weights are of another rank")
    hold(np.shape(state[2])[0] == np.shape(state[2])[1], "its matrix is not square")


def neighbors(state: State) -> None:
    """Check estimators of `sklearn.neighbors`, which find training rows by number and expect them as wide as the input."""
    rows, width = int(state["n_samples_fit_"]), state["n_features_in_"]
    training_rows: Any = state.get("_fit_X")
    hold(training_rows is None or np.shape(training_rows) == (rows, width), "_fit_X has other rows or columns")
    hold(state.get("_y") is None or np.shape(state["_y"])[0] == rows, "_y has another number of rows")
    _labels(state)
    tree = state.get("_tree")
    hold(tree is None or np.shape(tree.data) == (rows, width), "the search tree has other rows or columns")
    for parameters in filter(None, (state.get("effective_metric_params_"), state.get("metric_params"))):
        hold(not any(key.endswith("_norm_squared") for key in parameters), "a metric is given the norms of rows")
        hold("VI" not in parameters or np.shape(parameters["VI"]) == (width, width), "VI is of another shape")


def _labels(state: State) -> None:
    """Check the labels of classifiers. Compiled code counts by them, as numbers of classes."""
    classes, labels = state.get("classes_"), state.get("_y")
    if classes is None or labels is None:
        return
    several = isinstance(classes, list)
    for column, known in zip(np.atleast_2d(np.asarray(labels).T), classes if several else [classes], strict=True):
        within(column, len(known), "_y")


def covariances(state: State) -> None:
    """Check estimators of `sklearn.covariance`. SciPy reads as many rows and columns of their inverse as a row has columns."""
    if (center := state.get("location_")) is None:
        return
    hold(np.ndim(center) == 1, "location_ is no row")
    for name in ("covariance_", "precision_"):
        matrix = state.get(name)
        hold(matrix is None or np.shape(matrix) == (len(center), len(center)), f"{name} is of another shape")
