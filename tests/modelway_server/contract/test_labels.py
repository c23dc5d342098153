"""Clients get names: the classes behind probabilities, the columns behind a transformation, labels of any type."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.plane import DataPlane
from modelway_server.errors import InvalidInput, MalformedRequest, PredictionFailed, UnsupportedModel
from modelway_server.runtimes import outputs
from modelway_server.runtimes.estimators import labels
from modelway_server.runtimes.estimators.runtime import METHODS, EstimatorRuntime
from support.server import planes

ROWS = np.random.default_rng(0).normal(size=(24, 2))
THREE = np.arange(len(ROWS)) % 3
FLAGS = np.column_stack([THREE > 0, THREE > 1, THREE == 1]).astype(int)
WORDS = np.column_stack([np.array(["a", "b", "c"])[THREE], np.array(["x", "y"])[THREE // 2]])


def plane(model: Any, *first: str) -> DataPlane:
    methods = dict.fromkeys([*first, *(method for method in METHODS if hasattr(model, method))])
    runtime = EstimatorRuntime(model, tuple(methods), None)
    runtime.warm_up()
    return DataPlane(runtime, Identity(name="model"))


def names_of(server: DataPlane, output: str, parameter: str = "classes") -> Any:
    """What the metadata says of an output."""
    described = {tensor["name"]: tensor for tensor in json.loads(json.dumps(server.model_metadata()))["outputs"]}
    return described[output].get("parameters", {}).get(parameter)


def infer(server: DataPlane, rows: Any = ROWS, *names: str, **parameters: Any) -> list[dict[str, Any]]:
    request: dict[str, Any] = {
        "inputs": [{"name": "rows", "shape": np.shape(rows), "datatype": "FP64", "data": np.ravel(rows).tolist()}],
        "outputs": [{"name": name} for name in names],
        "parameters": parameters,
    }
    return list(planes.infer(server, request)["outputs"])


def predict(server: DataPlane, rows: Any = ROWS, **parameters: Any) -> dict[str, Any]:
    request = {"instances": np.asarray(rows).tolist(), "parameters": parameters}
    return planes.predict(server, request)


LABELS: dict[str, tuple[Any, str, list[Any]]] = {
    "integers": (np.array([3, -1, 7]), "INT64", [-1, 3, 7]),
    "small integers": (np.array([3, 1, 2], dtype=np.int8), "INT8", [1, 2, 3]),
    "large integers": (np.array([2**63, 1, 2], dtype=np.uint64), "UINT64", [1, 2, 2**63]),
    "whole fractions": (np.array([1.0, 3.0, 2.0]), "FP64", [1.0, 2.0, 3.0]),
    "booleans": (np.array([True, False, True]), "BOOL", [False, True]),
    "strings": (np.array(["no", "yes", "wörd"]), "BYTES", ["no", "wörd", "yes"]),
    "strings as objects": (np.array(["no", "yes", "maybe"], dtype=object), "BYTES", ["maybe", "no", "yes"]),
    "bytes": (np.array([b"a", b"b", b"c"]), "BYTES", ["a", "b", "c"]),
    "dates": (np.array(["2024-01-02", "2024-01-01", "2025-01-01"], dtype="datetime64[D]"), "BYTES",
              ["2024-01-01", "2024-01-02", "2025-01-01"]),
    "categories": (pd.Categorical(["b", "a", "c"]), "BYTES", ["a", "b", "c"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", LABELS)
def test_labels_keep_their_type(kind: str) -> None:
    of_type, datatype, classes = LABELS[kind]
    server = plane(DecisionTreeClassifier(random_state=0).fit(ROWS, of_type[THREE]))
    (answer,) = infer(server)
    expected = [label.decode() if isinstance(label, bytes) else label for label in np.asarray(of_type[THREE]).tolist()]
    assert answer["datatype"] == datatype
    assert answer["data"] == [str(label) if datatype == "BYTES" else label for label in expected]
    assert predict(server)["predictions"] == answer["data"]
    assert names_of(server, "predict") == names_of(server, "predict_proba") == classes


def classes_of(model: Any) -> dict[str, Any]:
    server = plane(model)
    return {tensor["name"]: names_of(server, tensor["name"]) for tensor in server.model_metadata()["outputs"]}


def test_each_of_several_outputs_has_its_own_classes() -> None:
    assert classes_of(RandomForestClassifier(3, random_state=0).fit(ROWS, WORDS)) == {
        "predict": [["a", "b", "c"], ["x", "y"]],
        "predict_proba_0": ["a", "b", "c"],
        "predict_proba_1": ["x", "y"],
    }


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("model", [OneVsRestClassifier(LogisticRegression()), MLPClassifier(max_iter=5)], ids=str)
def test_columns_of_a_multilabel_answer_are_its_classes(model: Any) -> None:
    classes = classes_of(model.fit(ROWS, FLAGS))
    assert set(map(str, classes.values())) == {"[0, 1, 2]"}


def test_sparse_labels_are_sent_dense() -> None:
    model = OneVsRestClassifier(LogisticRegression()).fit(ROWS, csr_matrix(FLAGS))
    (answer,) = infer(plane(model))
    assert answer["shape"] == [len(ROWS), 3]
    assert answer["data"] == model.predict(ROWS).toarray().ravel().tolist()


def test_each_column_of_a_chain_has_its_own_classes() -> None:
    chain = ClassifierChain(LogisticRegression()).fit(ROWS, FLAGS)
    assert classes_of(chain)["predict_proba"] == [[0, 1]] * 3


def in_words(model: Any, frame: Any, method: str) -> list[Any]:
    """What `/predict` says of each row."""
    server = plane(model)
    answer = planes.rows(server, {"rows": frame if isinstance(frame, list) else frame.to_dict(orient="records")})
    return [row[method] for row in answer["rows"]]


def test_rows_list_values_without_a_name() -> None:
    chain = ClassifierChain(LogisticRegression()).fit(ROWS, FLAGS)
    assert np.allclose(in_words(chain, ROWS.tolist(), "probabilities"), chain.predict_proba(ROWS))
    frame = pd.DataFrame({"a": ["b_c", "d"], "a_b": ["c", "d"]})
    encoder = OneHotEncoder(sparse_output=False).fit(frame)
    assert len(set(encoder.get_feature_names_out())) < 4
    assert in_words(encoder, frame, "transform") == encoder.transform(frame).tolist()


def test_scores_of_class_pairs_have_no_classes() -> None:
    classes = classes_of(SVC(decision_function_shape="ovo").fit(ROWS, THREE))
    assert classes == {"predict": [0, 1, 2], "decision_function": None}


class Odd(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Answers with what it is given, whatever that is."""

    n_features_in_ = 1

    def __init__(self, answers: Any, classes: Any = None) -> None:
        self.answers = answers
        self.classes = classes

    @property
    def classes_(self) -> Any:
        if self.classes is None:
            raise RuntimeError("no classes today")
        return self.classes

    def predict(self, rows: Any) -> Any:
        return self.answers[: len(rows)]


