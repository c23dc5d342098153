"""Indices and sizes that lead out of a fitted object are refused; those of honest models are not."""

import pickle
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.interpolate import BSpline
from sklearn.cluster import Birch, BisectingKMeans, KMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestRegressor,
)
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import DistanceMetric
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import BallTree, KDTree, KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from modelway_server.errors import UnsafeArtifact
from modelway_server.runtimes.pickle.owners import check_model
from modelway_server.runtimes.pickle.structure import check_state
from support.models import WINE, WINE_KINDS
from support.trained.estimators import example, names

PYTHON_UNPICKLER: Any = pickle._Unpickler
HONEST = [name for name in names() if re.search("Tree|Forest|Boosting|Neighbors|SV|KMeans|Spline|Vectorizer", name)]


class Watched(PYTHON_UNPICKLER):  # type: ignore[misc]  # pickle's own reader in Python
    """Shows each state to the check before an object gets it, as the builder does."""

    dispatch = dict(PYTHON_UNPICKLER.dispatch)  # noqa: RUF012

    def load_build(self) -> None:
        kind = type(self.stack[-2])
        check_state(f"{kind.__module__}.{kind.__qualname__}", self.stack[-1])
        PYTHON_UNPICKLER.load_build(self)

    dispatch[pickle.BUILD[0]] = load_build


def rebuilt(model: Any) -> Any:
    import io  # noqa: PLC0415

    return Watched(io.BytesIO(pickle.dumps(model))).load()


@pytest.mark.parametrize("name", HONEST)
def test_honest_estimator_passes_the_structure_check(name: str) -> None:
    check_model(rebuilt(example(name).estimator))


def state_of(thing: Any) -> tuple[str, Any]:
    kind, reduced = type(thing), thing.__reduce_ex__(2)
    return f"{kind.__module__}.{kind.__qualname__}", reduced[2]


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


@pytest.mark.parametrize("kind", [KDTree, BallTree])
@pytest.mark.parametrize("part", [1, 2, 3, 4, 5, 6])
def test_search_tree_that_leads_out_of_itself_is_refused(kind: Any, part: int) -> None:
    name, state = state_of(kind(WINE[:40], leaf_size=5))
    check_state(name, state)
    wrong = {1: state[1] + 40, 2: state[2][:3], 3: state[3][:, :2], 4: 0, 5: 70, 6: 99}[part]
    with pytest.raises(UnsafeArtifact, match="rule structure"):
        check_state(name, (*state[:part], wrong, *state[part + 1 :]))


METRICS: dict[str, tuple[str, dict[str, Any]]] = {
    "weights": ("minkowski", {"w": np.ones(13)}),
    "variances": ("seuclidean", {"V": np.ones(13)}),
    "an inverse covariance": ("mahalanobis", {"VI": np.eye(13)}),
}


@pytest.mark.parametrize("what", METRICS)
def test_metric_of_fewer_columns_than_its_tree_is_refused(what: str) -> None:
    metric, given = METRICS[what]
    name, state = state_of(BallTree(WINE, metric=metric, **given))
    check_state(name, state)
    narrow = DistanceMetric.get_metric(metric, **{key: np.eye(4) if key == "VI" else np.ones(4) for key in given})
    with pytest.raises(UnsafeArtifact, match="the metric measures other columns"):
        check_state(name, (*state[:11], narrow, *state[12:]))


def test_distance_on_a_globe_takes_two_columns() -> None:
    name, state = state_of(BallTree(WINE[:, :2], metric="haversine"))
    check_state(name, state)
    wide = state_of(BallTree(WINE))[1]
    with pytest.raises(UnsafeArtifact, match="the metric measures other columns"):
        check_state(name, (*wide[:11], state[11], *wide[12:]))


def test_metric_whose_matrix_is_not_square_is_refused() -> None:
    name, (power, vector, matrix) = state_of(DistanceMetric.get_metric("mahalanobis", VI=np.eye(4)))
    check_state(name, (power, vector, matrix))
    with pytest.raises(UnsafeArtifact, match="not square"):
        check_state(name, (power, vector, matrix[:, :1]))


@pytest.mark.parametrize("part", [0, 1])
def test_search_tree_of_boxes_has_both_corners(part: int) -> None:
    name, state = state_of(KDTree(WINE))
    with pytest.raises(UnsafeArtifact, match="bounds are not those"):
        check_state(name, (*state[:3], state[3][part : part + 1], *state[4:]))


def test_tree_reading_more_columns_than_its_owner_is_refused() -> None:
    wide, narrow = RandomForestRegressor(2).fit(WINE, WINE[:, 0]), RandomForestRegressor(2).fit(WINE[:, :2], WINE[:, 0])
    narrow.estimators_ = wide.estimators_
    with pytest.raises(UnsafeArtifact, match="13 columns, and the model takes 2"):
        check_model(narrow)


def forest_of_others() -> Any:
    forest = IsolationForest(n_estimators=2).fit(WINE[:, :2])
    forest.estimators_ = IsolationForest(n_estimators=2).fit(WINE).estimators_
    return forest


def boosting_of_many() -> Any:
    model = GradientBoostingRegressor(n_estimators=1, init="zero").fit(WINE, WINE[:, 0])
    model.estimators_ = np.repeat(model.estimators_, 9, axis=1)
    return model


def encoder_of_one() -> Any:
    model = OneHotEncoder().fit(WINE[:, :1])
    model._n_features_outs = [1]
    return model


def histograms_behind(first: Any) -> Any:
    model = HistGradientBoostingClassifier(max_iter=1).fit(WINE, WINE_KINDS)
    model._preprocessor = first
    return model


