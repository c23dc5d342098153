"""Folders that MLflow itself writes answer as their models do in process. Run by `make test-frameworks`, where MLflow is installed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import mlflow.lightgbm
import mlflow.pyfunc
import mlflow.sklearn
import mlflow.xgboost
import numpy as np
import pytest
import xgboost
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from frameworks.serving import serve
from modelway_server.contract.rows import rows_of_instances
from modelway_server.errors import UnsafeArtifact
from modelway_server.runtimes import load_runtime

ROWS, LABELS = load_iris(return_X_y=True, as_frame=True)
NAMES = [str(name) for name in ROWS.columns]
SIGNATURE = infer_signature(ROWS, LABELS)


class Doubled(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow is not among the packages of development
    """Code of the user's own."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002  # MLflow's signature
        """Twice the first column."""
        return model_input.iloc[:, 0] * 2


def save_pickle(path: Path) -> Any:
    model = LogisticRegression(max_iter=500).fit(ROWS.to_numpy(), LABELS)
    mlflow.sklearn.save_model(model, path, signature=SIGNATURE, serialization_format="cloudpickle")
    return model


def in_skops(path: Path) -> Any:
    model = LogisticRegression(max_iter=500).fit(ROWS, LABELS)
    mlflow.sklearn.save_model(model, path, signature=SIGNATURE, serialization_format="skops")
    return model


def save_booster(path: Path) -> Any:
    model = xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(ROWS, LABELS)
    mlflow.xgboost.save_model(model, path, signature=SIGNATURE)
    return model


@pytest.mark.parametrize("save", [save_pickle, in_skops, save_booster])
def test_a_folder_is_served_by_the_names_of_its_signature(tmp_path: Path, save: Callable[[Path], Any]) -> None:
    model = save(tmp_path / "models" / "iris")
    with serve(tmp_path) as server:
        reply = server.request("POST", "/invocations", {"dataframe_records": ROWS.head(60).to_dict("records")})
        assert reply.status == 200, reply.body
        metadata = server.request("GET", "/v2/models/model").body
    known = ROWS if hasattr(model, "feature_names_in_") else ROWS.to_numpy()
    assert reply.body["predictions"] == model.predict(known)[:60].tolist()
    assert metadata["inputs"][0]["parameters"]["columns"] == NAMES
    assert metadata["parameters"]["saved_with_mlflow"] == mlflow.__version__


def test_lightgbm_answers_alike(tmp_path: Path) -> None:
    model = lightgbm.LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1).fit(ROWS, LABELS)
    mlflow.lightgbm.save_model(model, tmp_path / "iris", signature=SIGNATURE)
    runtime = load_runtime(tmp_path / "iris", format="mlflow", method="auto")
    runtime.warm_up()
    rows = rows_of_instances(runtime.signature, ROWS.to_numpy().tolist(), "instances")
    assert np.array_equal(runtime.call("predict", rows.values, rows.count)["predict"], model.predict(ROWS))


def test_code_of_the_users_own_runs_only_where_it_is_trusted(tmp_path: Path) -> None:
    path = tmp_path / "code"
    mlflow.pyfunc.save_model(path, python_model=Doubled(), signature=SIGNATURE)
    with pytest.raises(UnsafeArtifact):
        load_runtime(path, format="auto", method="auto")
    runtime = load_runtime(path, format="auto", method="auto", trusted_types=("mlflow.pyfunc.load_model",))
    runtime.warm_up()
    rows = rows_of_instances(runtime.signature, ROWS.head(5).to_dict("records"), "instances")
    assert np.allclose(runtime.call("predict", rows.values, rows.count)["predict"], ROWS.iloc[:5, 0] * 2)
