"""An engine takes a model's place only with the model's own answers, and says so or why not."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler

from modelway_server.contract.rows import rows_of_instances
from modelway_server.contract.signature import Signature
from modelway_server.engines.choose import prepare_model
from modelway_server.engines.plan import linear as planning_linear
from modelway_server.engines.prepared import Prepared, plain_row
from modelway_server.engines.sample_rows.random import draw
from modelway_server.errors import EngineUnavailable, InvalidArtifact, InvalidInput
from modelway_server.runtimes.estimators.runtime import METHODS, EstimatorRuntime
from modelway_server.settings import ModelSettings
from support.models import APPLICANTS, APPROVED, WINE, WINE_KINDS, mixed_pipeline, text_pipeline
from support.server.prepared import prepare_runtime
from support.server.served import Served
from support.trained.lazy import Lazy

NAMES = np.array(["red", "rosé", "white"])[WINE_KINDS]
HOLES = np.where(np.random.default_rng(0).uniform(size=WINE.shape) < 0.1, np.nan, WINE)
PEOPLE = APPLICANTS.assign(floor=[0, 1, 2, 3] * 10, city=APPLICANTS["city"].fillna("Rome"))
EXACT, CLOSE = 0.0, 1e-12


def itself(model: Any) -> EstimatorRuntime:
    """The model's own methods."""
    runtime = EstimatorRuntime(model, tuple(method for method in METHODS if hasattr(model, method)), None)
    runtime.warm_up()
    return runtime


def encoder(*more: Any) -> ColumnTransformer:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return make_column_transformer((numbers, ["age"]), (OneHotEncoder(handle_unknown="ignore"), ["city"]), *more)


CASES: Lazy[tuple[Any, str, float]] = Lazy(
    {
        "forest": lambda: (RandomForestClassifier(15, random_state=0, n_jobs=-1).fit(WINE, NAMES), "onnx", EXACT),
        "forest of divided leaves": lambda: (
            RandomForestClassifier(15, min_samples_leaf=4, random_state=0).fit(WINE, WINE_KINDS),
            "onnx",
            EXACT,
        ),
        "forest with holes": lambda: (RandomForestClassifier(9, random_state=0).fit(HOLES, WINE_KINDS), "onnx", EXACT),
        "trees of several numbers": lambda: (
            ExtraTreesRegressor(7, random_state=0).fit(WINE, WINE[:, :2]),
            "onnx",
            EXACT,
        ),
        "boosting": lambda: (GradientBoostingClassifier(n_estimators=8).fit(WINE, NAMES), "onnx", CLOSE),
        "boosting of two classes": lambda: (
            GradientBoostingClassifier(n_estimators=8, loss="exponential").fit(WINE, WINE_KINDS > 0),
            "onnx",
            CLOSE,
        ),
        "boosting with holes": lambda: (HistGradientBoostingClassifier(max_iter=8).fit(HOLES, NAMES), "onnx", CLOSE),
        "scaled forest": lambda: (
            make_pipeline(RobustScaler(), RandomForestClassifier(9, random_state=0)).fit(WINE, NAMES),
            "onnx",
            EXACT,
        ),
        "folded": lambda: (
            make_pipeline(SimpleImputer(), StandardScaler(), PCA(4), LogisticRegression()).fit(HOLES, NAMES),
            "linear",
            CLOSE,
        ),
        "one against the rest": lambda: (
            make_pipeline(MinMaxScaler(clip=True), SGDClassifier(loss="log_loss")).fit(WINE, NAMES),
            "linear",
            CLOSE,
        ),
        "regression": lambda: (LinearRegression().fit(WINE, WINE[:, :2] * [1, 1e9]), "linear", CLOSE),
        "data frame": lambda: (mixed_pipeline(), "linear", CLOSE),
        "data frame of trees": lambda: (
            make_pipeline(encoder(), RandomForestClassifier(9, random_state=0)).fit(PEOPLE, APPROVED),
            "onnx",
            EXACT,
        ),
        "encoders": lambda: (
            make_pipeline(
                encoder(
                    (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["floor", "member"]),
                    (OneHotEncoder(drop="first"), ["note"]),
                ),
                Ridge(),
            ).fit(PEOPLE, WINE[:40, 0]),
            "linear",
            CLOSE,
        ),
    }
)


