"""Rows that do not fit the model are refused with the field at fault; the model itself never sees them."""

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression

from modelway_server.contract.rows import rows_of_instances
from modelway_server.contract.signature import Form
from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.v1 import read_v1
from modelway_server.dataplane.v2 import read_v2
from modelway_server.errors import InputError, InvalidInput, MalformedRequest
from modelway_server.runtimes.estimators.runtime import METHODS, EstimatorRuntime
from support.models import APPLICANTS, WINE, WINE_KINDS, Told, mixed_pipeline, text_pipeline, wine_forest
from support.server import planes

GOOD = WINE[0].tolist()


def plane(model: Any) -> DataPlane:
    runtime = EstimatorRuntime(model, tuple(method for method in METHODS if hasattr(model, method)), None)
    runtime.warm_up()
    return DataPlane(runtime, Identity(name="model"))


PLANES = {
    "forest": plane(wine_forest()),
    "linear": plane(LinearRegression().fit(WINE, WINE_KINDS)),
    "boosting": plane(HistGradientBoostingClassifier(max_iter=5).fit(WINE, WINE_KINDS)),
    "mixed": plane(mixed_pipeline()),
    "text": plane(text_pipeline()),
}


def tensor(data: Any, shape: list[int], datatype: str = "FP64", name: str = "rows", **more: Any) -> dict[str, Any]:
    return {"inputs": [{"name": name, "shape": shape, "datatype": datatype, "data": data, **more}]}


def instances(*rows: Any) -> dict[str, Any]:
    return {"instances": list(rows)}


def applicant(**changes: Any) -> dict[str, Any]:
    row = {"age": 20.0, "city": "Rome", "member": "yes"} | changes
    return {name: value for name, value in row.items() if value is not ...}


def row_with(position: int, value: Any) -> list[Any]:
    return [*GOOD[:position], value, *GOOD[position + 1 :]]


