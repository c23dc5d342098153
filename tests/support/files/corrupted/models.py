"""The models that are made to lie: every estimator of scikit-learn, and what of SciPy and pandas a model may hold."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import interpolate, sparse
from sklearn.cluster import HDBSCAN
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import ClassifierChain
from sklearn.neighbors import KernelDensity, KNeighborsClassifier, LocalOutlierFactor, RadiusNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, SplineTransformer, TargetEncoder
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, ExtraTreeRegressor

from support.trained.estimators import GAPS, LABELS, ROWS, TARGET, TEXTS, example, names

_KINDS = np.array(["no", "so", "yes"])[np.searchsorted([0.9, 1.2], ROWS[:, 0] + ROWS[:, 1])]
_SPARSE = sparse.csr_matrix(np.where(ROWS > 0.5, ROWS, 0))
_COARSE = ROWS.round(1)
_SPREAD = np.linspace(0, 1, 9)
_FRAME = pd.DataFrame(_COARSE, columns=list("abcd")).astype({"a": "category"})


def models() -> dict[str, Callable[[], tuple[Any, Any]]]:
    """By name, what makes a fitted model and the rows that it is asked."""
    return {**{name: partial(_of_estimator, name) for name in names()}, **_BESIDE}


def _of_estimator(name: str) -> tuple[Any, Any]:
    case = example(name)
    return case.estimator, case.rows


def _fit(model: Any, rows: Any = ROWS, target: Any = _KINDS) -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(rows, target), rows[:4]


def _neighbors(metric: str, **parameters: Any) -> dict[str, Callable[[], tuple[Any, Any]]]:
    return {
        f"neighbours by {metric} in a {tree}": partial(
            _fit,
            KNeighborsClassifier(2, algorithm=tree, metric=metric, leaf_size=4, metric_params=parameters or None),
        )
        for tree in ("kd_tree", "ball_tree", "brute")
        if tree != "kd_tree" or not parameters
    }


def _ask(function: Any) -> Callable[[], tuple[Any, Any]]:
    """A function of SciPy as a step."""
    return lambda: (FunctionTransformer(function), ROWS[:4])


_BESIDE: dict[str, Callable[[], tuple[Any, Any]]] = {
    "boosting of three classes": partial(_fit, GradientBoostingClassifier(n_estimators=2)),
    "boosting behind an estimator": partial(
        _fit, GradientBoostingClassifier(n_estimators=2, init=LogisticRegression(max_iter=20))
    ),
    "boosting from zero": partial(_fit, GradientBoostingRegressor(n_estimators=2, init="zero"), target=TARGET),
    "histograms of categories": partial(
        _fit,
        HistGradientBoostingClassifier(max_iter=2, categorical_features="from_dtype", min_samples_leaf=2),
        _FRAME,
    ),
    "histograms of three classes": partial(_fit, HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2), GAPS),
    "trees of gaps": partial(_fit, DecisionTreeClassifier(), GAPS),
    "trees of two answers": partial(_fit, RandomForestClassifier(2), target=np.column_stack([LABELS, _KINDS])),
    "a tree of rows and columns": partial(_fit, ExtraTreeRegressor(), target=TARGET),
    "a chain of trees": partial(
        _fit, ClassifierChain(DecisionTreeClassifier()), target=np.column_stack([ROWS[:, 0] > 0.5, ROWS[:, 1] > 0.5])
    ),
    "stacked trees": partial(_fit, StackingClassifier([("a", DecisionTreeClassifier())], cv=2)),
    "a support vector machine of three classes": partial(_fit, SVC()),
    "support vectors with probabilities": partial(_fit, NuSVC(probability=True, nu=0.1)),
    "sparse support vectors": partial(_fit, SVC(), _SPARSE),
    "sparse support vectors of numbers": partial(_fit, SVR(), _SPARSE, TARGET),
    "a sparse support vector machine of one class": partial(_fit, OneClassSVM(), _SPARSE),
    "a precomputed kernel": partial(_fit, SVC(kernel="precomputed"), ROWS @ ROWS.T),
    "a polynomial kernel": partial(_fit, SVC(kernel="poly", degree=2)),
    "sparse linear support vectors": partial(_fit, LinearSVC(), _SPARSE),
    "a process of three classes": partial(_fit, GaussianProcessClassifier()),
    **_neighbors("minkowski", w=np.ones(4)),
    **_neighbors("manhattan"),
    **_neighbors("seuclidean", V=np.ones(4)),
    **_neighbors("mahalanobis", VI=np.eye(4)),
    "sparse neighbours": partial(_fit, KNeighborsClassifier(2), _SPARSE),
    "neighbours in a radius": partial(_fit, RadiusNeighborsRegressor(2.0, algorithm="ball_tree"), target=TARGET),
    "novelties": partial(_fit, LocalOutlierFactor(3, novelty=True, algorithm="kd_tree")),
    "a weighted density": lambda: (KernelDensity(leaf_size=4).fit(ROWS, sample_weight=TARGET), ROWS[:4]),
    "a density of haversines": lambda: (
        KernelDensity(leaf_size=4, metric="haversine", algorithm="ball_tree").fit(ROWS[:, :2]),
        ROWS[:4, :2],
    ),
    "a density of clusters": partial(_fit, HDBSCAN(min_cluster_size=3, store_centers="both", copy=True)),
    "rare categories": partial(_fit, OneHotEncoder(min_frequency=5, handle_unknown="infrequent_if_exist"), _COARSE),
    "sparse imputation": partial(_fit, SimpleImputer(add_indicator=True), GAPS),
    "targets of categories": partial(_fit, TargetEncoder(cv=2), _COARSE),
    "splines that repeat": partial(_fit, SplineTransformer(extrapolation="periodic")),
    "sparse splines": partial(_fit, SplineTransformer(sparse_output=True)),
    "columns of a frame": partial(
        _fit, ColumnTransformer([("a", OneHotEncoder(), ["a"]), ("b", "passthrough", pd.Index(["b"]))]), _FRAME
    ),
    "words of a pipeline": lambda: _fit(
        make_pipeline(example("TfidfVectorizer").estimator, SelectKBest(k=2), LogisticRegression()), TEXTS
    ),
    "a spline of SciPy": _ask(interpolate.make_interp_spline(_SPREAD, _SPREAD**2)),
    "a polynomial in pieces": _ask(interpolate.PPoly.from_spline(interpolate.splrep(_SPREAD, _SPREAD**2))),
    "a Bernstein polynomial": _ask(interpolate.BPoly(np.ones((3, 8)), _SPREAD)),
    "a cubic spline": _ask(interpolate.CubicSpline(_SPREAD, _SPREAD**2)),
    "an Akima interpolator": _ask(interpolate.Akima1DInterpolator(_SPREAD, _SPREAD**2)),
    "a monotone interpolator": _ask(interpolate.PchipInterpolator(_SPREAD, _SPREAD**2)),
    "a barycentric interpolator": _ask(interpolate.BarycentricInterpolator(_SPREAD, _SPREAD**2)),
    "a Krogh interpolator": _ask(interpolate.KroghInterpolator(_SPREAD, _SPREAD**2)),
    "a linear interpolator": _ask(interpolate.interp1d(_SPREAD, _SPREAD**2, fill_value="extrapolate")),
    "a cubic interpolator": _ask(interpolate.interp1d(_SPREAD, _SPREAD**2, "cubic", fill_value="extrapolate")),
    "the nearest": _ask(interpolate.interp1d(_SPREAD, _SPREAD**2, "nearest", fill_value="extrapolate")),
    "a smoothing spline": _ask(interpolate.UnivariateSpline(_SPREAD, _SPREAD**2)),
    "an interpolating spline": _ask(interpolate.InterpolatedUnivariateSpline(_SPREAD, _SPREAD**2)),
    "a surface": lambda: (
        FunctionTransformer(
            interpolate.RectBivariateSpline(_SPREAD, _SPREAD, np.ones((9, 9))), kw_args={"y": ROWS[:4], "grid": False}
        ),
        ROWS[:4],
    ),
    "a grid": _ask(interpolate.RegularGridInterpolator((_SPREAD,) * 4, np.ones((9,) * 4), bounds_error=False)),
    "a cubic grid": _ask(
        interpolate.RegularGridInterpolator((_SPREAD,) * 4, np.ones((9,) * 4), "cubic", bounds_error=False)
    ),
    "a spline of four": _ask(interpolate.NdBSpline((np.arange(8.0),) * 4, np.ones((4,) * 4), 3)),
    "a polynomial of four": _ask(interpolate.NdPPoly(np.ones((2,) * 4 + (8,) * 4), (_SPREAD,) * 4)),
    "radial functions": _ask(interpolate.RBFInterpolator(ROWS, TARGET)),
    "radial functions of neighbours": _ask(interpolate.RBFInterpolator(ROWS, TARGET, neighbors=8)),
    "the nearest of four": _ask(interpolate.NearestNDInterpolator(ROWS, TARGET)),
    "a simplex of two": lambda: (
        FunctionTransformer(interpolate.LinearNDInterpolator(ROWS[:, :2], TARGET)),
        ROWS[:4, :2],
    ),
    "a smooth simplex of two": lambda: (
        FunctionTransformer(interpolate.CloughTocher2DInterpolator(ROWS[:, :2], TARGET)),
        ROWS[:4, :2],
    ),
    "a polynomial of NumPy": _ask(np.poly1d([1.0, 2.0])),
    "a Chebyshev polynomial": _ask(np.polynomial.Chebyshev([1.0, 2.0, 3.0])),
}
