"""Indices and sizes that lead out of the state of a fitted object are refused; those of honest models are not."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.interpolate import BSpline
from sklearn.cluster import Birch
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
)
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from modelway_server.errors import UnsafeArtifact
from modelway_server.runtimes.pickle.structure import check_state
from support.files.states import state_of
from support.models import WINE, WINE_KINDS


def tree_state() -> tuple[str, Any]:
    return state_of(DecisionTreeClassifier(random_state=0).fit(WINE, WINE_KINDS).tree_)


def histogram_state() -> tuple[str, Any]:
    model = HistGradientBoostingClassifier(max_iter=2).fit(WINE, WINE_KINDS)
    return state_of(model._predictors[0][0])


def svm_state() -> tuple[str, Any]:
    return state_of(SVC().fit(WINE, WINE_KINDS))


def one_class_state() -> tuple[str, Any]:
    return state_of(OneClassSVM().fit(WINE))


def neighbors_state() -> tuple[str, Any]:
    return state_of(KNeighborsClassifier().fit(WINE, WINE_KINDS))


def matrix_state(form: str) -> tuple[str, Any]:
    return state_of(getattr(sparse, f"{form}_matrix")(np.eye(4)))


def spline_state() -> tuple[str, Any]:
    return state_of(BSpline(np.arange(8.0), np.ones((4, 2)), 3))


def text_state() -> tuple[str, Any]:
    return state_of(TfidfVectorizer().fit(["a few words", "of text"]))


def record_state() -> tuple[str, Any]:
    return state_of(DictVectorizer().fit([{"a": 1.0, "b": "x"}]))


def _node(field: str, number: int) -> Callable[[Any], None]:
    def spoil(state: Any) -> None:
        state["nodes"] = state["nodes"].copy()
        state["nodes"][field][0] = number

    return spoil


def _put(key: str, index: Any, number: Any) -> Callable[[Any], None]:
    def spoil(state: Any) -> None:
        state[key] = state[key].copy()
        state[key][index] = number

    return spoil


def _cut(key: str) -> Callable[[Any], None]:
    def spoil(state: Any) -> None:
        state[key] = state[key][:1]

    return spoil


def sparse_svm_state() -> tuple[str, Any]:
    return state_of(SVC().fit(sparse.csr_matrix(WINE), WINE_KINDS))


def regression_state() -> tuple[str, Any]:
    return state_of(SVR().fit(WINE, WINE[:, 0]))


def covariance_state() -> tuple[str, Any]:
    return state_of(EllipticEnvelope(random_state=0).fit(WINE))


def distances_state() -> tuple[str, Any]:
    return state_of(KNeighborsClassifier(metric="mahalanobis", metric_params={"VI": np.eye(13)}).fit(WINE, WINE_KINDS))


def cluster_state() -> tuple[str, Any]:
    return state_of(Birch(n_clusters=None).fit(WINE))


SPOILT: dict[str, tuple[Callable[[], tuple[str, Any]], Callable[[Any], None]]] = {
    "a left child beyond the tree": (tree_state, _node("left_child", 10**9)),
    "a right child beyond the tree": (tree_state, _node("right_child", 10**9)),
    "a child before its node": (tree_state, _node("left_child", 0)),
    "a negative child": (tree_state, _node("left_child", -7)),
    "a negative column": (tree_state, _node("feature", -5)),
    "values for some nodes only": (tree_state, _cut("values")),
    "another count of nodes": (tree_state, lambda state: state.update(node_count=1)),
    "a left child beyond a histogram tree": (histogram_state, _node("left", 10**9)),
    "a histogram tree that goes round": (histogram_state, _node("right", 0)),
    "a histogram tree without its set of categories": (histogram_state, _node("is_categorical", 1)),
    "a support vector that is not there": (svm_state, _put("support_", 0, 10**8)),
    "too few support vectors": (svm_state, _cut("support_vectors_")),
    "too few dual coefficients": (svm_state, _cut("_dual_coef_")),
    "too few intercepts": (svm_state, _cut("_intercept_")),
    "more support than there is": (svm_state, _put("_n_support", 0, 10**6)),
    "more support than one class has": (one_class_state, _put("_n_support", 0, 10**6)),
    "a regression that counts one class": (regression_state, _cut("_n_support")),
    "a regression that counts six classes": (
        regression_state,
        lambda state: state.update(_n_support=np.resize(state["_n_support"], 6)),
    ),
    "a regression with probabilities": (regression_state, lambda state: state.update(_effective_probability=True)),
    "probabilities without their sigmoids": (svm_state, lambda state: state.update(_effective_probability=True)),
    "probabilities that are a number": (svm_state, lambda state: state.update(_effective_probability=5000)),
    "a machine of another kind": (regression_state, lambda state: state.update(_impl="c_svc")),
    "an inverse covariance of no rows": (covariance_state, _cut("precision_")),
    "a centre of one column": (covariance_state, _cut("location_")),
    "distances by a matrix of one row": (
        distances_state,
        lambda state: state.update(effective_metric_params_={"VI": np.eye(13)[:1]}),
    ),
    "fewer rows than neighbours are looked for in": (neighbors_state, _cut("_fit_X")),
    "fewer labels than rows": (neighbors_state, _cut("_y")),
    "a label of no class": (neighbors_state, _put("_y", 0, 10**8)),
    "a label below the first class": (neighbors_state, _put("_y", 0, -1)),
    **{
        f"an index beyond a {form} matrix": (partial(matrix_state, form), _put("indices", 0, 99))
        for form in ("csr", "csc")
    },
    **{
        f"a pointer beyond a {form} matrix": (partial(matrix_state, form), _put("indptr", -1, 99))
        for form in ("csr", "csc", "bsr")
    },
    "a diagonal without its offset": (
        partial(matrix_state, "dia"),
        lambda state: state.update(offsets=state["offsets"][:0]),
    ),
    "a spline without coefficients": (spline_state, _cut("_c")),
    "a spline whose knots go back": (spline_state, _put("_t", 3, -9.0)),
    "a hash of no columns": (
        lambda: ("sklearn.FeatureHasher", {"n_features": 4}),
        lambda state: state.update(n_features=0),
    ),
    "norms of other rows": (
        neighbors_state,
        lambda state: state.update(effective_metric_params_={"Y_norm_squared": np.zeros(1)}),
    ),
    "sparse coefficients that are not there": (
        sparse_svm_state,
        lambda state: state.update(_dual_coef_=sparse.csr_matrix(state["_dual_coef_"].shape)),
    ),
    "clusters without norms": (cluster_state, _cut("_subcluster_norms")),
    "a key of records without its column": (
        record_state,
        lambda state: state["vocabulary_"].update({"a": 99}),
    ),
    "a key of records with a negative column": (
        record_state,
        lambda state: state["vocabulary_"].update({"a": -1}),
    ),
    "a word without its column": (text_state, lambda state: state["vocabulary_"].update(words=99)),
    "a word with a negative column": (text_state, lambda state: state["vocabulary_"].update(words=-1)),
}


@pytest.mark.parametrize("what", SPOILT)
def test_state_that_leads_out_of_itself_is_refused(what: str) -> None:
    make, spoil = SPOILT[what]
    kind, state = make()
    state = dict(state)
    check_state(kind, state)
    spoil(state)
    with pytest.raises(UnsafeArtifact, match="rule structure"):
        check_state(kind, state)


def test_neighbours_of_several_labels_agree_with_themselves() -> None:
    check_state(*state_of(KNeighborsClassifier().fit(WINE, np.column_stack([WINE_KINDS, WINE_KINDS > 0]))))
    check_state(*state_of(KNeighborsClassifier().fit(WINE, np.array(["a", "b", "c"])[WINE_KINDS])))


@pytest.mark.parametrize("kind", [SVR, NuSVR, OneClassSVM, SVC, NuSVC])
@pytest.mark.parametrize("rows", [WINE, sparse.csr_matrix(WINE)], ids=["dense", "sparse"])
def test_support_vector_machine_agrees_with_itself(kind: Any, rows: Any) -> None:
    check_state(*state_of(kind().fit(rows, WINE_KINDS)))