REFUSED: list[tuple[str, str, Any, type[InputError], str, str]] = [
    # width, rank, shape
    ("forest", "infer", tensor(GOOD[:-1], [1, 12]), InvalidInput, "inputs[0].shape", "13 values a row"),
    ("forest", "infer", tensor(GOOD, [13]), InvalidInput, "inputs[0].shape", "send shape [1, 13]"),
    ("forest", "infer", tensor([[GOOD]], [1, 1, 13]), InvalidInput, "inputs[0].shape", "[rows, 13]"),
    ("forest", "infer", tensor([], [0, 13]), InvalidInput, "inputs[0].shape", "no rows"),
    ("forest", "infer", tensor(GOOD, [2, 13]), MalformedRequest, "inputs[0].data", "asks for 26 values, data holds 13"),
    ("forest", "infer", tensor([GOOD, GOOD[:3]], [2, 13]), MalformedRequest, "inputs[0].data[1]", "3 values"),
    ("forest", "infer", tensor([GOOD, 7], [2, 13]), MalformedRequest, "inputs[0].data[1]", "a number"),
    ("forest", "infer", tensor(GOOD, [-1, 13]), MalformedRequest, "inputs[0].shape", "never -1"),
    ("forest", "infer", tensor(GOOD, [True, 13]), MalformedRequest, "inputs[0].shape", "integers"),
    ("forest", "infer", tensor(GOOD, []), MalformedRequest, "inputs[0].shape", "1 to 8"),
    ("forest", "infer", tensor(GOOD, [1] * 9), MalformedRequest, "inputs[0].shape", "1 to 8"),
    (
        "forest",
        "infer",
        tensor(GOOD, [10**18, 10**18]),
        MalformedRequest,
        "inputs[0].shape",
        "at most 2,147,483,647 values",
    ),
    ("forest", "predict", instances(GOOD, GOOD[:-1]), InvalidInput, "instances[1]", "this one has 12"),
    ("forest", "predict", instances([]), InvalidInput, "instances[0]", "this one has 0"),
    ("forest", "predict", instances(), InvalidInput, "instances", "no rows"),
    ("forest", "predict", instances(GOOD, 5), MalformedRequest, "instances[1]", "array of 13 values"),
    # types
    ("forest", "infer", tensor(row_with(4, "1.5"), [1, 13]), MalformedRequest, "inputs[0].data[4]", "a string ('1.5')"),
    ("forest", "infer", tensor([row_with(4, "1.5")], [1, 13]), MalformedRequest, "inputs[0].data[0][4]", "a string"),
    ("forest", "infer", tensor(row_with(4, bool(1)), [1, 13]), MalformedRequest, "inputs[0].data[4]", "a boolean"),
    ("forest", "infer", tensor(row_with(4, [1.0]), [1, 13]), MalformedRequest, "inputs[0].data[4]", "an array"),
    (
        "forest",
        "infer",
        tensor([str(value) for value in GOOD], [1, 13], "BYTES"),
        InvalidInput,
        "inputs[0].datatype",
        "FP64",
    ),
    (
        "forest",
        "infer",
        tensor(GOOD, [1, 13], "INT64"),
        MalformedRequest,
        "inputs[0].data[0]",
        "INT64 data holds a number",
    ),
    (
        "forest",
        "infer",
        tensor([300] * 13, [1, 13], "UINT8"),
        MalformedRequest,
        "inputs[0].data[0]",
        "does not fit UINT8",
    ),
    (
        "forest",
        "infer",
        tensor([-1] * 13, [1, 13], "UINT64"),
        MalformedRequest,
        "inputs[0].data[0]",
        "does not fit UINT64",
    ),
    ("forest", "infer", tensor([2**64] * 13, [1, 13], "INT64"), MalformedRequest, "inputs[0].data[0]", "INT64"),
    (
        "forest",
        "infer",
        tensor(row_with(0, 1e39), [1, 13], "FP32"),
        MalformedRequest,
        "inputs[0].data[0]",
        "does not fit FP32",
    ),
    ("forest", "infer", tensor(GOOD, [1, 13], "FP8"), MalformedRequest, "inputs[0].datatype", "FP64"),
    ("forest", "predict", instances(row_with(2, "abc")), InvalidInput, "instances[0][2]", "a string ('abc')"),
    ("forest", "predict", instances(row_with(2, {})), InvalidInput, "instances[0][2]", "an object"),
    # too large for the model's float32, missing where the model needs a value
    ("forest", "predict", instances(row_with(2, 1e300)), InvalidInput, "instances[0][2]", "up to 3.4"),
    ("linear", "predict", instances(GOOD, row_with(12, None)), InvalidInput, "instances[1][12]", "must not be missing"),
    (
        "linear",
        "infer",
        tensor(row_with(3, None), [1, 13]),
        InvalidInput,
        "inputs[0].data[0][3]",
        "must not be missing",
    ),
    ("mixed", "predict", instances(applicant(member=None)), InvalidInput, "instances[0].member", "must not be missing"),
    # names and categories
    ("mixed", "predict", instances(applicant(), applicant(ages=1)), InvalidInput, "instances[1]", "unknown: ages"),
    ("mixed", "predict", instances(applicant(age=...)), InvalidInput, "instances[0]", "missing: age"),
    ("mixed", "predict", instances(applicant(age="old")), InvalidInput, "instances[0].age", "takes numbers"),
    ("mixed", "predict", instances(applicant(city=3)), InvalidInput, "instances[0].city", "takes strings"),
    ("mixed", "predict", instances(applicant(member="maybe")), InvalidInput, "instances[0].member", "'no', 'yes'"),
    (
        "mixed",
        "predict",
        {"inputs": {"age": [1, 2], "city": ["Rome"], "member": ["yes"]}},
        MalformedRequest,
        "inputs",
        "lengths",
    ),
    (
        "mixed",
        "predict",
        {"inputs": {"age": 1, "city": ["Rome"], "member": ["yes"]}},
        MalformedRequest,
        "inputs.age",
        "array",
    ),
    ("mixed", "predict", {"inputs": {"age": [1]}}, InvalidInput, "inputs", "missing: city, member"),
    ("mixed", "predict", {"inputs": {}}, InvalidInput, "inputs", "missing: age"),
    ("mixed", "infer", tensor([1.0], [1], name="age"), InvalidInput, "inputs", "missing: city, member"),
    ("mixed", "infer", tensor([1.0] * 4, [1, 4]), InvalidInput, "inputs[0].datatype", "one tensor per column"),
    ("forest", "predict", instances({"a": 1}), InvalidInput, "instances", "13 values a row, and there are 1: a"),
    # text
    ("text", "predict", instances("good", 3), InvalidInput, "instances[1]", "a number"),
    ("text", "predict", instances({"text": "good"}), InvalidInput, "instances[0]", "an object"),
    ("text", "infer", tensor([1.0], [1]), InvalidInput, "inputs[0].datatype", "BYTES"),
    ("text", "infer", tensor(["a", None], [2], "BYTES"), InvalidInput, "inputs[0].data[1]", "null"),
    # envelopes
    ("forest", "infer", {}, MalformedRequest, "inputs", "at least one tensor"),
    ("forest", "infer", {"inputs": [3]}, MalformedRequest, "inputs[0]", "a number"),
    ("forest", "infer", tensor(GOOD, [1, 13], name=""), MalformedRequest, "inputs[0].name", "a name"),
    ("forest", "infer", {"inputs": tensor(GOOD, [1, 13])["inputs"] * 2}, MalformedRequest, "inputs[1].name", "twice"),
    ("forest", "infer", {"id": 5, **tensor(GOOD, [1, 13])}, MalformedRequest, "id", "a string"),
    ("forest", "infer", {"parameters": 5, **tensor(GOOD, [1, 13])}, MalformedRequest, "parameters", "an object"),
    (
        "forest",
        "infer",
        {"outputs": [{"name": "shap"}], **tensor(GOOD, [1, 13])},
        MalformedRequest,
        "outputs[0].name",
        "predict_proba",
    ),
    (
        "forest",
        "infer",
        {"inputs": [{"name": "rows", "shape": [1, 13], "datatype": "FP64"}]},
        MalformedRequest,
        "inputs[0].data",
        "data",
    ),
    ("forest", "predict", {}, MalformedRequest, "instances", "exactly one"),
    ("forest", "predict", {"instances": [], "inputs": []}, MalformedRequest, "instances", "exactly one"),
    ("forest", "predict", {"instances": 5}, MalformedRequest, "instances", "a number"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0]}-{case[4]}")
