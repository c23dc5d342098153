"""The plan of the usual request gives the bytes that the general way gives, whatever is sent; or it leaves the request alone."""

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway_server.contract.rows import Rows
from modelway_server.contract.signature import Column, Form, Output, Signature
from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.query import Answer, Query
from modelway_server.dataplane.usual_v2 import UsualRequests
from modelway_server.dataplane.v2 import read_v2

LIMITS = (None, 3.4028234663852886e38)


class Sums:
    """Sums of rows, as outputs of many types and shapes."""

    platform = engine = "test"
    methods: tuple[str, ...] = ("predict", "predict_proba", "labels", "apply", "texts", "pair", "nothing")
    description: dict[str, str] = {"estimator": "Sums"}  # noqa: RUF012  (as the protocol has it)

    def __init__(self, width: int, limit: float | None) -> None:
        columns = tuple(Column(f"x{index}") for index in range(width))
        outputs = {
            method: tuple(Output(name, "FP64", (-1,)) for name in self.call(method, np.zeros((1, width)), 1))
            for method in self.methods
        }
        self.signature = Signature(Form.MATRIX, columns, outputs=outputs, max_magnitude=limit)

    def warm_up(self) -> None:
        """Nothing to learn."""

    def call(self, method: str, values: Any, count: int) -> dict[str, Any]:
        """The sums, as the method has them."""
        with np.errstate(all="ignore"):
            sums = values.sum(axis=1)
            table = np.column_stack([sums, -sums])
            answers: dict[str, dict[str, Any]] = {
                "predict": {"predict": sums},
                "predict_proba": {"predict_proba": (table / 3).astype(np.float32)},
                "labels": {"labels": (sums > 0).astype(np.int64).reshape(-1, 1)},
                "apply": {"apply": np.stack([table, table], axis=2) > 1},
                "texts": {"texts": np.array(["a,b", "c],["], dtype=object)[(sums > 0).astype(int)]},
                "pair": {"pair_0": sums, "pair_1": -sums},
                "nothing": {"nothing": np.empty((count, 0))},
            }
            return answers[method]

    def example(self) -> Rows:
        """One row."""
        return Rows(np.zeros((1, len(self.signature.columns))), 1)


ODD: tuple[Any, ...] = (None, True, False, "1", "", [], {}, [1.0], 1, -1, 2**53 + 1, 2**64, -(2**70), 1e308, -3e39, 0.1)
NAMES = (*Sums.methods, "pair_1", "none")
CHANGES: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("data", (*ODD, "nested", "ragged", "longer")),
    ("value", ODD),
    ("name", ODD),
    ("shape", (*ODD, [1], [1, 1, 1], [0, 1], [True, 1], [1, True], [1.0, 1], [-1, 1])),
    ("datatype", ("FP32", "FP32", "INT64", "INT64", "INT32", "FP16", "BOOL", "BYTES", "F", *ODD)),
    ("inputs", (*ODD, "twice")),
    (
        "outputs",
        (*ODD, [{"name": 1}], [{"name": "predict"}, {"name": "labels"}], [{"name": "predict", "parameters": {}}]),
    ),
    ("id", (*ODD, "é\n", "x" * 256, "x" * 257)),
    ("parameters", (*ODD, {"timeout": 1.5}, {"classes": True})),
    ("tensor parameters", (*ODD, {"content_type": "base64"})),
    ("model_name", ("other",)),
)


@st.composite
def messages(draw: st.DrawFn, width: int) -> bytes:
    """A usual request; up to two parts of it are another one, missing, or wrong."""
    count = draw(st.integers(1, 3))
    values = st.floats(-9, 9) | st.integers(-9, 9)
    data: Any = draw(st.lists(values, min_size=count * width, max_size=count * width))
    tensor: dict[str, Any] = {"name": "rows", "shape": [count, width], "datatype": "FP64", "data": data}
    message: dict[str, Any] = {"inputs": [tensor], "outputs": [{"name": draw(st.sampled_from(NAMES))}]}
    for place, others in draw(st.lists(st.sampled_from(CHANGES), max_size=2)):
        value = draw(st.sampled_from(others))
        match place, value:
            case "data", "nested":
                tensor["data"] = [data[row * width : (row + 1) * width] for row in range(count)]
            case "data", "ragged":
                tensor["data"] = [data, *data]
            case "data", "longer":
                tensor["data"] = [*data, 1.0]
            case "value", _:
                data[-1] = value
            case "inputs", "twice":
                message["inputs"] = [tensor, tensor]
            case "tensor parameters", _:
                tensor["parameters"] = value
            case _:
                (tensor if place in tensor else message)[place] = value
    left_out = draw(st.sampled_from(["", "", "", "outputs", "inputs", *tensor]))
    tensor.pop(left_out, None)
    message.pop(left_out, None)
    return json.dumps(message).encode()


