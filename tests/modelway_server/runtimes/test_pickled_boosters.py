"""Models of XGBoost and LightGBM that were pickled answer as they do in process, on tables with categories and odd names."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from modelway_server.contract.frames import rows_of_frame
from modelway_server.contract.rows import rows_of_columns
from modelway_server.errors import InvalidInput, WarmupFailed
from modelway_server.protocol.mlflow import decode_csv
from modelway_server.runtimes.estimators.runtime import METHODS
from support.models import WINE, WINE_KINDS
from support.server.in_process import answer, load
from support.trained.boosters import rows_of, table
from support.trained.mlflow_models import folder

LABELS = np.array(["low", "middle", "high"])[WINE_KINDS]
BINARY = np.where(WINE_KINDS == 1, "yes", "no")
AMOUNT = WINE[:, 0] * 2
FEW: dict[str, Any] = {"n_estimators": 5, "n_jobs": 1}
LIGHT: dict[str, Any] = {**FEW, "verbosity": -1, "min_child_samples": 5}
MODELS: dict[str, Callable[[], Any]] = {
    "lightgbm, three labels": lambda: lightgbm.LGBMClassifier(**LIGHT).fit(table(), LABELS),
    "lightgbm, two labels": lambda: lightgbm.LGBMClassifier(**LIGHT).fit(table(), BINARY),
    "lightgbm, a number": lambda: lightgbm.LGBMRegressor(**LIGHT).fit(table(), AMOUNT),
    "lightgbm, found by a search": lambda: GridSearchCV(
        lightgbm.LGBMClassifier(**LIGHT), {"num_leaves": [4, 8]}, cv=2
    ).fit(table(), LABELS),
    "lightgbm, stopped early": lambda: lightgbm.LGBMRegressor(
        **LIGHT | {"n_estimators": 50, "early_stopping_round": 1}
    ).fit(table(), AMOUNT, eval_X=table(), eval_y=-AMOUNT),
    "xgboost, three classes": lambda: xgboost.XGBClassifier(**FEW, enable_categorical=True).fit(table(), WINE_KINDS),
    "xgboost, a number": lambda: xgboost.XGBRegressor(**FEW, enable_categorical=True).fit(table(), AMOUNT),
    "xgboost, the only step": lambda: make_pipeline(
        "passthrough", xgboost.XGBRegressor(**FEW, enable_categorical=True)
    ).fit(table(), AMOUNT),
    "xgboost, a value that is missing": lambda: xgboost.XGBRegressor(**FEW, enable_categorical=True, missing=13.2).fit(
        table().fillna(0.0), AMOUNT
    ),
    "xgboost, stopped early": lambda: xgboost.XGBRegressor(
        **FEW | {"n_estimators": 50}, enable_categorical=True, early_stopping_rounds=1
    ).fit(table(), AMOUNT, eval_set=[(table(), -AMOUNT)], verbose=False),
}


def save_model(directory: Path, model: Any) -> Path:
    joblib.dump(model, directory / "model.joblib")
    return directory / "model.joblib"


@pytest.mark.parametrize("name", MODELS)
def test_class_on_categories_answers_as_in_process(tmp_path: Path, name: str) -> None:
    model, frame = MODELS[name](), table().iloc[::3]
    runtime = load(save_model(tmp_path, model))
    assert runtime.engine == name.partition(",")[0]
    assert set(runtime.methods) == {method for method in METHODS if hasattr(model, method)}
    for method in runtime.methods:
        scores, own = answer(runtime, method, rows_of(frame)), getattr(model, method)(frame)
        if own.dtype.kind == "f":
            np.testing.assert_allclose(scores, own, rtol=1e-6)
        else:
            assert scores.tolist() == own.tolist()
    column = runtime.signature.columns[3]
    assert (column.datatype, column.categories) == ("BYTES", frozenset(["Bern", "Oslo", "Rome"]))
    if hasattr(model, "predict_proba"):
        assert runtime.signature.outputs["predict"][0].classes == tuple(model.classes_.tolist())


def test_unknown_category_of_a_pickled_model_is_named(tmp_path: Path) -> None:
    runtime = load(save_model(tmp_path, MODELS["lightgbm, two labels"]()))
    with pytest.raises(InvalidInput, match="city"):
        answer(runtime, "predict", [{**rows_of(table())[0], "city": "Paris"}])


def lightgbm_booster(frame: pd.DataFrame) -> tuple[Any, Any]:
    settings = {"objective": "binary", "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(frame, WINE_KINDS == 1), 5)
    return booster, booster.predict(frame)


def xgboost_booster(frame: pd.DataFrame) -> tuple[Any, Any]:
    settings = {"objective": "binary:logistic", "nthread": 1}
    rows = xgboost.DMatrix(frame, WINE_KINDS == 1, enable_categorical=True)
    booster = xgboost.train(settings, rows, 5)
    return booster, booster.predict(rows)


@pytest.mark.parametrize("train", [lightgbm_booster, xgboost_booster])
@pytest.mark.parametrize("dump", [joblib.dump, lambda model, path: path.write_bytes(pickle.dumps(model))])
def test_pickled_booster_answers_by_its_own_predict(
    tmp_path: Path, train: Callable[[pd.DataFrame], tuple[Any, Any]], dump: Callable[[Any, Path], Any]
) -> None:
    booster, own = train(table())
    dump(booster, tmp_path / "model.pkl")
    runtime = load(tmp_path / "model.pkl")
    assert runtime.methods == ("predict",)
    np.testing.assert_allclose(answer(runtime, "predict", rows_of(table())), own, rtol=1e-6)


SPACED = pd.DataFrame(WINE[:, :3], columns=["body mass", "age_group", "height"])
UNDERSCORED = SPACED.rename(columns=lambda name: str(name).replace(" ", "_"))


def as_text(directory: Path, model: Any) -> Path:
    model.booster_.save_model(directory / "model.txt")
    return directory / "model.txt"


def as_booster(directory: Path, model: Any) -> Path:
    return save_model(directory, model.booster_)


def in_mlflow(directory: Path, model: Any) -> Path:
    flavour = {"lightgbm": {"data": "model.pkl", "lgb_version": lightgbm.__version__}}
    path = folder(directory / "folder", flavour, columns=[(name, "double") for name in SPACED.columns])
    save_model(path, model).rename(path / "model.pkl")
    return path


def save_wrapped(directory: Path, model: Any) -> Path:
    """LightGBM in a class that knows its names from it alone, which answers as it does."""
    return save_model(directory, TransformedTargetRegressor(model).fit(SPACED, AMOUNT))


@pytest.mark.parametrize("save", [save_model, save_wrapped, as_text, as_booster, in_mlflow])
@pytest.mark.parametrize("frame", [SPACED, UNDERSCORED], ids=["spaces", "underscores"])
def test_lightgbm_takes_the_names_of_the_training_table(
    tmp_path: Path, frame: pd.DataFrame, save: Callable[[Path, Any], Path]
) -> None:
    model = lightgbm.LGBMRegressor(**LIGHT).fit(SPACED, AMOUNT)
    runtime, expected = load(save(tmp_path, model)), model.predict(SPACED)
    np.testing.assert_allclose(answer(runtime, "predict", frame.to_dict("records")), expected)
    rows = rows_of_columns(runtime.signature, {str(name): frame[name].tolist() for name in frame})
    np.testing.assert_allclose(runtime.call("predict", rows.values, rows.count)["predict"], expected)
    indexed = decode_csv(frame.to_csv().encode())
    rows = rows_of_frame(runtime.signature, indexed.columns or {}, "csv", ordered=True, textual=True)
    np.testing.assert_allclose(runtime.call("predict", rows.values, rows.count)["predict"], expected)
    with pytest.raises(InvalidInput, match="'body_mass' appears twice"):
        answer(runtime, "predict", [{"body mass": 1.0, "body_mass": 1.0, "age_group": 1.0, "height": 1.0}])


def test_text_for_codes_is_refused_with_what_to_do(tmp_path: Path) -> None:
    rows = xgboost.DMatrix(
        np.array([[0.0, 1.5], [1.0, 2.5]] * 20),
        [0, 1] * 20,
        feature_types=["c", "float"],
        feature_names=["region", "age"],
    )
    xgboost.train({"nthread": 1}, rows, 2).save_model(tmp_path / "model.json")
    runtime = load(tmp_path / "model.json")
    with pytest.raises(
        InvalidInput, match="categories that the model's file does not hold: send their codes"
    ) as refusal:
        answer(runtime, "predict", [{"region": "south", "age": 3.0}])
    assert refusal.value.field == "instances[0].region"
    assert len(answer(runtime, "predict", [{"region": 1, "age": 3.0}])) == 1


@pytest.mark.parametrize(
    "inner",
    [lightgbm.LGBMClassifier(**LIGHT), xgboost.XGBClassifier(**FEW, enable_categorical=True)],
    ids=["lightgbm", "xgboost"],
)
def test_class_on_categories_inside_another_has_a_remedy(tmp_path: Path, inner: Any) -> None:
    model = CalibratedClassifierCV(inner, cv=2).fit(table(), WINE_KINDS)
    with pytest.raises(WarmupFailed) as refusal:
        load(save_model(tmp_path, model))
    assert "OrdinalEncoder" in refusal.value.remedy
