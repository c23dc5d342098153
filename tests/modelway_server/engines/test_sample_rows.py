"""The rows that prove an engine lie where the model lives, and prove nothing where its answers hardly vary."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KernelDensity, KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, MinMaxScaler, OrdinalEncoder, QuantileTransformer, StandardScaler
from sklearn.svm import SVC, SVR

from modelway_server.engines.parity import answers_of, difference
from modelway_server.engines.plan.plan import NotCovered
from modelway_server.engines.sample_rows.random import draw, rows_of
from modelway_server.engines.sample_rows.sensitivity import sensitive_rows
from modelway_server.engines.sample_rows.training_points import MAX_VALUES, POINTS, training_points
from modelway_server.runtimes.estimators.runtime import METHODS, EstimatorRuntime
from support.server.prepared import prepare_runtime

RANDOM = np.random.default_rng(0)
CENTRE = np.array([5e5, 5.5e6, -300.0])
ROWS = CENTRE + RANDOM.normal(0, 3, (200, 3))
SCORE = (ROWS - CENTRE) @ [1.0, 2.0, 0.5]
KINDS = np.searchsorted([-3.0, 3.0], SCORE)
FRAME = pd.DataFrame({"east": ROWS[:, 0], "north": ROWS[:, 1], "kind": np.array(["field", "wood", "lake"])[KINDS]})

NEAR: dict[str, Any] = {
    "support vectors": SVC().fit(ROWS, KINDS),
    "training rows": KNeighborsClassifier().fit(ROWS, KINDS),
    "training rows of a process": GaussianProcessClassifier().fit(ROWS[:60], KINDS[:60]),
    "a tree of neighbours": KernelDensity().fit(ROWS),
    "centres": KMeans(4, n_init=1).fit(ROWS),
    "means of classes": GaussianNB().fit(ROWS, KINDS),
    "thresholds": RandomForestClassifier(5).fit(ROWS, KINDS),
    "thresholds of bins": HistGradientBoostingRegressor(max_iter=5).fit(ROWS, SCORE),
    "edges of bins": KBinsDiscretizer(encode="ordinal", strategy="uniform").fit(ROWS),
    "quantiles": QuantileTransformer(n_quantiles=20).fit(ROWS),
    "behind a scaler": make_pipeline(StandardScaler(), MinMaxScaler(), SVR()).fit(ROWS, SCORE),
    "behind a choice and a rotation": make_pipeline(SelectKBest(k=2), PCA(), SVC()).fit(ROWS, KINDS),
    "behind an imputer": make_pipeline(SimpleImputer(), SVC()).fit(ROWS, KINDS),
    "in members of other columns": BaggingClassifier(SVC(), 3, max_features=2).fit(ROWS, KINDS),
    "in what is no estimator": CalibratedClassifierCV(SVC(), cv=2).fit(ROWS, KINDS),
}


def itself(model: Any) -> EstimatorRuntime:
    """The model's own methods."""
    runtime = EstimatorRuntime(model, tuple(method for method in METHODS if hasattr(model, method)), None)
    runtime.warm_up()
    return runtime


def differs(native: EstimatorRuntime, engine: EstimatorRuntime, rows: list[Any]) -> str | None:
    return difference(answers_of(native, rows), answers_of(native, rows[:1]), engine, rows, 1e-5)


def table(points: list[list[Any]]) -> Any:
    return np.array([[np.nan if value is None else value for value in point] for point in points], dtype=float)


@pytest.mark.parametrize("case", NEAR)
def test_points_of_the_model_are_where_it_was_trained(case: str) -> None:
    points = table(training_points(NEAR[case], itself(NEAR[case]).signature, np.random.default_rng(1)))
    inside = (abs(points - CENTRE) < 15) | np.isnan(points)
    assert (inside.all(axis=1) & ~np.isnan(points).all(axis=1)).sum() >= 3
    assert inside[~np.isnan(points)].mean() > 0.4


def test_points_are_led_back_through_columns_of_a_frame() -> None:
    coder = make_column_transformer((StandardScaler(), ["north", "east"]), (OrdinalEncoder(), ["kind"]))
    model = make_pipeline(coder, SVC()).fit(FRAME, KINDS)
    points = training_points(model, itself(model).signature, np.random.default_rng(1))
    full = [point for point in points if None not in point]
    assert len(full) >= 20
    near = [abs(point[0] - 5e5) < 15 and abs(point[1] - 5.5e6) < 15 for point in full]
    assert sum(near) > 0.8 * len(full)
    assert {point[2] for point in full} == {"field", "wood", "lake"}


