"""Indices and sizes inside fitted objects, held against each other before native code believes them.

Compiled code of scikit-learn and SciPy follows child indices, column indices and sizes without a look at where they lead:
a file with a wrong one reads memory that is not its own, ends the process, or goes round for ever.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from modelway_server.errors import UnsafeArtifact
from modelway_server.runtimes.pickle.refusal import Rule, clip, refuse

State = Mapping[str, Any]
_MAX_LEVELS = 62
"""Of a search tree: it has `2 ** levels - 1` nodes."""
_SVMS = frozenset({"SVC", "NuSVC", "SVR", "NuSVR", "OneClassSVM"})


def check_state(kind: str, state: Any) -> None:
    """Hold the state of one object against itself, before the object gets it.

    Args:
        kind: `module.Class` of the object.
        state: as `__setstate__` takes it: a dictionary mostly, of search trees a tuple.

    Raises:
        UnsafeArtifact: an index leads to what is not there, or sizes disagree.
    """
    name = kind.rpartition(".")[2]
    neighbors = isinstance(state, Mapping) and "n_samples_fit_" in state
    check = _SVM if name in _SVMS else _neighbors if neighbors else _CHECKS.get(name)
    if check is None or kind.partition(".")[0] not in {"sklearn", "scipy"}:
        return
    try:
        check(state)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"{type(error).__name__}" if not isinstance(error, _Fault) else error.args[0]
        raise _refused(kind, str(what)) from error


class _Fault(ValueError):
    """What disagrees, as a clause."""


def _refused(kind: str, what: str) -> UnsafeArtifact:
    return refuse(Rule.STRUCTURE, f"the file holds a {clip(kind)} whose parts disagree: {clip(what)}")


def _hold(holds: Any, what: str) -> None:
    if not holds:
        raise _Fault(what)


def _within(indices: Any, limit: int, what: str) -> None:
    """Every index is one of `range(limit)`."""
    found = np.asarray(indices)
    _hold(not found.size or (found.min() >= 0 and found.max() < limit), f"{what} leads out of it")


def _tree(state: State) -> None:
    """`sklearn.tree._tree.Tree`: nodes come before their children, so no path goes round."""
    nodes, values = state["nodes"], state["values"]
    _hold(state["node_count"] == len(nodes) == len(values) > 0, "node_count is not the number of nodes")
    inner = nodes["left_child"] != -1
    _hold(np.all(nodes["right_child"][~inner] == -1), "a leaf has a child")
    _children(np.flatnonzero(inner), nodes["left_child"][inner], nodes["right_child"][inner], len(nodes))
    _hold(not inner.any() or nodes["feature"][inner].min() >= 0, "a column is negative")


def _children(own: NDArray[Any], left: NDArray[Any], right: NDArray[Any], count: int) -> None:
    for child in (left.astype(np.int64), right.astype(np.int64)):
        _hold(np.all((child > own) & (child < count)), "a child is not behind its node")


def _histogram_tree(state: State) -> None:
    """`TreePredictor` of histogram gradient boosting."""
    nodes = state["nodes"]
    _hold(len(nodes) > 0, "there are no nodes")
    inner = nodes["is_leaf"] == 0
    _children(np.flatnonzero(inner), nodes["left"][inner], nodes["right"][inner], len(nodes))
    categorical = inner & (nodes["is_categorical"] != 0)
    for sets in ("raw_left_cat_bitsets", "binned_left_cat_bitsets"):
        held = state[sets]
        _hold(held.ndim == 2 and held.shape[1] == 8 and held.dtype == np.uint32, f"{sets} is no table of bits")
        _within(nodes["bitset_idx"][categorical], len(held), "bitset_idx")
    _hold(not inner.any() or nodes["feature_idx"][inner].min() >= 0, "a column is negative")


def _search_tree(state: tuple[Any, ...]) -> None:
    """`KDTree` and `BallTree`: the nodes' ranges of rows, and their bounds."""
    data, indices, nodes, bounds, leaf_size, levels, count = state[:7]
    rows, width = np.asarray(data).shape
    _hold(0 < levels <= _MAX_LEVELS and count == 2**levels - 1 == len(nodes), "the number of nodes is wrong")
    _hold(len(indices) == rows > 0 and leaf_size > 0, "there is not one index a row")
    _within(indices, rows, "an index of rows")
    starts, ends = nodes["idx_start"], nodes["idx_end"]
    _hold(np.all((starts >= 0) & (starts <= ends) & (ends <= rows)), "a node's rows are not there")
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    _hold(np.all(2 * inner + 2 < count), "a node's children are not there")
    _hold(np.asarray(bounds).shape[1:] == (count, width), "the bounds are not those of the nodes")
    weights = state[12] if len(state) > 12 else None
    _hold(weights is None or len(weights) == rows, "there is not one weight a row")


