"""XGBoost and LightGBM models answer as their own library does in process; damaged files say so."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import pytest
import xgboost

from modelway_server.errors import InvalidInput, LoadFailure, UnsupportedModel
from modelway_server.runtimes import load_runtime
from support.models import WINE, WINE_KINDS
from support.server.in_process import answer, load
from support.server.served import Served
from support.trained.boosters import CITIES, NAMES, lightgbm_classifier, rows_of, table, xgboost_classifier

Launch = Callable[..., Served]
NATIVE = {"objective": "binary:logistic", "nthread": 1}
KINDS = {"two": (WINE_KINDS > 0).astype(int), "three": WINE_KINDS}
CLASSIFIERS: dict[str, Any] = {"json": xgboost_classifier, "ubj": xgboost_classifier, "txt": lightgbm_classifier}


@pytest.mark.parametrize("labels", KINDS)
@pytest.mark.parametrize("suffix", CLASSIFIERS)
def test_classifier_on_categories_and_gaps_answers_as_in_process(tmp_path: Path, suffix: str, labels: str) -> None:
    path = tmp_path / "no-hint"
    model = CLASSIFIERS[suffix](KINDS[labels], tmp_path / f"model.{suffix}")
    (tmp_path / f"model.{suffix}").rename(path)
    runtime, frame = load(path), table()
    assert runtime.methods == ("predict", "predict_proba")
    assert np.array_equal(answer(runtime, "predict", rows_of(frame)), model.predict(frame))
    assert np.allclose(answer(runtime, "predict_proba", rows_of(frame)), model.predict_proba(frame), rtol=0, atol=1e-7)
    city = runtime.signature.columns[3]
    assert (city.name, city.datatype, city.categories) == ("city", "BYTES", frozenset(CITIES))
    assert runtime.signature.outputs["predict_proba"][0].classes == tuple(range(len(set(KINDS[labels]))))


@pytest.mark.parametrize("suffix", ["ubj", "txt"])
def test_unknown_category_is_named(tmp_path: Path, suffix: str) -> None:
    CLASSIFIERS[suffix](WINE_KINDS, tmp_path / f"model.{suffix}")
    row = {**rows_of(table().head(1))[0], "city": "Paris"}
    with pytest.raises(InvalidInput, match=r"'Paris'.*none of the categories"):
        answer(load(tmp_path / f"model.{suffix}"), "predict", [row])


@pytest.mark.parametrize("objective", ["reg:squarederror", "count:poisson", "rank:pairwise", "reg:logistic"])
def test_xgboost_gives_the_number_of_other_objectives(tmp_path: Path, objective: str) -> None:
    data = xgboost.DMatrix(WINE, label=WINE_KINDS / 2, qid=np.zeros(len(WINE)) if "rank" in objective else None)
    model = xgboost.train({"objective": objective, "nthread": 1}, data, 3)
    model.save_model(tmp_path / "model.json")
    runtime = load(tmp_path / "model.json")
    assert runtime.methods == ("predict",)
    assert np.array_equal(answer(runtime, "predict", WINE.tolist()), model.inplace_predict(WINE))
    assert not runtime.signature.named


def test_xgboost_with_early_stopping_answers_as_its_estimator(tmp_path: Path) -> None:
    targets = np.column_stack([WINE_KINDS, WINE[:, 0]])
    model = xgboost.XGBRegressor(n_estimators=40, early_stopping_rounds=1, n_jobs=1, learning_rate=1.0)
    model.fit(WINE[::2], targets[::2], eval_set=[(WINE[1::2], targets[1::2])], verbose=False)
    model.save_model(tmp_path / "model.ubj")
    assert model.best_iteration < model.get_booster().num_boosted_rounds() - 1
    assert np.array_equal(answer(load(tmp_path / "model.ubj"), "predict", WINE.tolist()), model.predict(WINE))


@pytest.mark.parametrize("objective", ["multi:softmax", "binary:hinge", "binary:logitraw"])
def test_xgboost_objectives_of_labels_or_scores_give_labels(tmp_path: Path, objective: str) -> None:
    several = objective.startswith("multi")
    labels = WINE_KINDS if several else (WINE_KINDS > 0).astype(int)
    parameters = {"objective": objective, "nthread": 1} | ({"num_class": 3} if several else {})
    model = xgboost.train(parameters, xgboost.DMatrix(WINE, label=labels), 5)
    model.save_model(tmp_path / "model.json")
    runtime = load(tmp_path / "model.json")
    predicted = answer(runtime, "predict", WINE.tolist())
    assert predicted.dtype == np.int64
    scores = model.inplace_predict(WINE)
    assert np.array_equal(predicted, scores > 0 if objective == "binary:logitraw" else scores)
    if several:
        assert np.allclose(answer(runtime, "predict_proba", WINE.tolist()).sum(axis=1), 1)


def a_score_as_label(directory: Path) -> tuple[Any, Path]:
    model = xgboost.XGBClassifier(n_estimators=3, n_jobs=1, objective="binary:logitraw").fit(WINE, WINE_KINDS > 0)
    model.save_model(directory / "model.json")
    return model, directory / "model.json"


def lines(directory: Path) -> tuple[Any, Path]:
    model = xgboost.XGBRegressor(n_estimators=3, n_jobs=1, booster="gblinear").fit(WINE, WINE_KINDS)
    model.save_model(directory / "model.ubj")
    return model, directory / "model.ubj"


def pickled_lines(directory: Path) -> tuple[Any, Path]:
    model, _ = lines(directory)
    joblib.dump(model.get_booster(), directory / "model.joblib")
    return model, directory / "model.joblib"


def pickled_score_as_label(directory: Path) -> tuple[Any, Path]:
    model = xgboost.XGBClassifier(n_estimators=3, n_jobs=1, objective="binary:logitraw", enable_categorical=True)
    joblib.dump(model.fit(table(), WINE_KINDS > 0), directory / "model.joblib")
    return model, directory / "model.joblib"


@pytest.mark.parametrize("saved", [a_score_as_label, pickled_score_as_label, lines, pickled_lines])
def test_file_answers_as_the_class_that_saved_it(tmp_path: Path, saved: Callable[[Path], tuple[Any, Path]]) -> None:
    model, path = saved(tmp_path)
    frame = table() if saved is pickled_score_as_label else None
    rows = WINE.tolist() if frame is None else rows_of(frame)
    own = model.predict(WINE if frame is None else frame)
    assert len(set(own.tolist())) > 1
    assert np.allclose(answer(load(path), "predict", rows), own)


def as_json(model: Any, path: Path) -> None:
    model.save_model(path)


def on_cities(*names: str) -> Any:
    cities = table()["city"].cat.rename_categories(dict(zip(CITIES, names, strict=True)))
    model = xgboost.XGBRegressor(n_estimators=2, n_jobs=1, enable_categorical=True)
    return model.fit(table().assign(city=cities), WINE_KINDS)


@pytest.mark.parametrize("save", [as_json, joblib.dump])
def test_categories_that_xgboost_cut_inside_a_letter_are_refused(
    tmp_path: Path, save: Callable[[Any, Path], Any]
) -> None:
    save(on_cities("é", "ü", "ß"), tmp_path / "model.json")
    with pytest.raises(UnsupportedModel, match="letters beyond ASCII") as refusal:
        load(tmp_path / "model.json")
    assert "OrdinalEncoder" in refusal.value.remedy


@pytest.mark.parametrize("save", [as_json, joblib.dump])
def test_categories_that_xgboost_may_have_cut_have_a_caution(tmp_path: Path, save: Callable[[Any, Path], Any]) -> None:
    save(on_cities("Lübeck", "Zürich", "Århus"), tmp_path / "model.json")
    runtime = load(tmp_path / "model.json")
    assert "Zürich" not in (runtime.signature.columns[3].categories or ())
    assert "letters beyond ASCII" in runtime.description["caution"]


@pytest.mark.parametrize("objective", ["regression", "lambdarank", "poisson", "cross_entropy", "quantile"])
def test_lightgbm_gives_the_number_of_other_objectives(tmp_path: Path, objective: str) -> None:
    labels = WINE_KINDS if objective == "lambdarank" else WINE_KINDS / 2
    group = [len(WINE)] if objective == "lambdarank" else None
    data = lightgbm.Dataset(WINE, label=labels, group=group, params={"verbose": -1})
    model = lightgbm.train({"objective": objective, "verbose": -1, "num_threads": 1}, data, 5)
    model.save_model(tmp_path / "model.txt")
    runtime = load(tmp_path / "model.txt")
    assert runtime.methods == ("predict",)
    assert np.array_equal(answer(runtime, "predict", WINE.tolist()), model.predict(WINE))


@pytest.mark.parametrize("suffix", ["ubj", "txt"])
def test_boosters_are_served_over_http(
    launched: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    """By workers with threads of their own: those that OpenMP kept for the thread that loaded the model end at a fork."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    model = CLASSIFIERS[suffix](WINE_KINDS, tmp_path / f"model.{suffix}")
    server = launched("--workers=2", "--method=predict_proba", path=tmp_path / f"model.{suffix}").started()
    frame = table().head(5)
    reply = server.predict({"instances": rows_of(frame)})
    assert reply.status == 200, reply.body
    assert np.allclose(reply.body["predictions"], model.predict_proba(frame), rtol=0, atol=1e-6)
    metadata = server.request("GET", "/v2/models/model").body
    assert metadata["platform"] == ("lightgbm" if suffix == "txt" else "xgboost")
    assert [tensor["name"] for tensor in metadata["inputs"]] == NAMES