def test_ensemble_of_pipelines_over_a_frame_is_walked() -> None:
    columns = make_column_transformer((StandardScaler(), ["east", "north"]))
    members = [("near", make_pipeline(columns, KNeighborsClassifier())), ("line", make_pipeline(columns, SVC()))]
    for model in (StackingClassifier(members, cv=2), VotingClassifier(members)):
        runtime = itself(model.fit(FRAME, KINDS))
        points = training_points(model, runtime.signature, np.random.default_rng(1))
        near = abs(table([point[:2] for point in points]) - CENTRE[:2]) < 15
        assert near.all(axis=1).sum() >= 40


def test_points_of_many_columns_are_few() -> None:
    wide = np.tile(ROWS, 2000)
    model = RandomForestClassifier(20, max_depth=2).fit(wide, KINDS)
    points = training_points(model, itself(model).signature, np.random.default_rng(1))
    assert 0 < len(points) * wide.shape[1] <= MAX_VALUES + POINTS * wide.shape[1]


def test_rows_are_at_points_between_and_beside_them() -> None:
    model = NEAR["support vectors"]
    signature = itself(model).signature
    points = training_points(model, signature, np.random.default_rng(1))
    rows = np.array(draw(signature, points, seed=1), dtype=float)
    near = rows[(abs(rows - CENTRE) < 30).all(axis=1)]
    assert len(near) > 120
    exact = (near[:, np.newaxis] == table(points)).all(axis=2).any(axis=1)
    single = (near == near.astype(np.float32)).all(axis=1)
    steps = abs(near[:, np.newaxis] - table(points)).max(axis=2).min(axis=1)
    assert min(exact.sum(), single.sum(), ((steps > 0) & (steps < 1e-8)).sum(), (steps > 0.5).sum()) >= 5
    assert rows.tolist() == np.array(draw(signature, points, seed=1)).tolist()


def test_answers_that_hardly_vary_are_no_proof() -> None:
    native = itself(SVC().fit(ROWS, KINDS))
    far = [[float(index), 0.0, 0.0] for index in range(300)]
    with pytest.raises(NotCovered, match="hardly varies"):
        sensitive_rows(native, far, lambda _: far, 1e-5)


def test_more_sensitive_rows_are_drawn() -> None:
    native = itself(SVC().fit(ROWS, KINDS))
    far = [[float(index), 0.0, 0.0] for index in range(300)]
    rows = sensitive_rows(native, far, lambda _: ROWS.tolist(), 1e-5)
    labels = native.call("predict", np.array(rows), len(rows))["predict"]
    assert (len(rows), len(set(labels.tolist())) > 1) == (300, True)


def test_labels_are_tried_at_both_sides_of_their_boundaries() -> None:
    """A model that is off by less than float32 tells is found out."""
    model = LogisticRegression().fit(ROWS - CENTRE, KINDS > 1)
    native, other = itself(model), LogisticRegression().fit(ROWS - CENTRE, KINDS > 1)
    other.intercept_ = other.intercept_ + 2e-6
    rows = sensitive_rows(native, (ROWS - CENTRE).tolist(), lambda _: [], 1e-5)
    assert differs(native, itself(other), (ROWS - CENTRE).tolist()) is None
    assert "predict differs" in str(differs(native, itself(other), rows))


def test_no_row_is_where_rounding_chooses_its_label() -> None:
    """Two points that mirror each other have their middle on the boundary."""
    model = LogisticRegression().fit(ROWS - CENTRE, KINDS > 1)
    middle = -model.intercept_[0] * model.coef_[0] / (model.coef_[0] ** 2).sum()
    mirrored = [(middle + side * (1 + index) * model.coef_[0]).tolist() for index in range(50) for side in (-1, 1)]
    rows = sensitive_rows(itself(model), mirrored, lambda _: [], 1e-5)
    margins = abs(model.decision_function(rows)) / abs(model.coef_[0] * rows).sum(axis=1)
    assert margins.min() > 1e-11


def test_model_of_one_answer_is_served_as_it_is(tmp_path: Path) -> None:
    runtime = prepare_runtime(tmp_path, Lasso(alpha=1e9).fit(ROWS, SCORE))
    assert (runtime.engine, "hardly varies" in runtime.description["engine_reason"]) == ("estimator", True)


@pytest.mark.parametrize(("width", "rows"), [(1, 300), (1000, 300), (6000, 50), (100_000, 48)])
def test_wide_model_is_proved_on_fewer_rows(width: int, rows: int) -> None:
    assert rows_of(width) == rows