def _compressed(state: State, *, by_row: bool, blocks: bool = False) -> None:
    rows, columns = _shape(state)
    data, indices, indptr = state["data"], state["indices"], state["indptr"]
    if blocks:
        _hold(data.ndim == 3 and data.shape[1] > 0 and data.shape[2] > 0, "data is not made of blocks")
        _hold(rows % data.shape[1] == 0 and columns % data.shape[2] == 0, "the blocks do not fill it")
        rows, columns = rows // data.shape[1], columns // data.shape[2]
    major, minor = (rows, columns) if by_row else (columns, rows)
    _hold(indices.dtype.kind == "i" and indptr.dtype.kind == "i", "its indices are no integers")
    _hold(indptr.shape == (major + 1,) and indptr[0] == 0 and np.all(np.diff(indptr) >= 0), "indptr goes back")
    _hold(indptr[-1] <= min(len(indices), len(data)), "indptr leads out of it")
    _within(indices, minor, "indices")


def _csr(state: State) -> None:
    _compressed(state, by_row=True)


def _csc(state: State) -> None:
    _compressed(state, by_row=False)


def _bsr(state: State) -> None:
    _compressed(state, by_row=True, blocks=True)


def _coo(state: State) -> None:
    shape = _shape(state)
    coords = state["coords"] if "coords" in state else (state["row"], state["col"])
    for index, limit in zip(coords, shape, strict=True):
        _hold(len(index) == len(state["data"]) and index.dtype.kind == "i", "coordinates and data differ in length")
        _within(index, limit, "a coordinate")


def _dia(state: State) -> None:
    _shape(state)
    _hold(state["data"].ndim == 2 and state["offsets"].shape == (len(state["data"]),), "offsets and data differ")


def _lil(state: State) -> None:
    rows, columns = _shape(state)
    _hold(len(state["rows"]) == len(state["data"]) == rows, "there is not one list a row")
    for indices, data in zip(state["rows"], state["data"], strict=True):
        _hold(len(indices) == len(data), "indices and data differ in length")
        _within(indices, columns, "an index of columns")


def _shape(state: State) -> tuple[int, int]:
    rows, columns = state["_shape"]
    _hold(rows >= 0 and columns >= 0, "its shape is negative")
    return int(rows), int(columns)


