"""MLflow's model folders are served by the flavour that they have, with the names and versions that they tell."""

import itertools
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression

from modelway_server.errors import InvalidArtifact, LoadFailure
from modelway_server.runtimes import load_runtime
from support.models import WINE, WINE_KINDS, wine_forest
from support.server.in_process import answer, load
from support.server.served import Served, launch
from support.trained import graphs
from support.trained.boosters import lightgbm_classifier, rows_of, table, xgboost_classifier
from support.trained.mlflow_models import NAMES, folder, of_sklearn

Launch = Callable[..., Served]


def refusal_of(path: Path, **options: Any) -> LoadFailure:
    with pytest.raises(LoadFailure) as error:
        load(path, **options)
    return error.value


def test_estimator_is_served_with_the_names_of_the_folder(tmp_path: Path) -> None:
    model = wine_forest()
    of_sklearn(tmp_path / "models" / "wine", model, sklearn_version=sklearn.__version__)
    server = launch(tmp_path)
    try:
        rows = [dict(zip(NAMES, row, strict=True)) for row in WINE[:20].tolist()]
        reply = server.started().predict({"instances": rows})
        assert reply.status == 200, reply.body
        assert reply.body["predictions"] == model.predict(WINE[:20]).tolist()
        metadata = server.request("GET", "/v2/models/model").body
        assert metadata["inputs"][0]["parameters"]["columns"] == NAMES
        assert metadata["parameters"]["saved_with_mlflow"] == "3.1.0"
    finally:
        server.stop()


def test_boosters_and_graphs_are_found_by_their_flavour(tmp_path: Path) -> None:
    xgb = folder(tmp_path / "xgb", {"xgboost": {"data": "model.ubj", "xgb_version": "3.0"}})
    model = xgboost_classifier(WINE_KINDS, xgb / "model.ubj")
    assert np.array_equal(answer(load(xgb), "predict", rows_of(table())), model.predict(table()))
    lgb = folder(tmp_path / "lgb", {"lightgbm": {"data": "model.lgb", "lgb_version": "4.0"}})
    other = lightgbm_classifier(WINE_KINDS, lgb / "model.lgb")
    assert np.array_equal(answer(load(lgb), "predict", rows_of(table())), other.predict(table()))
    graph = folder(tmp_path / "graph", {"onnx": {"data": "model.onnx", "onnx_version": "1.18"}})
    graphs.forest(graph / "model.onnx")
    assert answer(load(graph), "predict", WINE[:5].tolist()).tolist() == wine_forest().predict(WINE[:5]).tolist()
    assert load(graph).platform == "onnx"


def test_other_version_is_the_cause_only_when_the_model_fails(tmp_path: Path) -> None:
    path = of_sklearn(tmp_path / "wine", wine_forest(), sklearn_version="1.2.3")
    description = load(path).description
    assert description["saved_with_scikit_learn"] == "1.2.3"
    assert (
        description["caution"]
        == f"saved with scikit-learn 1.2.3, served with {sklearn.__version__}: answers may differ"
    )
    broken = LogisticRegression().fit(WINE / WINE.max(axis=0), WINE_KINDS)
    del broken.classes_
    failure = refusal_of(of_sklearn(tmp_path / "broken", broken, sklearn_version="1.2.3"))
    assert failure.reason == "RuntimeVersionMismatch"
    assert f"saved with scikit-learn 1.2.3, served with {sklearn.__version__}" in failure.message


def test_code_that_only_mlflow_can_load_needs_mlflow_and_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder(
        tmp_path / "code", {"python_function": {"loader_module": "mlflow.pyfunc.model"}}, columns=[("a", "double")]
    )
    failure = refusal_of(path)
    assert (failure.reason, "spec.runtime.image" in failure.remedy) == ("UnsupportedModel", True)
    stand_in = tmp_path / "site" / "mlflow"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").touch()
    (stand_in / "pyfunc.py").write_text(
        "class Model:\n    def predict(self, frame):\n        return frame['a'].to_numpy() * 2\n\n"
        "def load_model(path):\n    return Model()\n"
    )
    monkeypatch.syspath_prepend(stand_in.parent)
    try:
        failure = refusal_of(path)
        assert (failure.reason, "mlflow.pyfunc.load_model" in failure.remedy) == ("UnsafeArtifact", True)
        runtime = load(path, trusted_types=("mlflow.pyfunc.load_model",))
        assert answer(runtime, "predict", [{"a": 2.0}, {"a": 3.0}]).tolist() == [4.0, 6.0]
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "mlflow"]:
            del sys.modules[name]


@pytest.mark.parametrize("name", ["../outside.pkl", "/etc/passwd", "absent.pkl"])
def test_file_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside.pkl").write_bytes(b"x")
    failure = refusal_of(folder(tmp_path / "model", {"sklearn": {"pickled_model": name}}))
    assert (failure.reason, name in failure.message) == ("InvalidArtifact", True)


@pytest.mark.parametrize(
    "text", ["", "flavors: 1", "- x", "flavors: {a: !!python/object/apply:os.system [true]}", "a: [" * 2000]
)
def test_damaged_mlmodel_is_refused(tmp_path: Path, text: str) -> None:
    path = folder(tmp_path / "model", {})
    (path / "MLmodel").write_text(text)
    assert refusal_of(path).reason == "InvalidArtifact"


def test_flavour_that_is_not_served_is_named(tmp_path: Path) -> None:
    assert "it has spark" in refusal_of(folder(tmp_path / "model", {"spark": {"model_data": "x"}})).message


def test_missing_model_file_is_refused_in_a_plausible_folder(tmp_path: Path) -> None:
    path = of_sklearn(tmp_path / "wine", wine_forest(), sklearn_version=sklearn.__version__)
    shutil.copy(path / "requirements.txt", path / "model.pkl")
    assert refusal_of(path).reason == "InvalidArtifact"


BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}]\n" for a, b in itertools.pairwise("abcdefghijklmnopqrstuvwxyz")
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("flavors: {sklearn: {pickled_model: .}}", "names '.', which is not in the folder"),
        ("flavors: {sklearn: {pickled_model: inner/..}}", "not in the folder"),
        ("flavors: {sklearn: {pickled_model: inner}}", "an MLflow model of its own"),
        ("flavors: {sklearn: {pickled_model: loop}}", "not in the folder"),
        ('flavors: {sklearn: {pickled_model: "a\\0b"}}', "not in the folder"),
        (f"flavors: {{sklearn: {{pickled_model: {'x' * 5000}}}}}", "not in the folder"),
        (f"flavors: {{sklearn: {{pickled_model: {'x/' * 5000}}}}}", "not in the folder"),
        (f"{BOMB}flavors: {{sklearn: {{pickled_model: *z}}}}", "more than 8 references"),
        ("flavors: " + "[" * 5000, "cannot be read"),
        ("flavors: !!python/object/apply:os.system [true]", "cannot be read"),
    ],
)
def test_document_that_leads_nowhere_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "m" / "inner").mkdir(parents=True)
    (tmp_path / "m" / "loop").symlink_to("loop")
    for each in ("MLmodel", "inner/MLmodel"):
        (tmp_path / "m" / each).write_text(text)
    with pytest.raises(InvalidArtifact, match=words):
        load_runtime(tmp_path / "m", format="auto", method="auto")
