"""Convert estimators with skl2onnx where no plan of ours covers them.

Graphs that compute in float32 are refused, unless they are asked for. The proof judges whether the others are right.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx.helper
import skl2onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.neighbors._base import NeighborsBase

from modelway_server.contract.signature import Form, Signature
from modelway_server.engines.arithmetic import find_inexact
from modelway_server.engines.plan.from_estimator import plan_steps, split_steps
from modelway_server.engines.plan.plan import NotCovered, Plan

_OPSETS = {"": 18, "ai.onnx.ml": 3}
_OUTPUTS = {
    "predict": ("label", "output_label", "variable", "outputs"),
    "predict_proba": ("probabilities", "output_probability"),
    "decision_function": ("scores", "probabilities", "output_probability"),
    "transform": ("variable", "scores", "transformed_column", "outputs"),
    "score_samples": ("score_samples",),
}
"""The names that converters give to the outputs of each method."""


def convert(estimator: Any, signature: Signature, methods: tuple[str, ...], *, single: bool = False) -> Plan:
    """Convert an estimator into a plan whose answers come from graphs of skl2onnx.

    Args:
        estimator: fitted.
        signature: its contract.
        methods: the methods that the plan must answer.
        single: whether the graphs compute in float32, and not in float64.

    Raises:
        NotCovered: skl2onnx has no converter for a part of the estimator, no answer for a method, or no graph that
            computes in float64.
    """
    plan, last, width = _plan_before(estimator, signature)
    if isinstance(last, NeighborsBase):
        raise NotCovered("of rows that are equally near a graph takes others")
    plain = _graph(last, width, raw=False, single=single)
    raw = None
    for method in methods:
        graph = plain
        if method == "decision_function" and hasattr(last, "classes_"):
            raw = graph = raw or _graph(last, width, raw=True, single=single)
        plan.graphs[method] = graph.SerializeToString()
        plan.outputs[method] = _output(graph, method)
    return plan


def _plan_before(estimator: Any, signature: Signature) -> tuple[Plan, Any, int]:
    """Plan the steps before the last estimator, and return the plan, that estimator and its number of columns.

    If a step is not covered, the plan has no steps, and the whole estimator is converted.
    """
    before, last = split_steps(estimator)
    plan = Plan(outputs={})
    try:
        plan_steps(plan, before, signature)
    except NotCovered:
        if signature.form is not Form.MATRIX or not signature.doubles:  # the graph would make doubles of integers
            raise
        return Plan(outputs={}), estimator, len(signature.columns)
    return plan, last, int(getattr(last, "n_features_in_", len(signature.columns)))


def _graph(estimator: Any, width: int, *, raw: bool, single: bool) -> Any:
    """Convert the estimator into a graph of rows in float64.

    Raises:
        NotCovered: skl2onnx does not convert it, or the graph does not compute in float64 and has to.
    """
    graph = _convert(estimator, raw=raw, rows=(FloatTensorType if single else DoubleTensorType)([None, width]))
    if single:
        return _round_rows(graph)
    objection = find_inexact(graph)
    if objection is not None:
        raise NotCovered(objection)
    return graph


def _round_rows(model: Any) -> Any:
    """Let a graph of rows in float32 take them in float64."""
    graph = model.graph
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == "rows":
                node.input[index] = "rounded_rows"
    graph.node.insert(0, onnx.helper.make_node("Cast", ["rows"], ["rounded_rows"], to=onnx.TensorProto.FLOAT))
    graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    return model


def _convert(estimator: Any, *, raw: bool, rows: Any) -> Any:
    options: dict[str, Any] = {}
    if hasattr(estimator, "classes_"):
        options = {"zipmap": False} | ({"raw_scores": True} if raw else {})
    try:
        with _plain_attributes(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.getLogger("skl2onnx").setLevel(logging.ERROR)
            return skl2onnx.convert_sklearn(
                estimator,
                initial_types=[("rows", rows)],
                options={id(estimator): options} if options else None,
                target_opset=_OPSETS,
            )
    except Exception as error:  # skl2onnx and the estimator's own attributes raise anything
        raise NotCovered(f"skl2onnx does not convert it ({type(error).__name__})") from error


@contextmanager
def _plain_attributes() -> Iterator[None]:
    """Turn numpy's booleans and integers into plain ones, since protobuf refuses them (skl2onnx 1.20, HistGradientBoosting)."""
    original = onnx.helper.make_attribute

    def make_attribute(key: str, value: Any, *rest: Any, **keywords: Any) -> Any:
        if isinstance(value, list | tuple) and value and isinstance(value[0], np.bool_ | np.integer):
            value = [int(each) for each in value]
        return original(key, value, *rest, **keywords)

    onnx.helper.make_attribute = make_attribute
    try:
        yield
    finally:
        onnx.helper.make_attribute = original


def _output(graph: Any, method: str) -> str:
    names = [output.name for output in graph.graph.output]
    for name in _OUTPUTS[method]:
        if name in names:
            return name
    raise NotCovered(f"its graph has no answer for {method}")
