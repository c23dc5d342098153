"""Parts that do not fit the object that owns them are refused; those of honest models are not."""

import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import BisectingKMeans, KMeans
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestRegressor,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
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


def bisecting() -> Any:
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
    "a centre of fewer columns": bisecting,
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