def test_bad_request_names_its_field(case: tuple[str, str, Any, type[InputError], str, str]) -> None:
    model, operation, document, kind, field, words = case
    with pytest.raises(InputError) as refusal:
        getattr(planes, operation)(PLANES[model], document)
    error = refusal.value
    assert (type(error), error.field, words in error.message) == (kind, field, True), (error.field, error.message)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff", b"NaN", b"\xef\xbb\xbf{}", b"[" * 5000, b'{"a":' * 5000, b'{"inputs": NaN}',
        b'{"instances": [[1e999]]}', b'{"instances": [["\\ud800"]]}', b"{} {}", b"\x00", b"--boundary",
    ],
)  # fmt: skip
def test_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    for read in (read_v2, read_v1):
        with pytest.raises(MalformedRequest, match="JSON"):
            read(PLANES["forest"], body)


ACCEPTED: list[tuple[str, str, Any, list[Any]]] = [
    ("forest", "flat", tensor(GOOD, [1, 13]), GOOD),
    ("forest", "nested", tensor([GOOD], [1, 13]), GOOD),
    ("forest", "FP32", tensor(GOOD, [1, 13], "FP32"), np.array(GOOD, dtype=np.float32).tolist()),
    ("forest", "INT16", tensor([7] * 13, [1, 13], "INT16"), [7] * 13),
    ("forest", "UINT64", tensor([2**63] * 13, [1, 13], "UINT64"), [2**63] * 13),
    ("forest", "BOOL", tensor([True] * 13, [1, 13], "BOOL"), [1.0] * 13),
    ("boosting", "missing", tensor(row_with(3, None), [1, 13]), row_with(3, math.nan)),
    ("boosting", "missing integers", tensor([None] * 13, [1, 13], "INT32"), [math.nan] * 13),
    ("linear", "minus zero", tensor([-0.0] * 13, [1, 13]), [0.0] * 13),
]


