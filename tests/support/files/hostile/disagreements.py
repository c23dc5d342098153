"""Fitted models whose parts disagree where compiled code believes one of them: starts, members, metrics, splines, threads."""

import pickle
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from scipy import interpolate
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.feature_selection import mutual_info_classif
from sklearn.metrics import DistanceMetric
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeClassifier

from support.files.hostile.assembly import FALSE, Piece, assemble, build, call, name, value
from support.files.hostile.kinds import Hostile, of_bytes

_ROWS = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.5], [0.2, 3.0], [3.0, 1.0], [0.5, 0.4]])
_LABELS = np.array([0, 1, 2, 0, 1, 2])


def files() -> Iterator[Hostile]:
    """Each once."""
    for source in (_boosting, _neighbours_by_metric, _splines, _numbers):
        for what, model in source():
            yield of_bytes(f"disagreements: {what}", pickle.dumps(model))
    for what, opcodes in _opcodes():
        yield of_bytes(f"disagreements: {what}", opcodes)


def _boosting() -> Iterator[tuple[str, Any]]:
    for what, start in (("no answer", {"n_outputs_": 0}), ("two answers", {"n_outputs_": 2})):
        model = GradientBoostingRegressor(n_estimators=1).fit(_ROWS, _LABELS)
        vars(model.init_).update(start)
        yield f"boosting that begins with {what}", model
    several = GradientBoostingClassifier(n_estimators=1).fit(_ROWS, _LABELS)
    several.init_.n_classes_ = 1
    yield "boosting of three that begins with one", several
    nothing = GradientBoostingRegressor(n_estimators=1, init="zero").fit(_ROWS, _LABELS)
    nothing.n_trees_per_iteration_ = 0
    yield "boosting that begins with no column", nothing
    model = make_pipeline(StandardScaler()).fit(_ROWS)
    model.steps.append(("again", model))
    yield "a pipeline that holds itself", model


def _neighbours_by_metric() -> Iterator[tuple[str, Any]]:
    for metric, parameters in (("minkowski", {"w": np.ones(2)}), ("seuclidean", {"V": np.ones(2)})):
        model = KNeighborsClassifier(1, algorithm="ball_tree", metric=metric, metric_params=parameters).fit(
            _ROWS, _LABELS
        )
        state = list(model._tree.__getstate__())
        state[11] = DistanceMetric.get_metric(metric, **{key: np.ones(1) for key in parameters})
        model._tree.__setstate__(tuple(state))
        yield f"a search tree by {metric} of one column", model
    model = KNeighborsClassifier(1, algorithm="brute").fit(_ROWS, _LABELS)
    model._fit_X = model._fit_X[:, :1].copy()
    yield "neighbours of fewer columns than their rows", model
    model = KNeighborsClassifier(1, algorithm="brute").fit(_ROWS, _LABELS)
    del model.n_features_in_
    model._fit_X = np.tile(model._fit_X, (1, 4000))
    yield "neighbours of more columns than are told", model
    model = EllipticEnvelope(random_state=0, support_fraction=0.9).fit(_ROWS)
    model.precision_ = model.precision_[:0]
    yield "distances by no matrix", model


def _splines() -> Iterator[tuple[str, Any]]:
    for key, lie in (("_k", np.array([5000, 3])), ("_len_t", np.array([8])), ("_c", np.ones((1, 4)))):
        spline = interpolate.NdBSpline((np.arange(8.0),) * 2, np.ones((4, 4)), 3)
        vars(spline)[key] = lie
        yield f"a spline of two sides whose {key} lies", FunctionTransformer(spline)
    spline = interpolate.NdBSpline((np.arange(8.0),) * 2, np.ones((4, 4)), 3)
    spline._indices_k1d[:] = 10**8
    yield "a spline of two sides that leads out of itself", FunctionTransformer(spline)
    places = np.linspace(0, 1, 5)
    grid = interpolate.RegularGridInterpolator((places.copy(), places.copy()), np.ones((5, 5)))
    grid._grid[0][:] = np.nan
    yield "a grid of no numbers", FunctionTransformer(grid)
    smooth = interpolate.InterpolatedUnivariateSpline(places, places)
    knots, coefficients, _ = smooth._eval_args
    smooth._eval_args = (knots, coefficients[:1], 3)
    yield "a fitted spline of one coefficient", FunctionTransformer(smooth)


def _numbers() -> Iterator[tuple[str, Any]]:
    for what, counts in (("one class", [6]), ("six classes", [1] * 6)):
        model = SVR().fit(_ROWS, _LABELS)
        model._n_support = np.array(counts, dtype=np.int32)
        yield f"a regression by vectors of {what}", model
    tell = FunctionTransformer(mutual_info_classif, kw_args={"y": _LABELS[:2], "n_jobs": 2})
    yield "a function that starts processes", tell
    yield "a partial that starts processes", FunctionTransformer(partial(mutual_info_classif, y=_LABELS[:2], n_jobs=2))


def _opcodes() -> Iterator[tuple[str, bytes]]:
    model = DecisionTreeClassifier(random_state=0).fit(_ROWS, _LABELS)
    kind, (columns, classes, _), state = model.tree_.__reduce__()
    model.tree_ = Piece(
        build(
            value(call(name(kind.__module__, kind.__name__), columns, pickle.dumps(classes, 2)[2:-1], 10**6)),
            pickle.dumps(state, 2)[2:-1],
        )
    )
    yield "a tree of more answers than it has counts for", assemble(model)
    indices = pickle.dumps(np.array([10**6], dtype=np.int32), 2)[2:-1]
    for what, opcodes in (
        ("a sparse index that looks at nothing", call(name("pandas._libs.sparse", "IntIndex"), 4, indices, FALSE)),
        ("a block of text", call(name("pandas._libs.internals", "_unpickle_block"), "text", 0, 2)),
        ("a manager of nothing", call(name("pandas.core.internals.managers", "BlockManager"), (), [], FALSE)),
        (
            "a method of text that reads attributes",
            call(name("builtins", "getattr"), name("builtins", "str"), "format"),
        ),
    ):
        step = FunctionTransformer().fit(_ROWS)
        step.kw_args = {"a": Piece(opcodes)}
        yield what, assemble(step)