@pytest.mark.parametrize("case", CASES)
def test_engine_gives_the_models_own_answers(tmp_path: Path, case: str) -> None:
    model, engine, tolerance = CASES[case]
    runtime, native = prepare_runtime(tmp_path, model), itself(model)
    assert (runtime.engine, runtime.methods) == (engine, native.methods), runtime.description["engine_reason"]
    rows = draw(native.signature, (), seed=1, count=200)
    ours, theirs = rows_of_instances(runtime.signature, rows, ""), rows_of_instances(native.signature, rows, "")
    for method in native.methods:
        answer, expected = runtime.call(method, ours.values, 200), native.call(method, theirs.values, 200)
        assert list(answer) == [method]
        if expected[method].dtype.kind == "f":
            np.testing.assert_allclose(answer[method], expected[method], rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_array_equal(answer[method], expected[method])


def test_row_at_a_threshold_goes_the_same_way(tmp_path: Path) -> None:
    model = RandomForestClassifier(10, random_state=0).fit(WINE.astype(np.float32), WINE_KINDS)
    runtime = prepare_runtime(tmp_path, model)
    splits = [(tree.feature, tree.threshold) for tree in (member.tree_ for member in model.estimators_)]
    rows = np.repeat(WINE[:1], sum(len(threshold) for _, threshold in splits) * 3, axis=0)
    values = [
        (f, np.float64(t) + step) for fs, ts in splits for f, t in zip(fs, ts, strict=True) for step in (-1e-9, 0, 1e-9)
    ]
    for row, (feature, value) in zip(rows, values, strict=True):
        row[max(feature, 0)] = value
    np.testing.assert_array_equal(
        runtime.call("predict_proba", rows, len(rows))["predict_proba"], model.predict_proba(rows)
    )


def test_engine_with_other_answers_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = planning_linear.plan_linear

    def wrong(estimator: Any) -> Any:
        plan = honest(estimator)
        plan.arrays["intercept"] = plan.arrays["intercept"] + 0.001
        return plan

    monkeypatch.setattr("modelway_server.engines.plan.from_estimator.plan_linear", wrong)
    model = LinearRegression().fit(WINE, WINE_KINDS)
    for engine, taken, why in (("auto", "onnx", "skl2onnx"), ("native", "estimator", "predict differs in")):
        (tmp_path / engine).mkdir()
        runtime = prepare_runtime(tmp_path / engine, model, engine=engine)
        assert (runtime.engine, why in runtime.description["engine_reason"]) == (taken, True)
    monkeypatch.setattr("modelway_server.engines.conversion.convert", lambda estimator, *_, **__: wrong(estimator))
    with pytest.raises(EngineUnavailable, match="predict differs in"):
        prepare_runtime(tmp_path, model, engine="onnx")


def test_engine_within_the_tolerance_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = planning_linear.plan_linear
    monkeypatch.setattr(
        "modelway_server.engines.plan.from_estimator.plan_linear",
        lambda estimator: replace(
            honest(estimator), arrays={k: v * 1.001 for k, v in honest(estimator).arrays.items()}
        ),
    )
    assert prepare_runtime(tmp_path, LinearRegression().fit(WINE, WINE_KINDS), tolerance=0.01).engine == "linear"


@pytest.mark.parametrize(
    "case", ["forest", "forest with holes", "trees of one number", "scaled forest", "data frame of trees"]
)
def test_native_calls_a_forests_own_trees(tmp_path: Path, case: str) -> None:
    number = ExtraTreesRegressor(7, random_state=0).fit(WINE, WINE[:, 0])
    model = number if case == "trees of one number" else CASES[case][0]
    runtime, native = prepare_runtime(tmp_path, model, engine="native"), itself(model)
    assert runtime.engine == "trees"
    rows = rows_of_instances(native.signature, draw(native.signature, (), seed=2, count=100), "")
    for method in native.methods:
        expected = native.call(method, rows.values, 100)[method]
        np.testing.assert_array_equal(runtime.call(method, rows.values, 100)[method], expected)


def test_direct_trees_refuse_what_the_forest_refuses(tmp_path: Path) -> None:
    model = make_pipeline(StandardScaler(), RandomForestClassifier(3)).fit(WINE * 1e-30, NAMES)
    with pytest.raises(InvalidInput, match="too large"):
        prepare_runtime(tmp_path, model, engine="native").call("predict", np.full((1, 13), 1e20), 1)


def test_unknown_estimator_is_converted_by_skl2onnx(tmp_path: Path) -> None:
    model = make_pipeline(encoder(), GaussianNB()).fit(PEOPLE, APPROVED)
    runtime, native = prepare_runtime(tmp_path, model), itself(model)
    assert (runtime.engine, runtime.methods) == ("onnx", native.methods)
    assert "skl2onnx in float64" in runtime.description["engine_reason"]


def test_engine_that_takes_too_long_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    joblib.dump(GaussianNB().fit(WINE, WINE_KINDS), tmp_path / "models" / "model.joblib")

    def dawdle(*_: Any, **__: Any) -> None:
        while True:
            time.sleep(0.01)

    monkeypatch.setattr("modelway_server.engines.conversion.convert", dawdle)
    decided = prepare_model(ModelSettings(model_dir=tmp_path / "models"), tmp_path, seconds=0.5)
    assert (decided["engine"], "longer than 0.5 s" in decided["engine_reason"]) == ("estimator", True)


def test_graph_that_does_not_fit_into_the_pod_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelway_server.engines.plan.trees.memory_limit", lambda: 1 << 20)
    assert prepare_runtime(tmp_path, CASES["forest"][0]).engine == "trees"


def test_neighbours_are_looked_for_by_the_model_itself(tmp_path: Path) -> None:
    runtime = prepare_runtime(tmp_path, KNeighborsClassifier().fit(WINE, WINE_KINDS))
    assert (runtime.engine, "equally near" in runtime.description["engine_reason"]) == ("estimator", True)


def test_onnx_alone_takes_a_linear_model_too(tmp_path: Path) -> None:
    runtime, native = prepare_runtime(tmp_path, CASES["data frame"][0], engine="onnx"), itself(CASES["data frame"][0])
    assert runtime.engine == "onnx"
    row = runtime.example()
    own = rows_of_instances(native.signature, [plain_row(row)], "rows")
    np.testing.assert_allclose(
        runtime.call("predict_proba", row.values, 1)["predict_proba"],
        native.call("predict_proba", own.values, 1)["predict_proba"],
    )


def test_required_engine_that_is_impossible_fails_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"cannot be evaluated by onnx: .*texts") as error:
        prepare_runtime(tmp_path, text_pipeline(), engine="onnx")
    assert "spec.runtime.engine" in error.value.remedy


