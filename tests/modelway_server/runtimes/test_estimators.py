"""Every estimator of scikit-learn is served as it answers in process, or refused with its reason before it is ready."""

import copy
import json
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy.sparse import issparse

from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.plane import DataPlane
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.estimators.runtime import METHODS
from support.make.survey import PAGE, page, survey
from support.server import planes
from support.server.served import Served
from support.trained.estimators import example, names

REFUSED: dict[str, str] = {
    "only judges the rows": "LocalOutlierFactor",
    "only groups the rows and columns": "SpectralBiclustering SpectralCoclustering",
    "only labels the rows": "AgglomerativeClustering DBSCAN HDBSCAN OPTICS SpectralClustering",
    "only places the rows": "ClassicalMDS MDS SpectralEmbedding TSNE",
    "neighbours of a row": "NearestNeighbors",
    "the covariance": "EmpiricalCovariance GraphicalLasso GraphicalLassoCV LedoitWolf MinCovDet OAS ShrunkCovariance",
    "takes dictionaries": "DictVectorizer FeatureHasher",
    "takes no rows": "LabelBinarizer LabelEncoder MultiLabelBinarizer",
    "takes images": "PatchExtractor",
}
WORDS = {name: words for words, refused in REFUSED.items() for name in refused.split()}
IN_A_PROCESS = {
    "IterativeImputer": "the server imports what scikit-learn calls experimental",
    "MultiOutputClassifier": "several arrays",
    "OneHotEncoder": "sparse",
    "TfidfVectorizer": "text, sparse",
}


def dense(result: Any) -> list[Any]:
    """What a method gave, as a list of plain arrays."""
    several = isinstance(result, list) and any(getattr(part, "ndim", 0) for part in result)
    return [np.asarray(part.toarray() if issparse(part) else part) for part in (result if several else [result])]


def as_sent(rows: Any) -> Any:
    """Rows as JSON has them."""
    finite = np.asarray(rows, dtype=object)
    finite[finite != finite] = None  # noqa: PLR0124  (NaN)
    return finite.tolist()


def tensor(runtime: Runtime, rows: Any) -> dict[str, Any]:
    """Rows as the metadata says that they are sent."""
    (described,) = runtime.signature.describe_inputs()
    return {
        "name": described["name"],
        "datatype": described["datatype"],
        "shape": np.shape(rows),
        "data": as_sent(rows),
    }


def heard(call: Callable[[Any], Any], argument: Any) -> tuple[Any, set[str]]:
    """What a call gives, and what it warns of."""
    with warnings.catch_warnings(record=True) as error:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", message="X does not have valid feature names")  # as `serve` does
        result = call(argument)
    return result, {str(warning.message) for warning in error}


@pytest.mark.parametrize("name", names())
def test_estimator_answers_as_in_process_or_is_refused(name: str) -> None:
    finding = survey(name)
    if finding.runtime is None:
        assert finding.refusal is not None
        assert (finding.refusal.reason, WORDS[name] in finding.refusal.message) == ("UnsupportedModel", True)
        return
    estimator, rows, runtime = finding.example.estimator, finding.example.rows, finding.runtime
    assert set(runtime.methods) == {method for method in METHODS if hasattr(estimator, method)}
    for method in runtime.methods:
        result, warnings = heard(getattr(estimator, method), rows)
        expected = dense(result)
        request = {"inputs": [tensor(runtime, rows)], "outputs": [{"name": method}]}
        answer, noise = heard(partial(planes.infer, plane(runtime)), request)
        assert noise <= warnings
        for output, array in zip(answer["outputs"], expected, strict=True):
            check(runtime, np.reshape(values(output["data"]), output["shape"]), array)
        v1 = planes.predict(plane(runtime, method), {"instances": as_sent(rows)})
        parts = list(zip(*v1["predictions"], strict=True)) if len(expected) > 1 else [v1["predictions"]]
        for part, array in zip(parts, expected, strict=True):
            check(runtime, values(part), array)


def check(runtime: Runtime, answer: Any, expected: Any) -> None:
    """Numbers of an engine may differ in their last digits; labels may not, and nothing of the model's own methods."""
    if runtime.engine == "estimator" or expected.dtype.kind != "f":
        np.testing.assert_array_equal(answer, expected)
    else:
        np.testing.assert_allclose(
            answer, expected, rtol=1e-5 if "skl2onnx" in runtime.description["engine_reason"] else 1e-11
        )


def values(data: Any) -> Any:
    array = np.asarray(data)
    return array.astype(np.float64) if array.dtype == object else array


def plane(runtime: Runtime, method: str | None = None) -> DataPlane:
    """The data plane of a model, with another default method if one is given."""
    chosen = copy.copy(runtime)
    if method is not None:
        chosen.methods = (method, *(other for other in runtime.methods if other != method))
    return DataPlane(chosen, Identity(name="m"))


def class_names(known: Any, output: str) -> Any:
    """What `classes_` says of an output: a list, or one for each of several targets."""
    if not isinstance(known, list):
        return known.tolist()
    position = output.rpartition("_")[2]
    return known[int(position)].tolist() if position.isdigit() else [each.tolist() for each in known]


def test_every_classifier_names_its_classes() -> None:
    for name in names():
        case, runtime = survey(name).example, survey(name).runtime
        for output in runtime.signature.describe_outputs() if runtime and case.kind == "classifier" else ():
            if output["name"] != "transform":
                classes = json.loads(json.dumps(output))["parameters"]["classes"]
                assert classes == class_names(case.estimator.classes_, output["name"]), (name, output)


def test_every_refused_estimator_is_expected() -> None:
    assert {name for name in names() if survey(name).runtime is None} == set(WORDS)


def test_page_of_estimators_is_fresh() -> None:
    assert PAGE.read_text() == page(), "run `make generate` and commit docs/estimators.md"


@pytest.mark.parametrize("name", IN_A_PROCESS)
def test_server_process_answers_as_this_one(name: str, launched: Callable[..., Served]) -> None:
    finding, case = survey(name), example(name)
    assert finding.runtime is not None
    server = launched(model=case.estimator).started()
    method = finding.runtime.methods[-1]
    reply = server.infer({"inputs": [tensor(finding.runtime, case.rows)], "outputs": [{"name": method}]})
    for output, array in zip(reply.body["outputs"], dense(getattr(case.estimator, method)(case.rows)), strict=True):
        np.testing.assert_array_equal(np.reshape(output["data"], output["shape"]), array)
    assert not [line for line in server.log if line["level"] in {"warning", "error"}]


@pytest.mark.parametrize("name", ["DBSCAN", "LabelEncoder"])
def test_server_of_a_refused_estimator_ends_with_the_reason(name: str, launched: Callable[..., Served]) -> None:
    server = launched(model=example(name).estimator)
    assert server.process.wait(timeout=60) == 21
    assert (server.report["reason"], WORDS[name] in server.report["message"]) == ("UnsupportedModel", True)
    assert not any("Traceback" in str(line) or line["message"] == "ready" for line in server.log)