def _SVM(state: State) -> None:  # noqa: N802  (as the field writes it)
    """Libsvm's arrays, whose sizes it takes from one another."""
    if "support_" not in state:
        return
    support, vectors = state["support_"], state["support_vectors_"]
    dual = state["_dual_coef_"]
    count = len(support)
    _within(support, int(state["shape_fit_"][0]), "support_")
    precomputed = state.get("kernel") == "precomputed"
    _hold(precomputed or vectors.shape == (count, state["shape_fit_"][1]), "support_vectors_ is of another shape")
    _hold(dual.shape[1] == count, "dual_coef_ is of another shape")
    classes = state.get("classes_")
    if classes is None:
        _hold(not issparse(dual) or len(dual.data) == count, "dual_coef_ leaves coefficients out")
        _hold(dual.shape[0] == len(state["_intercept_"]) == 1, "intercept_ is of another length")
        _hold(state["_n_support"][0] == count, "n_support_ has another sum")
        return
    many = len(classes)
    _hold(int(np.sum(state["_n_support"])) == count and len(state["_n_support"]) == many, "n_support_ has another sum")
    _hold(np.all(np.asarray(state["_n_support"]) >= 0), "n_support_ is negative")
    _hold(dual.shape[0] == many - 1, "dual_coef_ is of another shape")
    _hold(not issparse(dual) or len(dual.data) == (many - 1) * count, "dual_coef_ leaves coefficients out")
    pairs = many * (many - 1) // 2
    _hold(len(state["_intercept_"]) == pairs, "intercept_ is of another length")
    _hold(all(len(state.get(held, ())) in {0, pairs} for held in ("_probA", "_probB")), "probA_ is of another length")


def _neighbors(state: State) -> None:
    """Estimators of `sklearn.neighbors`: rows are found by number in what they were trained on."""
    rows = int(state["n_samples_fit_"])
    for held in ("_fit_X", "_y"):
        _hold(state.get(held) is None or np.shape(state[held])[0] == rows, f"{held} has another number of rows")
    told = {**(state.get("effective_metric_params_") or {}), **(state.get("metric_params") or {})}
    _hold(not any(key.endswith("_norm_squared") for key in told), "a metric is given the norms of rows")
    tree = state.get("_tree")
    _hold(tree is None or np.shape(tree.data)[0] == rows, "the search tree has another number of rows")


def _spline(state: State) -> None:
    """`scipy.interpolate.BSpline`."""
    knots, coefficients, degree = state.get("_t", state.get("t")), state.get("_c", state.get("c")), state["k"]
    _hold(0 <= degree < len(knots) and knots.ndim == 1 and len(knots) >= 2 * degree + 2, "there are too few knots")
    _hold(len(coefficients) >= len(knots) - degree - 1, "there are too few coefficients")
    _hold(bool(np.isfinite(knots).all()) and all(one <= other for one, other in pairwise(knots)), "the knots go back")


def _vocabulary(state: State) -> None:
    """Text vectorizers: a term's number is a column of the sparse matrix that is made."""
    if (vocabulary := state.get("vocabulary_")) is not None:
        _within(np.fromiter(vocabulary.values(), dtype=np.int64, count=len(vocabulary)), len(vocabulary), "vocabulary_")


def _hasher(state: State) -> None:
    """What gives a term its column by a remainder."""
    count = state["n_features"]
    _hold(isinstance(count, int | np.integer) and 0 < count < 2**31, "n_features is no number of columns")


def _clusters(state: State) -> None:
    """`Birch`: the norms of its centres are kept beside them."""
    if (centers := state.get("subcluster_centers_")) is not None:
        _hold(np.shape(state["_subcluster_norms"]) == np.shape(centers)[:1], "there is not one norm a centre")


_CHECKS: dict[str, Callable[[Any], None]] = {
    "Tree": _tree,
    "TreePredictor": _histogram_tree,
    "KDTree": _search_tree,
    "KDTree32": _search_tree,
    "KDTree64": _search_tree,
    "BallTree": _search_tree,
    "BallTree32": _search_tree,
    "BallTree64": _search_tree,
    **{f"{kind}_{form}": check for form in ("matrix", "array") for kind, check in (("csr", _csr), ("csc", _csc))},
    **{f"{kind}_{form}": check for form in ("matrix", "array") for kind, check in (("bsr", _bsr), ("coo", _coo))},
    **{f"{kind}_{form}": check for form in ("matrix", "array") for kind, check in (("dia", _dia), ("lil", _lil))},
    "BSpline": _spline,
    "Birch": _clusters,
    "CountVectorizer": _vocabulary,
    "DictVectorizer": _vocabulary,
    "FeatureHasher": _hasher,
    "HashingVectorizer": _hasher,
    "TfidfVectorizer": _vocabulary,
}
