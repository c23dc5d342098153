"""A graph that goes through float32 somewhere, or cancels, is known by its operators, before any row is tried."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, defs, helper, numpy_helper
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.svm import SVC, SVR, NuSVC, NuSVR

from modelway_server.engines.arithmetic import find_inexact
from support.server.prepared import prepare_runtime

IRIS, KINDS = load_iris(return_X_y=True)
FAR = IRIS + 10_000
RANDOM = np.random.default_rng(0)
METRES = np.array([5e5, 5.5e6]) + RANDOM.normal(0, 3, (400, 2))
WAVES = np.sin(METRES - [5e5, 5.5e6]).sum(axis=1)


def graph(nodes: Sequence[NodeProto], *constants: TensorProto) -> Any:
    """A model from `x` to `y`, float64 both."""
    of = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, 2]) for name in ("x", "y")]
    versions = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(helper.make_graph(nodes, "g", of[:1], of[1:], constants), opset_imports=versions)


def node(kind: str, takes: str, gives: str, **attributes: Any) -> NodeProto:
    domain = "ai.onnx.ml" if kind in ML else ""
    return helper.make_node(kind, takes.split(), gives.split(), domain=domain, **attributes)


ML = {schema.name for schema in defs.get_all_schemas() if schema.domain == "ai.onnx.ml"}
THERE_AND_BACK = [node("Cast", "x", "s", to=TensorProto.FLOAT), node("Cast", "s", "y", to=TensorProto.DOUBLE)]
SINGLE = {
    "casts": THERE_AND_BACK,
    "constants": [node("LeakyRelu", "x", "y", alpha=0.1)],
    "filled in": [node("Imputer", "x", "y", imputed_value_floats=[0.1, 0.2])],
    "found by": [node("LabelEncoder", "x", "y", keys_floats=[0.1], values_floats=[1.0])],
    **{
        kind: [node(kind, "x", "l s" if "Classifier" in kind else "s"), node("Cast", "s", "y", to=TensorProto.DOUBLE)]
        for kind in ("SVMClassifier", "SVMRegressor", "LinearClassifier", "LinearRegressor", "Scaler", "Normalizer")
    },
    **{
        kind: [node(kind, "x", "l s" if "Classifier" in kind else "s"), node("Cast", "s", "y", to=TensorProto.DOUBLE)]
        for kind in ("TreeEnsembleClassifier", "TreeEnsembleRegressor", "OneHotEncoder", "FeatureVectorizer")
    },
}
DOUBLE = {
    "arithmetic": [node("Exp", "x", "e"), node("Neg", "e", "y")],
    "ones": [
        node("Shape", "x", "n"),
        node("ConstantOfShape", "n", "s", value=numpy_helper.from_array(np.ones(1, np.float32))),
        node("Cast", "s", "y", to=TensorProto.DOUBLE),
    ],
    "a root of squares": [node("ReduceSumSquare", "x", "q"), node("Sqrt", "q", "y")],
}


@pytest.mark.parametrize("case", SINGLE)
def test_graph_through_float32_is_inexact(case: str) -> None:
    assert "float32" in str(find_inexact(graph(SINGLE[case])))


def test_rounded_constant_is_inexact_and_named() -> None:
    rounded = numpy_helper.from_array(np.array([0.1], np.float32), "weights")
    assert "weights" in str(find_inexact(graph(DOUBLE["arithmetic"], rounded)))


@pytest.mark.parametrize("case", DOUBLE)
def test_graph_in_float64_is_exact(case: str) -> None:
    assert find_inexact(graph(DOUBLE[case])) is None


@pytest.mark.parametrize("between", ["", "Reshape"])
def test_root_of_a_difference_is_inexact(between: str) -> None:
    nodes = [node("Sub", "x x", "d"), node("Identity" if between else "Neg", "d", "e"), node("Sqrt", "e", "y")]
    assert ("difference" in str(find_inexact(graph(nodes)))) == bool(between)


@pytest.mark.parametrize(
    "model",
    [
        SVC(C=100, gamma=0.5).fit(METRES, WAVES > 0),
        *(kind().fit(FAR, KINDS) for kind in (SVC, NuSVC)),
        *(kind().fit(FAR, IRIS[:, 0]) for kind in (SVR, NuSVR)),
        KMeans(5, n_init=1, random_state=0).fit(FAR),
        KMeans(5, n_init=1, random_state=0).fit(METRES),
    ],
    ids=repr,
)
def test_engine_gives_the_models_answers_far_from_zero(tmp_path: Path, model: Any) -> None:
    runtime = prepare_runtime(tmp_path, model)
    centres = getattr(model, "cluster_centers_", getattr(model, "support_vectors_", None))
    rows = np.concatenate([METRES if model.n_features_in_ == 2 else FAR, centres])
    for method in runtime.methods:
        answer, own = runtime.call(method, rows, len(rows))[method], getattr(model, method)(rows)
        if own.dtype.kind == "f":
            np.testing.assert_allclose(answer, own, rtol=1e-5, atol=1e-5)
        else:
            np.testing.assert_array_equal(answer, own)