def test_method_unknown_to_the_objective_is_refused(tmp_path: Path) -> None:
    xgboost.train({"nthread": 1}, xgboost.DMatrix(WINE, label=WINE_KINDS), 2).save_model(tmp_path / "m.json")
    with pytest.raises(LoadFailure, match="has no predict_proba; it has predict"):
        load_runtime(tmp_path / "m.json", format="auto", method="predict_proba")


def test_another_format_than_the_bytes_show_is_refused(tmp_path: Path) -> None:
    lightgbm_classifier(WINE_KINDS, tmp_path / "model.json")
    with pytest.raises(LoadFailure, match=r"a model of LightGBM, and spec\.model\.format says xgboost"):
        load_runtime(tmp_path / "model.json", format="xgboost", method="auto")


def test_newer_xgboost_is_named_when_its_file_does_not_load(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    xgboost.train({"nthread": 1}, xgboost.DMatrix(WINE, label=WINE_KINDS), 2).save_model(path)
    newer = re.sub(r'"version":\[[\d,]+\]', '"version":[99,1,0]', path.read_text())
    path.write_text(newer)
    assert load(path).description["saved_with_xgboost"] == "99.1.0"
    path.write_text(newer.replace('"gradient_booster"', '"boosted_by"'))
    with pytest.raises(
        LoadFailure, match=rf"saved with XGBoost 99\.1\.0, served with {re.escape(xgboost.__version__)}:"
    ) as error:
        load(path)
    assert error.value.reason == "RuntimeVersionMismatch"


def test_newer_layout_of_lightgbm_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    lightgbm_classifier(WINE_KINDS, path)
    path.write_text(path.read_text().replace("version=v4", "version=v9"))
    with pytest.raises(LoadFailure, match=f"text layout v9, served with {re.escape(lightgbm.__version__)}") as error:
        load(path)
    assert error.value.reason == "RuntimeVersionMismatch"


@pytest.mark.parametrize("suffix", ["json", "ubj", "txt"])
def test_truncated_file_is_damaged(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model.{suffix}"
    CLASSIFIERS[suffix](WINE_KINDS, path)
    whole = path.read_bytes()
    for share in (0.2, 0.5, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(LoadFailure, match="truncated or damaged") as error:
            load(path)
        assert error.value.reason == "InvalidArtifact"


def test_trees_of_another_length_never_reach_lightgbm(tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    lightgbm_classifier(WINE_KINDS, path)
    whole = path.read_text()
    for before, after in (("leaf_value=", "leaf_value=1 "), ("num_leaves=", "num_leaves=9"), ("Tree=1", "Tree=7")):
        path.write_text(whole.replace(before, after, 1))
        with pytest.raises(LoadFailure, match="truncated or damaged"):
            load(path)


def test_version_of_both_layouts_is_read(tmp_path: Path) -> None:
    for suffix in ("json", "ubj"):
        xgboost_classifier(WINE_KINDS, tmp_path / f"model.{suffix}")
        assert load(tmp_path / f"model.{suffix}").description["saved_with_xgboost"] == xgboost.__version__
    assert json.loads((tmp_path / "model.json").read_bytes())["version"]
