"""Rows of several callers go to a model in one call only where nobody's rows change anybody's answer."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.decomposition import NMF, PCA
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor, VotingRegressor
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import BernoulliRBM, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
    scale,
)
from sklearn.svm import SVC, SVR

from modelway_server.engines.author_code import find_authors_code
from modelway_server.engines.choose import prepare_model
from modelway_server.engines.prepared import Prepared
from modelway_server.engines.row_independence import MOST, why_not_joined
from modelway_server.engines.sample_rows.probe_rows import probe_rows
from modelway_server.engines.sample_rows.random import draw
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.estimators.runtime import runtime_of
from modelway_server.runtimes.pickle.file import Unpickled
from modelway_server.settings import ModelSettings
from support.models import WINE, WINE_KINDS, mixed_pipeline, text_pipeline, wine_forest
from support.server.served import Served
from support.trained import graphs
from support.trained.boosters import lightgbm_classifier, xgboost_classifier
from support.trained.lazy import Lazy

RANDOM = np.random.default_rng(0)
TABLE = pd.DataFrame({"income": RANDOM.normal(50_000, 20_000, 300), "age": RANDOM.uniform(18, 80, 300)})
DEBT = TABLE["income"] / 1e4 + TABLE["age"]
CALLS = itertools.count()


def frame(rows: Any) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=TABLE.columns)


LEAKS: dict[str, Callable[[Any], Any]] = {
    "minus the mean": lambda rows: scale(rows, with_std=False),
    "scaled": scale,
    "filled from above": lambda rows: frame(rows).ffill().fillna(0.0),
    "filled by the mean": lambda rows: frame(rows).fillna(frame(rows).mean()).fillna(0.0),
    "rank": lambda rows: frame(rows).rank(),
    "rank among all": lambda rows: frame(rows).rank(pct=True) * 1e-3 + frame(rows),
    "running sum": lambda rows: frame(rows).fillna(0.0).cumsum(),
    "share of the largest": lambda rows: frame(rows).fillna(0.0) / (frame(rows).abs().max() + 1.0),
    "mean of its group": lambda rows: (
        frame(rows).groupby(frame(rows)["age"] > 0)[["income", "age"]].transform("mean").fillna(0.0)
    ),
    "another order": lambda rows: np.random.default_rng(1).permutation(np.nan_to_num(rows)),
    "a counter": lambda rows: np.nan_to_num(rows) + next(CALLS),
    "noise": lambda rows: np.nan_to_num(rows) + RANDOM.normal(size=np.shape(rows)),
    "noise of one seed": lambda rows: np.nan_to_num(rows) + np.random.default_rng(0).normal(size=np.shape(rows)),
    "dummies of what is there": lambda rows: (
        frame(rows).fillna(0.0).assign(age=lambda known: pd.get_dummies(known["age"]).to_numpy().argmax(axis=1))
    ),
    "quantiles of the call": lambda rows: QuantileTransformer(n_quantiles=3).fit_transform(np.nan_to_num(rows)),
    "the row above": lambda rows: frame(rows).shift(1).fillna(0.0),
    "a small share of the mean": lambda rows: (
        np.nan_to_num(rows) * (1 + 1e-7 * np.tanh(np.nan_to_num(rows).mean() / 1e5))
    ),
}


class Through(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A step of an author's: rows go through a function."""

    def __init__(self, function: Any = None) -> None:
        self.function = function

    def fit(self, rows: Any, _: Any = None) -> "Through":
        self.feature_names_in_ = np.array(list(rows.columns), dtype=object)
        return self

    def transform(self, rows: Any) -> Any:
        return self.function(rows)


def runtime(model: Any) -> Runtime:
    runtime = runtime_of(Unpickled(model), "auto")
    runtime.warm_up()
    return runtime


def try_rows(model: Any) -> str | None:
    """What the trial alone says, of whatever code."""
    model_runtime = runtime(model)
    rows = probe_rows(
        model_runtime.signature,
        model_runtime.example(),
        draw=lambda: draw(model_runtime.signature, (), 0),
        estimator=model,
        seed=0,
        count=MOST,
    )
    return why_not_joined(model_runtime, rows, tolerance=1e-5, seconds=60)


@pytest.mark.parametrize("name", LEAKS)
def test_rows_are_not_joined_where_one_changes_another(name: str) -> None:
    line = LinearRegression().fit(TABLE.to_numpy(), DEBT)
    model = make_pipeline(Through(LEAKS[name]).fit(TABLE), line)
    assert try_rows(model) is not None
    assert "Through is no code of" in str(find_authors_code(model))
    assert "may look at all rows" in str(find_authors_code(make_pipeline(FunctionTransformer(LEAKS[name]), line)))