def generally(plane: DataPlane, body: bytes) -> bytes:
    """The answer in the general way."""
    return plane.answer(read_v2(plane, body)).body.content


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(data=st.data(), width=st.integers(1, 3), limit=st.sampled_from(LIMITS))
def test_usual_way_gives_the_bytes_of_the_general_way(data: st.DataObject, width: int, limit: float | None) -> None:
    plane = DataPlane(Sums(width, limit), Identity(name="m", version=data.draw(st.sampled_from(["", "v\n1"]))))
    usual = UsualRequests(plane)
    bodies = data.draw(st.lists(messages(width), min_size=1, max_size=3))
    read = [(body, query) for body in bodies if (query := usual.read(body)) is not None]
    by_kind: dict[Any, list[tuple[bytes, Query]]] = {}
    for body, query in read:
        assert plane.kind_of(query) == plane.kind_of(replace(query, usual=None)), "they may share a call"
        by_kind.setdefault(plane.kind_of(query), []).append((body, query))
    for group in by_kind.values():
        for (body, _), answer in zip(group, plane.answer_all([query for _, query in group]), strict=True):
            assert isinstance(answer, Answer)
            assert without_new_id(answer.body.content) == without_new_id(generally(plane, body))


def without_new_id(content: bytes) -> bytes:
    """The answer without the id that the server makes up."""
    return re.sub(rb'"id":"[0-9a-f]{32}"', b"", content)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("datatype", ["FP64", "FP32", "INT64", "INT32"])
@pytest.mark.parametrize("value", [None, "1", True, [1.0], 0.5, 1e39, -1e39, 2**63, 2**64, -(2**63) - 1, 10**400])
def test_value_at_fault_is_left_to_the_general_way(value: Any, datatype: str, limit: float | None) -> None:
    plane = DataPlane(Sums(2, limit), Identity(name="m"))
    tensor = {"name": "rows", "shape": [1, 2], "datatype": datatype, "data": [1, value]}
    body = json.dumps({"inputs": [tensor]}).encode()
    query = UsualRequests(plane).read(body)
    if query is not None:
        assert query.rows.values.tobytes() == read_v2(plane, body).rows.values.tobytes()


@pytest.mark.parametrize("method", ["predict", "predict_proba", "labels"])
def test_usual_request_takes_the_usual_way(method: str) -> None:
    plane = DataPlane(Sums(2, None), Identity(name="m"))
    tensor = {"name": "rows", "shape": [2, 2], "datatype": "FP64", "data": [1, 2.5, 3, 4]}
    body = json.dumps({"inputs": [tensor], "outputs": [{"name": method}]}).encode()
    query = UsualRequests(plane).read(body)
    assert query is not None
    assert query.usual is not None
    answer = plane.answer(query)
    assert answer.outputs[method][method].shape[0] == 2
    assert json.loads(answer.body.content)["outputs"][0]["data"]


def test_answer_has_the_outputs_of_its_own_rows() -> None:
    plane = DataPlane(Sums(1, None), Identity(name="m"))
    queries = [
        Query({"predict": 0}, Rows(np.array(rows, dtype=np.float64).reshape(-1, 1), len(rows)), general)
        for rows in ([1, 2], [3])
    ]
    answers = plane.answer_all(queries)
    outputs = [answer.outputs["predict"]["predict"].tolist() for answer in answers if isinstance(answer, Answer)]
    assert outputs == [[1, 2], [3]]


def general(outputs: Any) -> Any:
    """Encodes nothing."""
    return outputs