def tree_of_width(width: Any) -> Any:
    model = DecisionTreeClassifier().fit(WINE, WINE_KINDS)
    vars(model).pop("n_features_in_")
    if width is not None:
        model.n_features_in_ = width
    return model


def bisected() -> Any:
    model = BisectingKMeans(2).fit(WINE)
    model._bisecting_tree.left.center = np.zeros(2)
    return model


def boosting_behind(start: Any) -> Any:
    model = GradientBoostingClassifier(n_estimators=1).fit(WINE, WINE_KINDS)
    model.init_ = start
    return model


def dummy(**attributes: Any) -> Any:
    model = GradientBoostingClassifier(n_estimators=1).fit(WINE, WINE_KINDS)
    vars(model.init_).update(attributes)
    return model


def dummy_number(**attributes: Any) -> Any:
    model = GradientBoostingRegressor(n_estimators=1).fit(WINE, WINE[:, 0])
    vars(model.init_).update(attributes)
    return model


def boosting_from_nothing() -> Any:
    model = GradientBoostingRegressor(n_estimators=1, init="zero").fit(WINE, WINE[:, 0])
    model.n_trees_per_iteration_ = 0
    return model


def cyclic() -> Any:
    model = make_pipeline(FunctionTransformer()).fit(WINE)
    model.steps.append(("again", model))
    return model


MISFITS: dict[str, Callable[[], Any]] = {
    "isolation trees of more columns": forest_of_others,
    "more trees a step than answers": boosting_of_many,
    "boosting that begins with no column": boosting_from_nothing,
    "a constant of fewer classes": lambda: dummy(n_classes_=2),
    "a constant of two answers": lambda: dummy_number(n_outputs_=2),
    "a constant of no answer": lambda: dummy_number(n_outputs_=0),
    "a constant for a number that is two": lambda: dummy_number(constant_=np.zeros((1, 2))),
    "a pipeline that holds itself": cyclic,
    "more categories than columns": encoder_of_one,
    "histograms behind another transformer": lambda: histograms_behind(FunctionTransformer()),
    "a tree without a width": lambda: tree_of_width(None),
    "a tree whose width is no integer": lambda: tree_of_width(13.0),
    "a centre of fewer columns": bisected,
}


@pytest.mark.parametrize("what", MISFITS)
def test_part_that_does_not_fit_its_owner_is_refused(what: str) -> None:
    with pytest.raises(UnsafeArtifact, match="rule structure"):
        check_model(MISFITS[what]())


class Narrow(GaussianNB):  # type: ignore[misc]  # scikit-learn has no types
    """Gives fewer rows, or fewer columns, than it is asked."""

    rows, columns = 1, 1

    def predict_proba(self, rows: Any) -> Any:
        return super().predict_proba(rows)[:: self.rows, :: self.columns]


@pytest.mark.parametrize(("rows", "columns"), [(2, 1), (1, 2)])
def test_boosting_behind_a_model_that_answers_less_raises(rows: int, columns: int) -> None:
    start = Narrow().fit(WINE, WINE_KINDS)
    start.rows, start.columns = rows, columns
    model = boosting_behind(start)
    check_model(model)
    with pytest.raises(ValueError, match="a member of the model gives answers of the shape"):
        model.predict_proba(WINE)


def test_boosting_behind_a_model_answers_as_before() -> None:
    for kind, start, target in (
        (GradientBoostingClassifier, KNeighborsClassifier(), WINE_KINDS),
        (GradientBoostingClassifier, KNeighborsClassifier(), WINE_KINDS > 0),
        (GradientBoostingRegressor, KNeighborsRegressor(), WINE[:, 0]),
    ):
        model = kind(init=start, n_estimators=2).fit(WINE, target)
        expected = model.predict(WINE)
        check_model(model)
        check_model(model)
        assert np.array_equal(model.predict(WINE), expected)


def test_parts_of_rare_and_dropped_categories_agree() -> None:
    for options in ({"min_frequency": 5}, {"drop": "first"}, {"max_categories": 3, "drop": "first"}, {}):
        check_model(OneHotEncoder(**options).fit(WINE.round()))
    check_model(IsolationForest(n_estimators=2, max_features=0.5).fit(WINE))
    check_model(GradientBoostingClassifier(n_estimators=1).fit(WINE, WINE_KINDS))
    check_model(HistGradientBoostingClassifier(max_iter=1, categorical_features=[0]).fit(WINE.round(), WINE_KINDS))


def test_centres_of_another_width_than_the_rows_are_refused() -> None:
    model = KMeans(2, n_init=1, random_state=0).fit(WINE)
    model.cluster_centers_ = model.cluster_centers_[:, :3].copy()
    with pytest.raises(UnsafeArtifact, match="3 columns, and the model takes 13"):
        check_model(model)


def test_neighbours_of_several_labels_agree_with_themselves() -> None:
    check_state(*state_of(KNeighborsClassifier().fit(WINE, np.column_stack([WINE_KINDS, WINE_KINDS > 0]))))
    check_state(*state_of(KNeighborsClassifier().fit(WINE, np.array(["a", "b", "c"])[WINE_KINDS])))


@pytest.mark.parametrize("kind", [SVR, NuSVR, OneClassSVM, SVC, NuSVC])
@pytest.mark.parametrize("rows", [WINE, sparse.csr_matrix(WINE)], ids=["dense", "sparse"])
def test_support_vector_machine_agrees_with_itself(kind: Any, rows: Any) -> None:
    check_state(*state_of(kind().fit(rows, WINE_KINDS)))