def test_unknown_classes_are_left_out() -> None:
    assert names_of(plane(Odd(np.array([1, 2]))), "predict") is None


def test_classes_that_do_not_match_the_columns_are_left_out() -> None:
    assert names_of(plane(Odd(np.zeros((3, 2)), np.array([1, 2, 3]))), "predict") is None


def objects(*values: Any) -> Any:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@pytest.mark.parametrize(
    ("answers", "datatype", "v2", "v1"),
    [
        (objects("a", None, float("nan")), "BYTES", ["a", None, None], ["a", None, None]),
        (objects("a", 1, 2.5), "BYTES", ["a", "1", "2.5"], ["a", 1, 2.5]),
        (objects(1, 2**70, "x"), "BYTES", ["1", str(2**70), "x"], [1, str(2**70), "x"]),
        (objects(*[True, None, False]), "BYTES", ["True", None, "False"], [True, None, False]),
        (objects(1, 2, 3), "INT64", [1, 2, 3], [1, 2, 3]),
        (objects(1, 2.5, 3), "FP64", [1.0, 2.5, 3.0], [1.0, 2.5, 3.0]),
        (objects(b"a", b"\xff", "b"), "BYTES", ["a", "\\xff", "b"], ["a", "\\xff", "b"]),
        (objects(pd.Timestamp("2024-05-01 12:00", tz="UTC"), pd.NaT, pd.NA), "BYTES",
         ["2024-05-01T12:00:00+00:00", None, None], ["2024-05-01T12:00:00+00:00", None, None]),
        (np.array(["2024-05-01", "NaT", "2024-05-02"], dtype="datetime64[s]"), "BYTES",
         ["2024-05-01T00:00:00", None, "2024-05-02T00:00:00"], ["2024-05-01T00:00:00", None, "2024-05-02T00:00:00"]),
        ([np.float64(1), np.float64(2), np.float64(3)], "FP64", [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
    ],
)  # fmt: skip
def test_answers_of_any_type_are_json(answers: Any, datatype: str, v2: list[Any], v1: list[Any]) -> None:
    model = Odd(answers)
    server = plane(model)
    (answer,) = infer(server, np.zeros((3, 1)))
    assert (answer["datatype"], answer["data"]) == (datatype, v2)
    assert predict(server, np.zeros((3, 1)))["predictions"] == v1


def test_answer_rows_of_different_lengths_are_reported() -> None:
    class Ragged(Odd):
        def predict(self, rows: Any) -> Any:
            return [[1.0] * (row + 1) for row in range(len(rows))]

    with pytest.raises(PredictionFailed, match=r"predict is no array: .* as many values for each row"):
        predict(plane(Ragged(None)), np.zeros((3, 1)))


class Half(Odd):
    """Answers with half of the number after it: an integer where that is one, else a fraction."""

    def predict(self, rows: Any) -> Any:
        return objects(*[half if half % 1 else int(half) for half in (rows[:, 0] + 1) / 2])


def test_datatype_of_an_answer_equals_the_metadata() -> None:
    server = plane(Half(None))
    answers = [infer(server, [[row]])[0] for row in (0.0, 1.0)]
    assert [(answer["datatype"], answer["data"]) for answer in answers] == [("FP64", [0.5]), ("FP64", [1.0])]


PROBABILITIES = LogisticRegression().fit(ROWS, WORDS[:, 1])


def test_v2_names_the_classes_on_request() -> None:
    outputs = infer(plane(PROBABILITIES), ROWS[:1], "predict_proba", "predict", classes=True)
    assert [output["parameters"] for output in outputs] == [{"classes": ["x", "y"]}] * 2
    assert "parameters" not in infer(plane(PROBABILITIES), ROWS[:1])[0]


def best(model: Any, output: str, count: Any) -> list[dict[str, Any]]:
    request = {
        "inputs": [{"name": "rows", "shape": [3, 2], "datatype": "FP64", "data": ROWS[:3].tolist()}],
        "outputs": [{"name": output, "parameters": {"classification": count}}],
    }
    return list(planes.infer(plane(model), request)["outputs"])


def test_v2_gives_the_best_classes_on_request() -> None:
    model = LogisticRegression().fit(ROWS, np.array(["a", "b", "c"])[THREE])
    (answer,) = best(model, "predict_proba", 2)
    assert (answer["datatype"], answer["shape"]) == ("BYTES", [3, 2])
    scores = model.predict_proba(ROWS[:3])
    for row, texts in zip(scores, np.reshape(answer["data"], (3, 2)), strict=True):
        for text, index in zip(texts, np.argsort(-row), strict=False):
            assert text == f"{float(row[index])!r}:{index}:{model.classes_[index]}"


def test_best_classes_of_several_targets_are_several_outputs() -> None:
    forest = RandomForestClassifier(3, random_state=0).fit(ROWS, WORDS)
    assert [answer["shape"] for answer in best(forest, "predict_proba", 9)] == [[3, 3], [3, 2]]


@pytest.mark.parametrize(
    ("output", "count", "words"),
    [
        ("predict_proba", 0, "1 or more"),
        ("predict_proba", "2", "1 or more"),
        ("predict", 1, "no score for each class"),
        ("decision_function", 1, "no score for each class"),
    ],
)
def test_best_classes_without_scores_are_refused(output: str, count: Any, words: str) -> None:
    with pytest.raises(MalformedRequest, match=words):
        best(PROBABILITIES, output, count)


def test_v1_names_the_classes_on_request() -> None:
    server = plane(PROBABILITIES, "predict_proba")
    answer = predict(server, ROWS[:2], classes=True)
    assert answer == {"predictions": PROBABILITIES.predict_proba(ROWS[:2]).tolist(), "classes": ["x", "y"]}
    assert list(predict(server, ROWS[:2], classes=False)) == ["predictions"]


def test_v1_names_the_classes_of_each_array() -> None:
    forest = RandomForestClassifier(3, random_state=0).fit(ROWS, WORDS)
    assert predict(plane(forest, "predict_proba"), classes=True)["classes"] == [["a", "b", "c"], ["x", "y"]]


@pytest.mark.parametrize("ask", [infer, predict])
def test_request_for_classes_of_a_regressor_is_refused(ask: Any) -> None:
    with pytest.raises(MalformedRequest, match="no classes") as refusal:
        ask(plane(LinearRegression().fit(ROWS, THREE)), classes=True)
    assert refusal.value.field == "parameters.classes"


@pytest.mark.parametrize("ask", [infer, predict])
def test_classes_other_than_a_boolean_is_refused(ask: Any) -> None:
    with pytest.raises(MalformedRequest, match="true or false"):
        ask(plane(PROBABILITIES), classes="yes")


def test_transformer_names_its_columns() -> None:
    frame = pd.DataFrame({"city": ["Rome", "Oslo"], "age": [1.0, 2.0]})
    encoder = ColumnTransformer([("c", OneHotEncoder(), ["city"])], remainder="passthrough").fit(frame)
    assert names_of(plane(encoder), "transform", "columns") == ["c__city_Oslo", "c__city_Rome", "remainder__age"]
    assert names_of(plane(PolynomialFeatures(2).fit(ROWS)), "transform", "columns")[:3] == ["1", "x0", "x1"]


def test_names_of_very_many_columns_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "MAX_NAMES", 5)
    assert names_of(plane(PolynomialFeatures(2).fit(ROWS)), "transform", "columns") is None


def texts(server: DataPlane, count: int) -> Any:
    return planes.predict(server, {"instances": ["a word"] * count})["predictions"]


def test_sparse_answer_over_the_cap_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "MAX_DENSE_VALUES", 100)
    server = plane(HashingVectorizer(n_features=50).fit([]))
    assert np.shape(texts(server, 2)) == (2, 50)
    with pytest.raises(InvalidInput, match="3 x 50 values, most of them 0; at most 100 are sent"):
        texts(server, 3)


def test_model_whose_one_row_exceeds_the_cap_is_not_served() -> None:
    with pytest.raises(UnsupportedModel, match="1 x 8388608 values") as refusal:
        plane(HashingVectorizer(n_features=2**23).fit([]))
    assert "TruncatedSVD" in refusal.value.remedy


def test_sparse_matrix_inside_a_pipeline_is_not_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "MAX_DENSE_VALUES", 100)
    model = make_pipeline(HashingVectorizer(n_features=200), LogisticRegression())
    model.fit(["good wine", "bad wine"], ["yes", "no"])
    assert texts(plane(model), 2) == model.predict(["a word"] * 2).tolist()
