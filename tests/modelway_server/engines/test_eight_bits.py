"""A model with 8-bit weights is prepared and loaded as any other; where nothing can be quantised, that is said."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.decomposition import PCA
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from modelway_server.engines.choose import prepare_model
from modelway_server.engines.failure_note import note_failure, read_failure
from modelway_server.engines.folder import FAILURE, PREPARED
from modelway_server.engines.load import load_prepared
from modelway_server.engines.plan.graphs import linear_graph
from modelway_server.engines.prepared import Prepared
from modelway_server.errors import EngineUnavailable, LoadFailed, NothingToQuantise
from modelway_server.runtimes.base import Runtime
from modelway_server.settings import INT8, ModelSettings
from support.models import WINE, WINE_KINDS, Stubborn, mixed_pipeline, wine_forest
from support.server.prepared import prepare_runtime
from support.server.served import Served, begin
from support.trained import graphs

pytestmark = pytest.mark.slow
ROWS = WINE.astype(np.float64)


def network() -> Pipeline:
    """A neural network of wines, with texts as classes."""
    kinds = np.array(["red", "rosé", "white"])[np.asarray(WINE_KINDS)]
    return make_pipeline(StandardScaler(), MLPClassifier((40, 40), random_state=0, max_iter=300)).fit(ROWS, kinds)


def convolution(path: Path) -> None:
    """Images through a convolution and a product, each with weights."""
    draw = np.random.default_rng(0)
    weights = {"filters": draw.normal(size=(4, 1, 3, 3)), "matrix": draw.normal(size=(64, 3))}
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["images", "filters"], ["maps"], pads=[1, 1, 1, 1]),
            helper.make_node("Flatten", ["maps"], ["flat"]),
            helper.make_node("Gemm", ["flat", "matrix"], ["scores"]),
        ],
        "convolution",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [None, 1, 4, 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 3])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())


def prepared_graph(directory: Path, **settings: Any) -> Runtime:
    """The graph in a folder `models`, prepared and loaded."""
    models, prepared = directory / "models", directory / "prepared"
    prepared.mkdir()
    prepare_model(ModelSettings(model_dir=models, **settings), prepared)
    runtime = load_prepared(models, prepared)
    runtime.warm_up()
    return runtime


def test_network_with_8_bits_answers_nearly_the_same(tmp_path: Path) -> None:
    model = network()
    runtime = prepare_runtime(tmp_path, model, precision=INT8)
    assert (runtime.engine, runtime.methods) == ("onnx", ("predict", "predict_proba"))
    assert "3 weights have 8 bits" in runtime.description["engine_reason"]
    shares = runtime.call("predict_proba", ROWS, len(ROWS))["predict_proba"]
    assert shares.dtype == np.float64
    error = np.abs(shares - model.predict_proba(ROWS)).max()
    assert 0 < error < 0.1, "the weights are others, and not by much"
    labels = runtime.call("predict", ROWS, len(ROWS))["predict"]
    assert (labels == model.predict(ROWS)).mean() > 0.98


def test_linear_model_with_8_bits_answers_nearly_the_same(tmp_path: Path) -> None:
    runtime = prepare_runtime(tmp_path, mixed_pipeline(), precision=INT8, method="predict_proba")
    assert "1 weight has 8 bits" in runtime.description["engine_reason"]
    assert runtime.call("predict_proba", runtime.example().values, 1)["predict_proba"].shape == (1, 2)


@pytest.mark.parametrize("kind", ["network", "convolution"])
def test_row_with_8_bits_does_not_depend_on_neighbours(tmp_path: Path, kind: str) -> None:
    draw = np.random.default_rng(1)
    (tmp_path / "models").mkdir()
    if kind == "network":
        runtime, method, values = prepare_runtime(tmp_path, network(), precision=INT8), "predict_proba", ROWS[:20]
        far: Any = values * 50
        joined: Any = np.concatenate([values, far])
    else:
        convolution(tmp_path / "models" / "model.onnx")
        runtime, method = prepared_graph(tmp_path, precision=INT8), "predict"
        images = draw.normal(size=(20, 1, 4, 4)).astype(np.float32)
        values, joined = {"images": images}, {"images": np.concatenate([images, images * 50])}
    alone, beside = runtime.call(method, values, 20), runtime.call(method, joined, 40)
    for name, array in alone.items():
        assert array.tolist() == beside[name][:20].tolist()
    assert not Prepared.read(tmp_path / "prepared").joined


def test_onnx_file_with_8_bits_is_smaller_and_near(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    convolution(tmp_path / "models" / "model.onnx")
    (tmp_path / "full").mkdir()
    prepare_model(ModelSettings(model_dir=tmp_path / "models"), tmp_path / "full")
    full = load_prepared(tmp_path / "models", tmp_path / "full")
    runtime = prepared_graph(tmp_path, precision=INT8)
    assert "2 weights have 8 bits" in runtime.description["engine_reason"]
    images = {"images": np.random.default_rng(2).normal(size=(30, 1, 4, 4)).astype(np.float32)}
    ours, theirs = runtime.call("predict", images, 30)["scores"], full.call("predict", images, 30)["scores"]
    assert 0 < np.abs(ours - theirs).max() < 0.05 * np.abs(theirs).max()


def test_graph_with_8_bits_is_the_same_each_time(tmp_path: Path) -> None:
    answers = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        runtime = prepare_runtime(tmp_path / name, network(), precision=INT8)
        answers.append(runtime.call("predict_proba", ROWS, len(ROWS))["predict_proba"].tobytes())
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (wine_forest(), "RandomForestClassifier is made of trees"),
        (GaussianNB().fit(ROWS, WINE_KINDS), "no constant weights of float32"),
        (PCA(3).fit(ROWS), "PCA has no ONNX graph to quantise"),
    ],
    ids=["forest", "bayes", "pca"],
)
def test_model_without_weights_has_nothing_to_quantise(tmp_path: Path, model: Any, words: str) -> None:
    with pytest.raises(NothingToQuantise, match=words):
        prepare_runtime(tmp_path, model, precision=INT8)


def product(path: Path) -> None:
    """A product with weights of float64."""
    path.write_bytes(linear_graph(np.ones((4, 2)), np.zeros(2)))


@pytest.mark.parametrize("write", [graphs.sums, product])
def test_graph_without_single_weights_cannot_be_quantised(tmp_path: Path, write: Any) -> None:
    (tmp_path / "models").mkdir()
    write(tmp_path / "models" / "model.onnx")
    with pytest.raises(NothingToQuantise, match="no constant weights of float32"):
        prepared_graph(tmp_path, precision=INT8)


def test_native_engine_is_no_engine_for_8_bits(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"spec\.runtime\.engine is native"):
        prepare_runtime(tmp_path, mixed_pipeline(), precision=INT8, engine="native")


def prepare(directory: Path, model: Any, *options: str) -> tuple[int, dict[str, Any]]:
    """The exit status of the command, and its termination message."""
    (directory / "models").mkdir(exist_ok=True)
    if isinstance(model, bytes):
        (directory / "models" / "model.joblib").write_bytes(model)
    else:
        joblib.dump(model, directory / "models" / "model.joblib")
    words = ["prepare", f"--model-dir={directory / 'models'}", f"--prepared-dir={directory / 'prepared'}", *options]
    environment = {**os.environ, "MODELWAY_TERMINATION_LOG": str(directory / "termination")}
    with (directory / "log").open("wb") as log:
        status = begin(words, environment, log).wait(60)
    return status, json.loads((directory / "termination").read_bytes())


def test_serve_takes_a_folder_of_8_bits(tmp_path: Path, launched: Callable[..., Served]) -> None:
    model = network()
    assert prepare(tmp_path, model, "--precision=int8")[1]["engine"] == "onnx"
    server = launched(f"--prepared-dir={tmp_path / 'prepared'}", path=tmp_path / "models" / "model.joblib").started()
    reply = server.predict({"instances": ROWS.tolist()})
    assert (np.array(reply.body["predictions"]) == model.predict(ROWS)).mean() > 0.98


def test_noted_failure_ends_with_status_0(tmp_path: Path) -> None:
    assert prepare(tmp_path, wine_forest(), "--precision=int8")[0] == 31
    assert not (tmp_path / "prepared" / FAILURE).exists()
    status, report = prepare(tmp_path, wine_forest(), "--precision=int8", "--note-failure")
    assert (status, report["reason"]) == (0, "NothingToQuantise")
    failure = read_failure(tmp_path / "prepared")
    assert isinstance(failure, NothingToQuantise)
    assert (failure.message, failure.remedy) == (report["message"], report["remedy"])
    assert not (tmp_path / "prepared" / PREPARED).exists()


def test_note_is_gone_once_the_model_is_prepared(tmp_path: Path) -> None:
    assert prepare(tmp_path, b"broken", "--note-failure")[1]["reason"] == "InvalidArtifact"
    assert prepare(tmp_path, mixed_pipeline(), "--note-failure")[1]["reason"] == "Prepared"
    assert read_failure(tmp_path / "prepared") is None


def test_failure_that_may_pass_is_not_noted(tmp_path: Path) -> None:
    status, report = prepare(tmp_path, Stubborn(60.0), "--timeout=0.01", "--note-failure")
    assert (status, report["reason"]) == (26, "LoadTimeout")
    assert not (tmp_path / "prepared" / FAILURE).exists()


@pytest.mark.parametrize("text", ["", "[]", '{"reason": "Unheard", "message": "", "remedy": ""}'])
def test_note_that_is_damaged_is_no_failure_of_the_model(tmp_path: Path, text: str) -> None:
    (tmp_path / FAILURE).write_text(text)
    with pytest.raises(LoadFailed, match="is not what `modelway-server prepare` leaves"):
        read_failure(tmp_path)


def test_note_follows_no_link_in_the_folder(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("untouched")
    (tmp_path / "prepared").mkdir()
    for name in (FAILURE, f"{FAILURE}.part"):
        (tmp_path / "prepared" / name).symlink_to(other)
    note_failure(NothingToQuantise("of trees"), tmp_path / "prepared")
    assert other.read_text() == "untouched"
    assert isinstance(read_failure(tmp_path / "prepared"), NothingToQuantise)
