"""ONNX models: converted from scikit-learn, and written by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from support.models import APPLICANTS, APPROVED, WINE, wine_forest

FILLED = APPLICANTS[["age", "city", "member"]].fillna({"age": 40.0, "city": "Rome"})
WORDS = [["good"], ["bad"]] * 10


def forest(path: Path, *, zipmap: bool = False) -> None:
    """The forest of wines; probabilities as a tensor, or as a list of maps."""
    model = wine_forest()
    graph = to_onnx(model, WINE[:1].astype(np.float32), options={id(model): {"zipmap": zipmap}})
    path.write_bytes(graph.SerializeToString())


def applicants() -> Pipeline:
    """A number and two strings to a string."""
    known = ColumnTransformer([("numbers", StandardScaler(), ["age"]), ("texts", OneHotEncoder(), ["city", "member"])])
    return make_pipeline(known, LogisticRegression()).fit(FILLED, APPROVED)


def columns(path: Path) -> None:
    """The pipeline of applicants, each column an input of its own."""
    model = applicants()
    kinds = [("age", FloatTensorType([None, 1])), *((name, StringTensorType([None, 1])) for name in ("city", "member"))]
    graph = to_onnx(model, initial_types=kinds, options={id(model): {"zipmap": False}})
    path.write_bytes(graph.SerializeToString())


def words() -> Pipeline:
    """One word to a class."""
    return make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(WORDS, [1, 0] * 10)


def texts(path: Path) -> None:
    """The pipeline of words."""
    model = words()
    graph = to_onnx(
        model, initial_types=[("text", StringTensorType([None, 1]))], options={id(model): {"zipmap": False}}
    )
    path.write_bytes(graph.SerializeToString())


def write(path: Path, nodes: Any, inputs: Any, outputs: Any, *, opset: int = 17, ir_version: int = 8) -> None:
    """A graph of nodes; inputs and outputs are (name, type, shape)."""
    graph = helper.make_graph(
        nodes,
        "by-hand",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)
    onnx.save(model, path)


def sums(path: Path, rows: Any = "rows") -> None:
    """Two images and a weight a row to two outputs: their sum, and the mean of it."""
    image = ["rows" if rows is None else rows, 2, 3]
    write(
        path,
        [
            helper.make_node("Add", ["left", "right"], ["sum"]),
            helper.make_node("ReduceMean", ["sum"], ["mean"], axes=[1, 2], keepdims=0),
        ],
        [("left", TensorProto.FLOAT, image), ("right", TensorProto.FLOAT, image)],
        [("sum", TensorProto.FLOAT, image), ("mean", TensorProto.FLOAT, image[:1])],
    )
