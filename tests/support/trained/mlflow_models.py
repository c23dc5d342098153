"""Model folders as MLflow writes them, written by hand: the package is not among those of development."""

import json
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import yaml

from support.models import WINE

NAMES = [f"wine {index}" for index in range(WINE.shape[1])]


def folder(path: Path, flavours: dict[str, Any], *, columns: list[tuple[str, str]] | None = None) -> Path:
    """The folder with its MLmodel, which names the columns and their types."""
    path.mkdir(parents=True, exist_ok=True)
    document: dict[str, Any] = {"flavors": flavours, "mlflow_version": "3.1.0", "model_uuid": "0" * 32}
    if columns is not None:
        inputs = [{"type": kind, "name": name, "required": True} for name, kind in columns]
        document["signature"] = {"inputs": json.dumps(inputs), "outputs": None, "params": None}
    (path / "MLmodel").write_text(yaml.safe_dump(document))
    (path / "requirements.txt").write_text("scikit-learn\n")
    return path


def of_sklearn(path: Path, model: Any, *, sklearn_version: str, named: bool = True) -> Path:
    """An estimator in a folder."""
    python = {"loader_module": "mlflow.sklearn", "model_path": "model.pkl", "predict_fn": "predict"}
    flavour = {"pickled_model": "model.pkl", "serialization_format": "cloudpickle", "sklearn_version": sklearn_version}
    columns = [(name, "double") for name in NAMES] if named else None
    model_folder = folder(path, {"python_function": python, "sklearn": flavour}, columns=columns)
    joblib.dump(model, model_folder / "model.pkl")
    frame = pd.DataFrame(WINE[:3], columns=NAMES).to_dict(orient="split", index=False)
    (model_folder / "input_example.json").write_text(json.dumps(frame))
    return model_folder
