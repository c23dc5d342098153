"""TensorFlow SavedModels: the signature `serving_default` of a folder that `tf.saved_model.save` or Keras' `export` wrote.

The contract is read from the folder's protocol buffer. The program itself is loaded where it first answers, because
TensorFlow's threads do not survive the fork of the server's workers.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors alone: it has no words for users

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from modelway_server.contract.signature import ROWS, Input
from modelway_server.errors import InvalidArtifact, LoadFailure, RuntimeVersionMismatch, UnsupportedModel, words
from modelway_server.protocol.tensors import datatype_of
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.formats import Options
from modelway_server.runtimes.named_tensors import Arrays, Program, TensorRuntime, check_inputs
from modelway_server.runtimes.threads import threads

SIGNATURE = "serving_default"


def load(path: Path, options: Options) -> Runtime:
    """The program in a folder.

    Raises:
        LoadFailure: the folder holds no SavedModel, or not one that can be served.
    """
    graph = _graph(path)
    if SIGNATURE not in graph.signature_def:
        known = ", ".join(name for name in graph.signature_def if not name.startswith("__")) or "none"
        raise UnsupportedModel(
            f"the SavedModel has no signature {SIGNATURE!r}; it has {known}",
            remedy="Save it with signatures={'serving_default': function}, or with Keras' model.export.",
        )
    wanted = graph.signature_def[SIGNATURE].inputs
    inputs = tuple(_input(name, wanted[name]) for name in sorted(wanted))
    check_inputs(inputs, [each.shape[0] if each.shape else 0 for each in inputs])
    saved_with = str(graph.meta_info_def.tensorflow_version)
    description = {
        "estimator": "TensorFlow SavedModel",
        "tensorflow": str(tf.__version__),
        "saved_with_tensorflow": saved_with,
    }
    function = _Function(path, inputs, saved_with)
    return TensorRuntime("tensorflow", Program(inputs, ("predict",), function.run), options.method, description)


class _Function:
    """The signature, loaded once in each process."""

    def __init__(self, path: Path, inputs: tuple[Input, ...], saved_with: str) -> None:
        self._path = path
        self._inputs = inputs
        self._saved_with = saved_with
        self._pid = 0
        self._loaded: Any = None
        self._call: Any = None

    def run(self, _: str, fed: Arrays) -> Mapping[str, Any]:
        """All outputs, by name."""
        if self._pid != os.getpid():
            self._load()
        tensors = {
            each.name: tf.constant(
                fed[each.name].tolist() if each.datatype == "BYTES" else fed[each.name],
                dtype=tf.string if each.datatype == "BYTES" else None,
            )
            for each in self._inputs
        }
        return {name: value.numpy() for name, value in self._call(**tensors).items()}

    def _load(self) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(threads())
        tf.config.threading.set_inter_op_parallelism_threads(1)
        try:
            self._loaded = tf.saved_model.load(str(self._path))  # kept: it owns the variables
            self._call = self._loaded.signatures[SIGNATURE]
        except Exception as error:
            raise self._failure(error) from error
        self._pid = os.getpid()

    def _failure(self, error: Exception) -> LoadFailure:
        what = words(error)
        if _minor(self._saved_with) > _minor(str(tf.__version__)):
            return RuntimeVersionMismatch(
                f"saved with TensorFlow {self._saved_with}, served with {tf.__version__}: {what}",
                remedy=f"Run a server image with TensorFlow {self._saved_with}, or save the model with {tf.__version__}.",
            )
        return InvalidArtifact(
            f"{self._path.name} is a SavedModel that cannot be read ({type(error).__name__}: {what})",
            remedy="Upload the whole folder as it was saved, with variables/ and assets/.",
        )


def _graph(path: Path) -> Any:
    """The graph that is meant for serving.

    Raises:
        LoadFailure: there is none.
    """
    document = saved_model_pb2.SavedModel()
    try:
        document.ParseFromString((path / "saved_model.pb").read_bytes())
    except (OSError, DecodeError) as error:
        raise InvalidArtifact(
            f"{path.name}/saved_model.pb cannot be read: {error}", remedy="Upload the whole folder as it was saved."
        ) from error
    for graph in document.meta_graphs:
        if "serve" in graph.meta_info_def.tags:
            return graph
    raise UnsupportedModel(
        "the SavedModel has no graph with the tag 'serve'", remedy="Save it with tf.saved_model.save."
    )


def _input(name: str, info: Any) -> Input:
    dtype = tf.dtypes.as_dtype(info.dtype)
    datatype = "BYTES" if dtype == tf.string else datatype_of(dtype.as_numpy_dtype().dtype)
    if datatype == "BYTES" and dtype != tf.string:
        raise UnsupportedModel(f"the input {name!r} is {dtype.name}, which no request can hold")
    return Input(name, datatype, tuple(dim.size if dim.size > 0 else ROWS for dim in info.tensor_shape.dim))


def _minor(version: str) -> list[int]:
    return [int(part) if part.isdigit() else 0 for part in version.split(".")[:2]]
