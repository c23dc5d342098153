"""TensorFlow SavedModels answer over HTTP as they do in process. Run by `make test-frameworks`, where TensorFlow is installed."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from frameworks.operations import computing, list_operations
from frameworks.serving import outputs, serve, tensor
from modelway_server.errors import LoadFailure
from modelway_server.runtimes import load_runtime
from modelway_server.runtimes.file_checks.saved_model import judge, operations
from modelway_server.runtimes.trust import Trust

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
    with serve(tmp_path) as server:
        answered = server.predict({"instances": ROWS.tolist()})
        assert answered.status == 200, answered.body
        assert np.allclose(answered.body["predictions"], model(ROWS).numpy(), atol=1e-6)
        metadata = server.request("GET", "/v2/models/model").body
    assert metadata["platform"] == "tensorflow"
    assert metadata["inputs"][0]["shape"] == [-1, 4]
    assert metadata["parameters"]["saved_with_tensorflow"] == tf.__version__


def test_the_list_of_operations_is_fresh() -> None:
    assert sorted(operations()) == computing(list_operations())


def vocabulary(path: Path) -> Path:
    path.write_text("red\ngreen\nblue\n")
    return path


class Codes(tf.Module):  # type: ignore[misc]  # as above
    """Words to their lines in a file."""

    def __init__(self, file: Path) -> None:
        index = tf.lookup.TextFileIndex
        initializer = tf.lookup.TextFileInitializer(str(file), tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER)
        self.table = tf.lookup.StaticHashTable(initializer, -1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="word")])  # type: ignore[untyped-decorator]
    def call(self, word: tf.Tensor) -> dict[str, tf.Tensor]:
        """Served as serving_default."""
        return {"code": self.table.lookup(word)}


def test_a_vocabulary_among_the_assets_is_read(tmp_path: Path) -> None:
    module, path = Codes(vocabulary(tmp_path / "words.txt")), tmp_path / "models" / "codes"
    tf.saved_model.save(module, path, signatures={"serving_default": module.call})
    (tmp_path / "words.txt").unlink()
    with serve(tmp_path) as server:
        answer = outputs(server, tensor("word", np.array(["blue", "red", "pink"], dtype=object)))
    assert answer["code"].tolist() == [2, 0, -1]


def test_vocabularies_of_keras_and_of_models_saved_twice_pass(tmp_path: Path) -> None:
    file = str(vocabulary(tmp_path / "words.txt"))
    for layer in (keras.layers.StringLookup(vocabulary=file), keras.layers.TextVectorization(vocabulary=file)):
        words = keras.Input((1,), dtype="string")
        path = tmp_path / layer.name
        keras.Model(words, keras.layers.Embedding(9, 2)(layer(words))).export(path, verbose=False)
        judge(path, Trust())
    loaded = tf.saved_model.load(path)
    tf.saved_model.save(loaded, tmp_path / "again", signatures=dict(loaded.signatures))
    judge(tmp_path / "again", Trust())


def test_a_name_that_the_request_gives_is_refused(tmp_path: Path) -> None:
    class Reader(Codes):
        @tf.function(input_signature=[tf.TensorSpec([], tf.string, name="file")])  # type: ignore[untyped-decorator]
        def read(self, file: tf.Tensor) -> dict[str, tf.Tensor]:
            tf.raw_ops.InitializeTableFromTextFileV2(
                table_handle=self.table.resource_handle, filename=file, key_index=-2, value_index=-1
            )
            return {"size": self.table.size()}

    module = Reader(vocabulary(tmp_path / "words.txt"))
    tf.saved_model.save(module, tmp_path / "model", signatures={"serving_default": module.read})
    assert refusal_of(tmp_path / "model").reason == "UnsafeArtifact"


def test_several_inputs_and_outputs_go_by_name(tmp_path: Path) -> None:
    module = saved_words(tmp_path / "models" / "words")
    left, word = np.arange(6, dtype=np.float32).reshape(2, 3), np.array(["grün", "no"], dtype=object)
    with serve(tmp_path) as server:
        answer = outputs(server, tensor("word", word), tensor("left", left))
    wanted = module.call(tf.constant(left), tf.constant(word.tolist()))
    assert answer["echo"].tolist() == ["grün", "no"]
    assert answer["length"].tolist() == wanted["length"].numpy().tolist()
    assert np.allclose(answer["sum"], wanted["sum"].numpy())


def refusal_of(path: Path) -> LoadFailure:
    """What a fresh process says of the model; this one has set up its threads, which TensorFlow does once."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("intra", "inter"):
            patch.setattr(tf.config.threading, f"set_{kind}_op_parallelism_threads", lambda _: None)
        with pytest.raises(LoadFailure) as error:
            load_runtime(path, format="auto", method="auto").warm_up()
    return error.value


def test_what_cannot_be_served_says_why(tmp_path: Path) -> None:
    tf.saved_model.save(Words(), tmp_path / "bare", signatures={"other": Words().call})
    assert "it has other" in refusal_of(tmp_path / "bare").message
    keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)]).save(tmp_path / "net.keras")
    assert "Keras" in refusal_of(tmp_path / "net.keras").message


def test_a_model_of_a_newer_tensorflow_says_so(tmp_path: Path) -> None:
    saved_words(tmp_path / "words")
    file, document = tmp_path / "words" / "saved_model.pb", saved_model_pb2.SavedModel()
    document.ParseFromString(file.read_bytes())
    document.meta_graphs[0].meta_info_def.tensorflow_version = "99.1.0"
    for function in document.meta_graphs[0].graph_def.library.function:
        for node in function.node_def:
            node.op = "FromTheFuture" if node.op == "StringLength" else node.op
    file.write_bytes(document.SerializeToString())
    refusal = refusal_of(tmp_path / "words")
    assert refusal.reason == "RuntimeVersionMismatch"
    assert f"saved with TensorFlow 99.1.0, served with {tf.__version__}" in refusal.message


def test_a_folder_that_lost_its_files_is_refused(tmp_path: Path) -> None:
    keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)]).export(tmp_path / "net", verbose=False)
    shutil.rmtree(tmp_path / "net" / "variables")
    assert refusal_of(tmp_path / "net").reason == "InvalidArtifact"
    (tmp_path / "net" / "saved_model.pb").write_bytes(b"\x08\x01\x12\xff\xff\x01cut")
    assert refusal_of(tmp_path / "net").reason == "InvalidArtifact"
