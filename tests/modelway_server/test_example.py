"""The row that pages show of a prepared model."""

import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modelway_server.engines.choose import prepare_model
from modelway_server.engines.folder import PREPARED
from modelway_server.settings import ModelSettings
from support.models import WINE, WINE_KINDS, mixed_pipeline, wine_forest


def example_of(directory: Path, model: Any, rows: Any = None, name: str = "input_example.json") -> Any:
    """The example of a model that was prepared with these rows beside it."""
    (directory / "models").mkdir()
    joblib.dump(model, directory / "models" / "model.joblib")
    if rows is not None:
        (directory / "models" / name).write_text(json.dumps(rows))
    (directory / "prepared").mkdir()
    prepare_model(ModelSettings(model_dir=directory / "models"), directory / "prepared")
    return json.loads((directory / "prepared" / PREPARED).read_text())["example"]


@pytest.mark.parametrize(
    "model",
    [wine_forest(), make_pipeline(StandardScaler(), LogisticRegression()).fit(WINE, WINE_KINDS)],
    ids=["forest", "scaled"],
)
def test_an_example_lies_in_the_training_data(tmp_path: Path, model: Any) -> None:
    example = np.array(example_of(tmp_path, model))
    assert ((WINE.min(axis=0) <= example) & (example <= WINE.max(axis=0))).all()


def test_a_row_beside_the_model_is_its_example(tmp_path: Path) -> None:
    row = {"age": 33, "city": "Oslo", "member": "yes"}
    assert example_of(tmp_path, mixed_pipeline(), [row])[:3] == [33, "Oslo", "yes"]


def test_rows_of_samples_are_not_shown(tmp_path: Path) -> None:
    row = {"age": 33, "city": "Oslo", "member": "yes"}
    assert example_of(tmp_path, mixed_pipeline(), [row], "samples.json")[0] != 33


def test_a_row_that_the_model_refuses_is_no_example(tmp_path: Path) -> None:
    assert example_of(tmp_path, mixed_pipeline(), [{"age": 33, "city": "Oslo", "member": "never"}])[2] != "never"