@pytest.mark.parametrize(("model", "_", "document", "row"), ACCEPTED)
def test_every_form_of_a_row_is_read_alike(model: str, _: str, document: Any, row: list[Any]) -> None:
    by_tensor = planes.infer(PLANES[model], document)["outputs"][0]["data"]
    finite = [None if np.isnan(value) else value for value in row]
    by_rows = planes.predict(PLANES[model], instances(finite))["predictions"]
    assert by_tensor == by_rows


def test_dropped_column_may_be_sent_or_left_out() -> None:
    with_it = planes.predict(PLANES["mixed"], instances(applicant(note={"any": "thing"})))
    assert with_it == planes.predict(PLANES["mixed"], instances(applicant()))


def test_array_rows_are_read_in_training_order() -> None:
    by_position = planes.predict(PLANES["mixed"], instances([31.0, "Oslo", "no", None]))
    by_name = planes.predict(PLANES["mixed"], instances({"member": "no", "city": "Oslo", "age": 31.0}))
    assert by_position == by_name
    assert list(APPLICANTS) == ["age", "city", "member", "note"]


def test_text_model_takes_one_string_a_row() -> None:
    by_tensor = planes.infer(PLANES["text"], tensor(["good", "bad"], [2], "BYTES"))
    assert by_tensor["outputs"][0]["data"] == text_pipeline().predict(["good", "bad"]).tolist()


class Unsure(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Answers what is not finite."""

    n_features_in_ = 1

    def predict(self, rows: Any) -> Any:
        return np.array([math.nan, math.inf, 1.0])[: len(rows)]


def test_answer_that_is_not_finite_is_null() -> None:
    assert planes.predict(plane(Unsure()), {"instances": [1, 2, 3]}) == {"predictions": [None, None, 1.0]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
TENSOR = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["rows", "age", "city", "member"]) | JSON,
        "datatype": st.sampled_from(["FP64", "FP32", "INT8", "BOOL", "BYTES"]) | JSON,
    },
    optional={
        "shape": st.lists(st.integers(0, 13), max_size=3) | JSON,
        "data": JSON | st.just(GOOD),
        "parameters": JSON,
    },
)
V2 = st.fixed_dictionaries(
    {"inputs": st.lists(TENSOR, max_size=3) | JSON}, optional={"id": JSON, "outputs": JSON, "parameters": JSON}
)
V1 = st.dictionaries(
    st.sampled_from(["instances", "inputs"]),
    JSON
    | st.lists(st.fixed_dictionaries({"age": JSON, "city": JSON, "member": JSON}))
    | st.lists(st.just(GOOD) | JSON),
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(model=st.sampled_from(sorted(PLANES)), v2=V2, v1=V1, anything=JSON)
def test_no_json_makes_the_server_fail(model: str, v2: Any, v1: Any, anything: Any) -> None:
    for document in (v2, v1, anything):
        for read in (read_v2, read_v1):
            try:
                query = read(PLANES[model], json.dumps(document).encode())
                answer = PLANES[model].answer(query)
            except InputError as error:
                assert error.message  # noqa: PT017  (most are refused; what is not must be answered)
            else:
                json.loads(answer.body.content)
                assert query.rows.count >= 1


def test_model_of_one_column_takes_plain_values() -> None:
    assert planes.predict(plane(Told().fit()), {"instances": [0, 0.0]}) == {"predictions": [0, 0]}


def test_columns_hold_what_a_data_frame_would() -> None:
    runtime = EstimatorRuntime(mixed_pipeline(), METHODS[:1], None)
    runtime.warm_up()
    signature = runtime.signature
    rows = [applicant(), applicant(city=None, age=None)]
    expected = rows_of_instances(signature, rows, "instances")
    columns = rows_of_instances(replace(signature, form=Form.COLUMNS), rows, "instances")
    frame, count = pd.DataFrame(columns.values), columns.count
    pd.testing.assert_frame_equal(frame.astype(object), pd.DataFrame(expected.values).astype(object))
    assert (isinstance(columns.values, dict), count) == (True, expected.count)
    assert replace(signature, form=Form.COLUMNS).describe_inputs() == signature.describe_inputs()
    assert runtime.call("predict", runtime.example().values, runtime.example().count)["predict"].shape == (1,)
