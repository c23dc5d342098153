"""ONNX models of any inputs answer as onnxruntime does in process; scikit-learn is not imported for them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from modelway_server.contract.signature_json import document_of, signature_of
from modelway_server.errors import InputError, LoadFailure
from support.models import WINE, wine_forest
from support.server.in_process import answers, load
from support.server.served import Served
from support.trained import graphs

Launch = Callable[..., Served]


@pytest.mark.parametrize("zipmap", [False, True])
def test_classifier_has_labels_and_probabilities(tmp_path: Path, *, zipmap: bool) -> None:
    graphs.forest(tmp_path / "model", zipmap=zipmap)
    runtime, model = load(tmp_path / "model"), wine_forest()
    assert np.array_equal(answers(runtime, "predict", WINE.tolist())["predict"], model.predict(WINE.astype(np.float32)))
    answer = answers(runtime, "predict_proba", WINE.tolist())["predict_proba"]
    assert np.allclose(answer, model.predict_proba(WINE.astype(np.float32)), atol=1e-6)
    assert runtime.signature.outputs["predict_proba"][0].classes == (0, 1, 2)


def test_columns_with_inputs_of_their_own_are_asked_by_name(tmp_path: Path) -> None:
    graphs.columns(tmp_path / "model")
    runtime, rows = load(tmp_path / "model"), graphs.FILLED.iloc[[0, 1, 3]]
    assert {column.name: column.datatype for column in runtime.signature.columns}["city"] == "BYTES"
    sent = [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
    assert answers(runtime, "predict", sent)["predict"].tolist() == graphs.applicants().predict(rows).tolist()


def test_graph_of_texts_takes_plain_strings(tmp_path: Path) -> None:
    graphs.texts(tmp_path / "model")
    answer = answers(load(tmp_path / "model"), "predict", ["good", "bad", "other"])["predict"]
    assert answer.tolist() == graphs.words().predict([["good"], ["bad"], ["other"]]).tolist()


def test_any_tensors_and_all_outputs_are_served_by_name(
    launched: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    graphs.sums(tmp_path / "model.bin")
    server = launched("--workers=2", path=tmp_path / "model.bin").started()
    images = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    tensors = [
        {"name": name, "datatype": "FP32", "shape": [2, 2, 3], "data": images.ravel().tolist()}
        for name in ("left", "right")
    ]
    reply = server.infer({"inputs": tensors})
    assert reply.status == 200, reply.body
    outputs = {output["name"]: output for output in reply.body["outputs"]}
    assert outputs["sum"]["data"] == (2 * images).ravel().tolist()
    assert outputs["mean"]["shape"] == [2]
    assert outputs["mean"]["data"] == (2 * images).mean(axis=(1, 2)).tolist()
    row = {"left": images[0].tolist(), "right": images[1].tolist()}
    assert server.predict({"instances": [row]}).status == 200
    assert server.request("GET", "/docs").status == 200
    inputs = server.request("GET", "/v2/models/model").body["inputs"]
    assert inputs[0] == {"name": "left", "datatype": "FP32", "shape": [-1, 2, 3]}
    assert {"numpy", "onnxruntime", "sklearn", "scipy", "pandas"} & server.libraries() == {"numpy", "onnxruntime"}
    short = [{**tensors[0], "shape": [2, 6]}, tensors[1]]
    assert server.infer({"inputs": short}).status in {400, 422}
    assert server.infer({"inputs": tensors[:1]}).status in {400, 422}


def test_graph_is_served_without_scikit_learn(tmp_path: Path) -> None:
    graphs.forest(tmp_path / "model")
    program = (
        "import sys, numpy as np; from pathlib import Path; from modelway_server.runtimes import load_runtime;"
        "r = load_runtime(Path(sys.argv[1]), format='auto', method='auto'); r.warm_up();"
        "r.call('predict', np.zeros((1, 13)), 1);"
        "print(sorted({'sklearn', 'pandas', 'scipy', 'joblib', 'skl2onnx'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "model"], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_graph_contract_is_stored_whole(tmp_path: Path) -> None:
    graphs.sums(tmp_path / "model")
    signature = load(tmp_path / "model").signature
    assert signature_of(document_of(signature)) == signature


def test_data_beside_the_file_is_read(tmp_path: Path) -> None:
    graphs.forest(tmp_path / "whole")
    folder = tmp_path / "model"
    folder.mkdir()
    weights = np.ones((4, 2), dtype=np.float32)
    initial = helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.tobytes(), raw=True)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "outside",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 2])],
        [initial],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0)
    assert answers(load(folder), "predict", [[1, 2, 3, 4]])["y"].tolist() == [[10.0, 10.0]]


@pytest.mark.parametrize(("value", "words"), [(1e39, "takes numbers up to"), ("a", "takes numbers"), (None, "missing")])
def test_value_that_does_not_fit_is_named(tmp_path: Path, value: Any, words: str) -> None:
    graphs.write(
        tmp_path / "model",
        [helper.make_node("Neg", ["x"], ["y"])],
        [("x", TensorProto.FLOAT, ["n", 2])],
        [("y", TensorProto.FLOAT, ["n", 2])],
    )
    with pytest.raises(InputError, match=words):
        answers(load(tmp_path / "model"), "predict", [[1.0, value]])


def test_fixed_number_of_rows_is_refused(tmp_path: Path) -> None:
    graphs.sums(tmp_path / "model", rows=1)
    with pytest.raises(LoadFailure, match="first dimension of 'left' is fixed to 1") as error:
        load(tmp_path / "model")
    assert error.value.reason == "UnsupportedModel"


def test_graph_that_mixes_rows_is_refused(tmp_path: Path) -> None:
    graphs.write(
        tmp_path / "model",
        [helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)],
        [("x", TensorProto.FLOAT, ["n", 2])],
        [("y", TensorProto.FLOAT, [])],
    )
    with pytest.raises(LoadFailure, match="for two rows; each row must have an entry") as error:
        load(tmp_path / "model")
    assert error.value.reason == "UnsupportedModel"


@pytest.mark.parametrize("newer", [{"ir_version": 99}, {"opset": 99}])
def test_newer_file_is_named_with_the_runtimes_version(tmp_path: Path, newer: dict[str, int]) -> None:
    graphs.write(
        tmp_path / "model",
        [helper.make_node("Neg", ["x"], ["y"])],
        [("x", TensorProto.FLOAT, ["n", 2])],
        [("y", TensorProto.FLOAT, ["n", 2])],
        **newer,
    )
    with pytest.raises(LoadFailure, match=onnxruntime.__version__) as error:
        load(tmp_path / "model")
    assert error.value.reason == "RuntimeVersionMismatch"


def test_damaged_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "model"
    graphs.forest(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LoadFailure) as error:
        load(path)
    assert error.value.reason == "InvalidArtifact"


def test_mutants_are_served_or_refused_with_a_reason(tmp_path: Path) -> None:
    """A hundred damaged copies."""
    graphs.sums(tmp_path / "model")
    whole, random, path = (tmp_path / "model").read_bytes(), np.random.default_rng(0), tmp_path / "mutant"
    for _ in range(100):
        mutant = bytearray(whole)
        for place in random.integers(len(whole), size=3):
            mutant[place] = int(random.integers(256))
        path.write_bytes(mutant)
        try:
            load(path)
        except LoadFailure as failure:
            assert failure.remedy  # noqa: PT017  (a mutant may also load)
