"""Check that indices and sizes inside fitted objects agree, before native code trusts them.

Compiled code of scikit-learn, SciPy, XGBoost and LightGBM follows child indices, column indices and sizes without a
check. A wrong one reads memory that is not its own, ends the process, or makes it loop for ever.
"""

from collections.abc import Callable, Mapping
from typing import Any

from modelway_server.errors import UnsafeArtifact
from modelway_server.runtimes.file_checks.clauses import Disagreement
from modelway_server.runtimes.pickle.agreement import boosters, machines, neighbors, sparse, splines, trees, vectorizers
from modelway_server.runtimes.pickle.refusal import Rule, clip, refuse


def check_state(kind: str, state: Any) -> None:
    """Check that the state of an object agrees with itself, before the object gets it.

    Args:
        kind: `module.Class` of the object.
        state: as `__setstate__` takes it: mostly a dictionary; a tuple for search trees.

    Raises:
        UnsafeArtifact: an index leads out of the object, or sizes disagree.
    """
    name = kind.rpartition(".")[2]
    check = _CHECKS.get(name)
    if check is None and isinstance(state, Mapping) and "n_samples_fit_" in state:
        check = neighbors.neighbors
    if check is None and isinstance(state, Mapping) and "covariance_" in state:
        check = neighbors.covariances
    if check is None and kind.startswith("sklearn.metrics._dist_metrics."):
        check = neighbors.metric
    if kind in _BOOSTERS:
        check = _BOOSTERS[kind]
    elif check is None or kind.partition(".")[0] not in {"sklearn", "scipy"}:
        return
    try:
        check(state)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"{type(error).__name__}" if not isinstance(error, Disagreement) else error.args[0]
        raise _refusal(kind, str(what)) from error


def _refusal(kind: str, what: str) -> UnsafeArtifact:
    return refuse(Rule.STRUCTURE, f"the file holds a {clip(kind)} whose parts disagree: {clip(what)}")


_FORMS = {
    "csr": sparse.csr,
    "csc": sparse.csc,
    "bsr": sparse.bsr,
    "coo": sparse.coo,
    "dia": sparse.dia,
    "lil": sparse.lil,
}
_CHECKS: dict[str, Callable[[Any], None]] = {
    "Tree": trees.tree,
    "TreePredictor": trees.histogram_tree,
    **{f"KDTree{precision}": neighbors.boxes for precision in ("", "32", "64")},
    **{f"BallTree{precision}": neighbors.balls for precision in ("", "32", "64")},
    **dict.fromkeys(("SVC", "NuSVC", "SVR", "NuSVR", "OneClassSVM"), machines.machine),
    **{f"{kind}_{form}": check for form in ("matrix", "array") for kind, check in _FORMS.items()},
    "BSpline": splines.spline,
    "NdBSpline": splines.spline_of_several,
    "RegularGridInterpolator": splines.grid,
    **dict.fromkeys((f"{kind}UnivariateSpline" for kind in ("", "Interpolated", "LSQ")), splines.fitted_spline),
    **dict.fromkeys((f"{kind}BivariateSpline" for kind in ("Rect", "Smooth")), splines.surface),
    "Birch": vectorizers.clusters,
    **dict.fromkeys(("CountVectorizer", "DictVectorizer", "TfidfVectorizer"), vectorizers.vocabulary),
    **dict.fromkeys(("FeatureHasher", "HashingVectorizer"), vectorizers.hasher),
}
"""Checks by the name of the class."""
_BOOSTERS: dict[str, Callable[[Any], None]] = {
    "lightgbm.basic.Booster": boosters.lightgbm,
    "xgboost.core.Booster": boosters.xgboost,
}
"""Checks by the full name of the class. In a pickle, a booster is text or bytes of its library."""
