"""ONNX models, evaluated by onnxruntime; nothing of scikit-learn is imported.

A classifier as converters of scikit-learn make it (a label, and probabilities as a tensor or as a list of maps) has the
methods predict and predict_proba. Every other graph has predict, which gives all its outputs by their own names.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from modelway_server.contract.signature import ROWS, Input
from modelway_server.errors import InvalidArtifact, LoadFailure, RuntimeVersionMismatch, UnsupportedModel, words
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.formats import Options
from modelway_server.runtimes.named_tensors import Arrays, Program, TensorRuntime, check_inputs
from modelway_server.runtimes.onnx_constants import breakpoints_of_graph
from modelway_server.runtimes.threads import threads

_LOGGER = logging.getLogger(__name__)
_DATATYPES = {
    "tensor(bool)": "BOOL",
    "tensor(double)": "FP64",
    "tensor(float)": "FP32",
    "tensor(float16)": "FP16",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(int8)": "INT8",
    "tensor(string)": "BYTES",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(uint8)": "UINT8",
}
_MAPS = ("seq(map(int64,tensor(float)))", "seq(map(string,tensor(float)))")
"""What the operator ZipMap gives: a map from class to probability for each row."""
_TOO_NEW = re.compile(r"(IR version|[Oo]pset|Unknown model file format version|is under development|unsupported model)")
_CLASS_ATTRIBUTES = ("classlabels_int64s", "classlabels_strings", "classlabels_ints", "keys_int64s", "keys_strings")
_CALLED = re.compile(r"\) (?=[A-Z])")
"""Ends the name of the C++ function at fault, which comes before what it says."""
_QUIET = 3


def load(path: Path, options: Options) -> Runtime:
    """The graph in a file; data beside it, where the file says so, is read too.

    Raises:
        LoadFailure: the file is no model, or not one that can be served.
    """
    try:
        session = _session(path, 1)  # several would not survive the fork of the server's workers
    except Exception as error:
        raise _failure(path, error) from error
    inputs = tuple(map(_input, session.get_inputs()))
    check_inputs(inputs, [_first(argument.shape) for argument in session.get_inputs()])
    outputs = [(output.name, output.type) for output in session.get_outputs()]
    graph = (_Classifier if _is_classifier(outputs) else _Graph)(path, session, outputs)
    meta = session.get_modelmeta()
    description = {"estimator": meta.graph_name or "ONNX graph", "onnxruntime": onnxruntime.__version__}
    if meta.producer_name:
        description["saved_with"] = meta.producer_name
    program = Program(
        inputs,
        graph.methods,
        graph.run,
        graph.classes,
        texts=graph.texts,
        breakpoints=lambda: breakpoints_of_graph(path),
    )
    return TensorRuntime("onnx", program, options.method, description)


class _Graph:
    """A graph whose outputs are given as they are."""

    methods: tuple[str, ...] = ("predict",)

    def __init__(self, path: Path, session: onnxruntime.InferenceSession, outputs: Sequence[tuple[str, str]]) -> None:
        unknown = [name for name, kind in outputs if kind not in {*_DATATYPES, *_MAPS}]
        if unknown:
            raise UnsupportedModel(
                f"the output {unknown[0]!r} is neither a tensor nor a list of maps",
                remedy="Export the model without that output.",
            )
        self._path = path
        self._session = session
        self._pid = 0
        self._names = [name for name, _ in outputs]

    def run(self, _: str, fed: Arrays) -> Mapping[str, Any]:
        """All outputs."""
        return {
            name: _tensor(value)
            for name, value in zip(self._names, self._here().run(self._names, dict(fed)), strict=True)
        }

    def _here(self) -> onnxruntime.InferenceSession:
        """The session, opened anew with threads in the process that asks it, where it is to have several."""
        if threads() > 1 and self._pid != os.getpid():
            self._session, self._pid = _session(self._path, threads()), os.getpid()
        return self._session

    def classes(self) -> tuple[Any, ...] | None:
        """None is known."""
        return None

    def texts(self) -> tuple[str, ...]:
        """The first string of each set of categories."""
        return tuple(value[0].decode() for name, value in self._attributes() if name == "cats_strings" and value)

    def _attributes(self) -> Iterator[tuple[str, Sequence[Any]]]:
        """Lists in the attributes of the graph's nodes, by name; the last node first."""
        import onnx  # noqa: PLC0415  (only where a model is tried)

        model = onnx.load(str(self._path), load_external_data=False)
        for node in reversed(model.graph.node):
            for attribute in node.attribute:
                yield attribute.name, list(attribute.ints) or list(attribute.strings)


class _Classifier(_Graph):
    """A graph that gives a label and the probability of each class."""

    methods = ("predict", "predict_proba")

    def __init__(self, path: Path, session: onnxruntime.InferenceSession, outputs: Sequence[tuple[str, str]]) -> None:
        super().__init__(path, session, outputs)
        self._of = dict(zip(self.methods, self._names, strict=True))

    def run(self, method: str, fed: Arrays) -> Mapping[str, Any]:
        """The label, or the probabilities."""
        return {method: _tensor(self._here().run([self._of[method]], dict(fed))[0])}

    def classes(self) -> tuple[Any, ...] | None:
        """The labels, from the node that knows them; None where none does."""
        for name, values in self._attributes():
            if name in _CLASS_ATTRIBUTES and values:
                return tuple(value.decode() if isinstance(value, bytes) else value for value in values)
        return None


def _session(path: Path, count: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = count
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _QUIET
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _input(argument: Any) -> Input:
    datatype = _DATATYPES.get(argument.type)
    if datatype is None:
        raise UnsupportedModel(
            f"the input {argument.name!r} is {argument.type}, which no request can hold",
            remedy="Export the model with tensors of numbers, booleans or strings.",
        )
    return Input(argument.name, datatype, (ROWS, *(_size(size) for size in argument.shape[1:])))


def _size(size: Any) -> int:
    return size if isinstance(size, int) and size > 0 else -1


def _first(shape: Sequence[Any]) -> int:
    return _size(shape[0]) if shape else 0


def _is_classifier(outputs: Sequence[tuple[str, str]]) -> bool:
    if len(outputs) != 2:
        return False
    (label, kind), (score, scores) = outputs
    return (
        "label" in label.lower()
        and kind in {"tensor(int64)", "tensor(string)", "tensor(int32)"}
        and "prob" in score.lower()
        and scores in {"tensor(float)", "tensor(double)", *_MAPS}
    )


def _tensor(value: Any) -> NDArray[Any]:
    """An output; of a list of maps the values, in the order of the keys of the first."""
    if not isinstance(value, list):
        return np.asarray(value)
    keys = list(value[0]) if value else []
    return np.array([[row[key] for key in keys] for row in value], dtype=np.float32)


def _failure(path: Path, error: Exception) -> LoadFailure:
    message = words(error, 2000)
    what = _CALLED.split(message)[-1].removeprefix("[ONNXRuntimeError] : ")[:300]
    if _TOO_NEW.search(message):
        return RuntimeVersionMismatch(
            f"{path.name} is newer than onnxruntime {onnxruntime.__version__} reads: {what}",
            remedy="Export it with an older opset and IR version, or run a server image with a newer onnxruntime.",
        )
    return InvalidArtifact(
        f"{path.name} is an ONNX model that cannot be read ({what})",
        remedy="Check it with onnx.checker.check_model where it was exported, and compare its size with the file that was uploaded.",
    )