def test_number_beyond_float32_is_refused_as_by_the_model(tmp_path: Path) -> None:
    model = make_pipeline(StandardScaler(), RandomForestClassifier(3)).fit(WINE * 1e-30, WINE_KINDS)
    runtime, native, row = prepare_runtime(tmp_path, model), itself(model), np.full((1, 13), 1e20)
    for each in (runtime, native):
        with pytest.raises(InvalidInput):
            each.call("predict", row, 1)


def test_samples_are_rows_of_the_proof(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text('{"columns": ["age"], "data": [[1.0]]}')
    with pytest.raises(InvalidArtifact, match="missing: city"):
        prepare_runtime(tmp_path, mixed_pipeline(), samples=tmp_path / "mine.json")


@pytest.mark.parametrize(("text", "count"), [('{"instances": [[null, "Rome", "no", 0]]}', 301), ("{}", 300)])
def test_samples_beside_the_model_join_the_proof_if_readable(tmp_path: Path, text: str, count: int) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "samples.json").write_text(text)
    assert f"on {count} rows" in prepare_runtime(tmp_path, mixed_pipeline()).description["engine_reason"]


def test_two_preparations_decide_alike(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        prepare_runtime(tmp_path / name, CASES["data frame of trees"][0])
    first, second = (Prepared.read(tmp_path / name / "prepared") for name in ("one", "two"))
    assert first == second


def test_digest_seeds_the_rows_of_the_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []

    def drawn(signature: Signature, points: Any, seed: int) -> list[Any]:
        seeds.append(seed)
        return draw(signature, points, seed)

    monkeypatch.setattr("modelway_server.engines.sample_rows.proof.draw", drawn)
    first = []
    for number, alpha in enumerate((1.0, 1.0, 2.0)):
        seeds.clear()
        (tmp_path / str(number)).mkdir()
        prepare_runtime(tmp_path / str(number), Ridge(alpha=alpha).fit(WINE, WINE_KINDS))
        first.append(seeds[0])
    assert (first[0] == first[1], first[1] == first[2]) == (True, False)


def test_onnx_engine_imports_neither_scikit_learn_nor_pandas(tmp_path: Path) -> None:
    prepare_runtime(tmp_path, CASES["data frame of trees"][0])
    program = f"""
import sys
from pathlib import Path
import modelway_server.serving
from modelway_server.engines.load import load_prepared
runtime = load_prepared(Path({str(tmp_path / "models")!r}), Path({str(tmp_path / "prepared")!r}))
runtime.warm_up()
assert runtime.engine == "onnx"
heavy = {{"sklearn", "scipy", "pandas", "skl2onnx", "onnx", "joblib"}} & {{name.partition(".")[0] for name in sys.modules}}
print(", ".join(sorted(heavy)) or "none")
"""
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (process.stdout.strip(), process.stderr) == ("none", "")


def test_workers_share_a_session_opened_before_the_fork(launched: Callable[..., Served]) -> None:
    server = launched("--workers=2", model=CASES["forest"][0], cold=True).started()
    for _ in range(20):
        reply = server.infer(
            {"inputs": [{"name": "x", "shape": [1, 13], "datatype": "FP64", "data": WINE[0].tolist()}]}
        )
        assert reply.body["outputs"][0]["data"] == [NAMES[0]]
    parameters = server.request("GET", "/v2/models/model").body["parameters"]
    assert (parameters["engine"], "300 rows" in parameters["engine_reason"]) == ("onnx", True)
    assert 'modelway_engine_info{engine="onnx"' in server.probe("/metrics").body
    assert {"numpy", "onnxruntime", "sklearn", "scipy", "pandas"} & server.libraries() == {"numpy", "onnxruntime"}


def test_log_and_the_metadata_say_why_a_server_fell_back(launched: Callable[..., Served]) -> None:
    server = launched(model=KNeighborsClassifier().fit(WINE, WINE_KINDS), cold=True).started()
    why = "not onnx (by skl2onnx in float64): of rows that are equally near a graph takes others"
    parameters = server.request("GET", "/v2/models/model").body["parameters"]
    assert (parameters["engine"], parameters["engine_reason"]) == ("estimator", why)
    logged = [line for line in server.log if line["message"] == "warmed up"]
    assert [(line["engine"], line["engine_reason"]) for line in logged] == [("estimator", why)]
    assert 'modelway_engine_info{engine="estimator",model="model",revision' in server.probe("/metrics").body
    assert {"sklearn", "onnxruntime", "xgboost", "lightgbm"} & server.libraries() == {"sklearn"}


def test_column_of_any_type_leaves_the_model_as_it_is(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": WINE[:, 0], "city": ["Oslo", "Rome"] * (len(WINE) // 2)})
    runtime = prepare_runtime(
        tmp_path, make_column_transformer((StandardScaler(), ["a"]), ("passthrough", ["city"])).fit(frame)
    )
    assert runtime.engine == "estimator"
    assert "nobody knows what is sent for city" in runtime.description["engine_reason"]
