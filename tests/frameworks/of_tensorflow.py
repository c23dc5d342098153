"""TensorFlow SavedModels answer over HTTP as they do in process. Run by `make test-frameworks`, where TensorFlow is installed."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from frameworks.serving import outputs, served, tensor
from modelway_server.errors import LoadFailure
from modelway_server.runtimes import load_runtime

ROWS = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


class Words(tf.Module):  # type: ignore[misc]  # TensorFlow is not among the packages of development
    """A text and a vector to three outputs of other types."""

    @tf.function(  # type: ignore[untyped-decorator]  # as above
        input_signature=[
            tf.TensorSpec([None, 3], tf.float32, name="left"),
            tf.TensorSpec([None], tf.string, name="word"),
        ]
    )
    def call(self, left: tf.Tensor, word: tf.Tensor) -> dict[str, tf.Tensor]:
        """Served as serving_default."""
        return {"length": tf.strings.length(word), "echo": word, "sum": tf.reduce_sum(left, 1)}


def saved_words(path: Path) -> Words:
    module = Words()
    tf.saved_model.save(module, path, signatures={"serving_default": module.call})
    return module


def test_a_keras_network_is_a_table(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.export(tmp_path / "models" / "net", verbose=False)
    with served(tmp_path) as server:
        answered = server.predict({"instances": ROWS.tolist()})
        assert answered.status == 200, answered.body
        assert np.allclose(answered.body["predictions"], model(ROWS).numpy(), atol=1e-6)
        metadata = server.request("GET", "/v2/models/model").body
    assert metadata["platform"] == "tensorflow"
    assert metadata["inputs"][0]["shape"] == [-1, 4]
    assert metadata["parameters"]["saved_with_tensorflow"] == tf.__version__


def test_several_inputs_and_outputs_go_by_name(tmp_path: Path) -> None:
    module = saved_words(tmp_path / "models" / "words")
    left, word = np.arange(6, dtype=np.float32).reshape(2, 3), np.array(["grün", "no"], dtype=object)
    with served(tmp_path) as server:
        given = outputs(server, tensor("word", word), tensor("left", left))
    wanted = module.call(tf.constant(left), tf.constant(word.tolist()))
    assert given["echo"].tolist() == ["grün", "no"]
    assert given["length"].tolist() == wanted["length"].numpy().tolist()
    assert np.allclose(given["sum"], wanted["sum"].numpy())


def refused(path: Path) -> LoadFailure:
    """What a fresh process says of the model; this one has set up its threads, which TensorFlow does once."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("intra", "inter"):
            patch.setattr(tf.config.threading, f"set_{kind}_op_parallelism_threads", lambda _: None)
        with pytest.raises(LoadFailure) as caught:
            load_runtime(path, format="auto", method="auto").warm_up()
    return caught.value


def test_what_cannot_be_served_says_why(tmp_path: Path) -> None:
    tf.saved_model.save(Words(), tmp_path / "bare", signatures={"other": Words().call})
    assert "it has other" in refused(tmp_path / "bare").message
    keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)]).save(tmp_path / "net.keras")
    assert "Keras" in refused(tmp_path / "net.keras").message


def test_a_model_of_a_newer_tensorflow_says_so(tmp_path: Path) -> None:
    saved_words(tmp_path / "words")
    file, document = tmp_path / "words" / "saved_model.pb", saved_model_pb2.SavedModel()
    document.ParseFromString(file.read_bytes())
    document.meta_graphs[0].meta_info_def.tensorflow_version = "99.1.0"
    for function in document.meta_graphs[0].graph_def.library.function:
        for node in function.node_def:
            node.op = "FromTheFuture" if node.op == "StringLength" else node.op
    file.write_bytes(document.SerializeToString())
    told = refused(tmp_path / "words")
    assert told.reason == "RuntimeVersionMismatch"
    assert f"saved with TensorFlow 99.1.0, served with {tf.__version__}" in told.message


def test_a_folder_that_lost_its_files_is_refused(tmp_path: Path) -> None:
    keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)]).export(tmp_path / "net", verbose=False)
    shutil.rmtree(tmp_path / "net" / "variables")
    assert refused(tmp_path / "net").reason == "InvalidArtifact"
    (tmp_path / "net" / "saved_model.pb").write_bytes(b"\x08\x01\x12\xff\xff\x01cut")
    assert refused(tmp_path / "net").reason == "InvalidArtifact"
