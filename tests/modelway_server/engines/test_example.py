"""The row that pages show of a prepared model."""

import json
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import pytest
import xgboost
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from modelway_server.engines.choose import prepare_model
from modelway_server.engines.folder import PREPARED
from modelway_server.engines.load import load_prepared
from modelway_server.engines.sample_rows.example import MADE_UP, OWN
from modelway_server.settings import ModelSettings
from support.models import WINE, WINE_KINDS, mixed_pipeline, wine_forest
from support.trained import graphs


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
def test_example_lies_in_the_training_data(tmp_path: Path, model: Any) -> None:
    example = np.array(example_of(tmp_path, model))
    assert ((WINE.min(axis=0) <= example) & (example <= WINE.max(axis=0))).all()


def test_row_beside_the_model_is_its_example(tmp_path: Path) -> None:
    row = {"age": 33, "city": "Oslo", "member": "yes"}
    assert example_of(tmp_path, mixed_pipeline(), [row])[:3] == [33, "Oslo", "yes"]


def test_rows_of_samples_are_not_shown(tmp_path: Path) -> None:
    row = {"age": 33, "city": "Oslo", "member": "yes"}
    assert example_of(tmp_path, mixed_pipeline(), [row], "samples.json")[0] != 33


def test_row_that_the_model_refuses_is_no_example(tmp_path: Path) -> None:
    assert example_of(tmp_path, mixed_pipeline(), [{"age": 33, "city": "Oslo", "member": "never"}])[2] != "never"


def origin_of(directory: Path) -> tuple[Any, str]:
    """The example of a prepared file, and where it comes from."""
    document = json.loads((directory / "prepared" / PREPARED).read_text())
    return document["example"], document["description"]["example"]


def prepared_file(directory: Path, write: Any, name: str) -> tuple[Any, str]:
    """The example of a model's file, and where it comes from."""
    (directory / "models").mkdir()
    write(directory / "models" / name)
    (directory / "prepared").mkdir()
    prepare_model(ModelSettings(model_dir=directory / "models"), directory / "prepared")
    return origin_of(directory)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_example_of_a_booster_lies_in_the_training_data(tmp_path: Path, library: str) -> None:
    if library == "xgboost":
        booster: Any = xgboost.train(
            {"objective": "multi:softprob", "num_class": 3}, xgboost.DMatrix(WINE, WINE_KINDS), 5
        )
        name = "model.json"
    else:
        settings = {"objective": "multiclass", "num_class": 3, "verbose": -1}
        booster, name = lightgbm.train(settings, lightgbm.Dataset(WINE, WINE_KINDS), 5), "model.txt"
    row, origin = prepared_file(tmp_path, booster.save_model, name)
    known = [value for value in row if value % 1 != 0.5]
    assert len(known) > len(row) // 2
    assert origin in {OWN, MADE_UP}
    loaded = load_prepared(tmp_path / "models", tmp_path / "prepared")
    loaded.warm_up()
    assert loaded.example().values.tolist() == [row]


@pytest.mark.parametrize("steps", [0, 1])
def test_example_of_a_graph_is_of_its_constants(tmp_path: Path, steps: int) -> None:
    first = [StandardScaler()] if steps else []
    model = make_pipeline(*first, DecisionTreeClassifier(random_state=0)).fit(WINE[:, :3], WINE_KINDS)
    graph = to_onnx(model, WINE[:1, :3].astype(np.float32), options={"zipmap": False})
    row, origin = prepared_file(tmp_path, lambda path: path.write_bytes(graph.SerializeToString()), "model.onnx")
    assert origin == OWN
    assert ((WINE[:, :3].min(axis=0) <= row) & (row <= WINE[:, :3].max(axis=0))).all()


def test_example_that_is_made_up_varies_and_says_so(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        nodes = [helper.make_node("Add", ["x", "x"], ["y"])]
        graphs.write(path, nodes, [("x", TensorProto.FLOAT, ["rows", 3])], [("y", TensorProto.FLOAT, ["rows", 3])])

    assert prepared_file(tmp_path, write, "model.onnx") == ([0.5, 1.5, 2.5], MADE_UP)


def test_model_of_neighbours_shows_no_row_of_its_training(tmp_path: Path) -> None:
    row = example_of(tmp_path, KNeighborsClassifier().fit(WINE, WINE_KINDS))
    assert ((WINE.min(axis=0) <= row) & (row <= WINE.max(axis=0))).all()
    assert not (np.isclose(WINE, row).all(axis=1)).any()
    assert origin_of(tmp_path)[1] == OWN