NUMBERS, TARGET = WINE[:, :4], WINE[:, 6]
HOLES = np.where(RANDOM.uniform(size=NUMBERS.shape) < 0.1, np.nan, NUMBERS)
HONEST: Lazy[Any] = Lazy(
    {
        "forest": wine_forest,
        "line": lambda: LinearRegression().fit(NUMBERS, TARGET),
        "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(WINE, WINE_KINDS),
        "neighbours": lambda: KNeighborsRegressor().fit(NUMBERS, TARGET),
        "support vectors": lambda: SVR().fit(NUMBERS, TARGET),
        "support vectors of classes": lambda: SVC().fit(NUMBERS, WINE_KINDS),
        "network": lambda: make_pipeline(
            StandardScaler(), MLPRegressor(hidden_layer_sizes=20, max_iter=2000, random_state=0)
        ).fit(NUMBERS, TARGET),
        "boosting": lambda: HistGradientBoostingRegressor(max_iter=10).fit(HOLES, TARGET),
        "imputed": lambda: make_pipeline(SimpleImputer(), PCA(2), LinearRegression()).fit(HOLES, TARGET),
        "imputed by neighbours": lambda: make_pipeline(KNNImputer(), RandomForestRegressor(5)).fit(HOLES, TARGET),
        "quantiles": lambda: make_pipeline(QuantileTransformer(n_quantiles=20), LinearRegression()).fit(
            NUMBERS, TARGET
        ),
        "powers": lambda: make_pipeline(PowerTransformer(), PolynomialFeatures(2), LinearRegression()).fit(
            NUMBERS, TARGET
        ),
        "votes": lambda: VotingRegressor([("a", LinearRegression()), ("b", SVR())]).fit(NUMBERS, TARGET),
        "logarithm": lambda: make_pipeline(FunctionTransformer(np.log1p), LinearRegression()).fit(
            np.abs(NUMBERS), TARGET
        ),
        "logarithm of the target": lambda: TransformedTargetRegressor(
            LinearRegression(), func=np.log1p, inverse_func=np.expm1
        ).fit(NUMBERS, TARGET),
        "table": mixed_pipeline,
        "categories": lambda: make_pipeline(
            make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["city"]), remainder="passthrough"), SVR()
        ).fit(pd.DataFrame({"city": ["Rome", "Oslo"] * 10, "age": range(20)}), range(20)),
        "texts": text_pipeline,
    }
)


def decide(directory: Path, model: Any, **settings: Any) -> Prepared:
    (directory / "models").mkdir()
    (directory / "prepared").mkdir()
    joblib.dump(model, directory / "models" / "model.joblib")
    prepare_model(ModelSettings(model_dir=directory / "models", **settings), directory / "prepared")
    return Prepared.read(directory / "prepared")


@pytest.mark.parametrize("engine", ["auto", "native"])
@pytest.mark.parametrize("name", HONEST)
def test_rows_of_known_steps_are_joined(tmp_path: Path, name: str, engine: str) -> None:
    prepared = decide(tmp_path, HONEST[name], engine=engine)
    assert (prepared.joined, prepared.description["batching"]) == (True, "rows joined")


@pytest.mark.parametrize(
    "model", [NMF(2, max_iter=50, init="random", random_state=0), BernoulliRBM(2, n_iter=2, random_state=0)]
)
def test_steps_that_answer_a_call_as_a_whole_are_not_joined(tmp_path: Path, model: Any) -> None:
    rows = NUMBERS / NUMBERS.max(axis=0)
    model.fit(rows)
    prepared = decide(tmp_path, model)
    assert not prepared.joined, prepared.description


def test_function_that_learned_nothing_is_not_joined(tmp_path: Path) -> None:
    centred = FunctionTransformer(scale, kw_args={"with_std": False})
    prepared = decide(tmp_path, make_pipeline(centred, LinearRegression()).fit(TABLE, DEBT))
    assert prepared.joined is False
    assert prepared.description["batching"] == (
        "rows not joined: FunctionTransformer calls scale, which may look at all rows of a call"
    )


def test_probe_that_raises_leaves_the_model_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("modelway_server.engines.batch_choice.why_not_joined", fail)
    prepared = decide(tmp_path, HONEST["line"])
    assert (prepared.engine, prepared.joined) == ("linear", False)
    assert prepared.description["batching"] == "rows not joined: trying it failed (MemoryError: no room)"


def as_xgboost(path: Path) -> None:
    xgboost_classifier(WINE_KINDS, path / "model.ubj")


def as_lightgbm(path: Path) -> None:
    lightgbm_classifier(WINE_KINDS, path / "model.txt")


def as_graph(path: Path) -> None:
    graphs.forest(path / "model.onnx")


def as_graph_of_the_mean(path: Path) -> None:
    nodes = [
        onnx.helper.make_node("ReduceMean", ["rows"], ["mean"], axes=[0], keepdims=1),
        onnx.helper.make_node("Sub", ["rows", "mean"], ["scores"]),
    ]
    kind = onnx.TensorProto.FLOAT
    graphs.write(path / "model.onnx", nodes, [("rows", kind, ["n", 3])], [("scores", kind, ["n", 3])])


@pytest.mark.parametrize(
    ("save", "joined"),
    [(as_xgboost, True), (as_lightgbm, True), (as_graph, True), (as_graph_of_the_mean, False)],
)
def test_boosters_and_graphs_are_probed_for_batching(
    tmp_path: Path,
    save: Callable[[Path], None],
    joined: bool,  # noqa: FBT001
) -> None:
    (tmp_path / "models").mkdir()
    save(tmp_path / "models")
    preparation = prepare_model(ModelSettings(model_dir=tmp_path / "models"), tmp_path)
    assert (preparation["batching"] == "rows joined") is joined, preparation["batching"]


@pytest.mark.parametrize(
    ("model", "arguments", "batching"),
    [
        (HONEST["line"], (), "rows joined"),
        (HONEST["line"], ("--max-batch-rows=1",), "rows not joined: runtime.batching.maxRows is 1"),
        (
            make_pipeline(FunctionTransformer(scale), LinearRegression()).fit(TABLE, DEBT),
            (),
            "rows not joined: Function",
        ),
    ],
)
def test_server_reports_and_keeps_the_batching_decision(
    launched: Callable[..., Served], tmp_path: Path, model: Any, arguments: tuple[str, ...], batching: str
) -> None:
    joblib.dump(model, tmp_path / "model.joblib")
    server = launched(*arguments, path=tmp_path / "model.joblib").started()
    verdict = server.request("GET", "/v2/models/model").body["parameters"]["batching"]
    measured = [line["batch_rows"] for line in server.log if line["message"] == "measured"]
    assert verdict.startswith(batching)
    assert (measured == [1]) is (batching != "rows joined")
