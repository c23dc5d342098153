"""Which outputs a V2 request asks for: by the method, or by the name of one of several arrays that it gives."""

import json
from typing import Any

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.v2 import read_v2
from modelway_server.errors import MalformedRequest
from support.models import WINE, WINE_KINDS
from support.server import planes
from support.server.subjects import warm

TARGETS = np.c_[WINE_KINDS, WINE_KINDS == 1]
MODEL = DecisionTreeClassifier(max_depth=2, random_state=0).fit(WINE, TARGETS)
PLANE = DataPlane(warm(MODEL), Identity(name="model"))


def request_of(*outputs: Any, **members: Any) -> dict[str, Any]:
    tensor = {"name": "x", "shape": [1, 13], "datatype": "FP64", "data": WINE[0].tolist()}
    named = [output if isinstance(output, dict) else {"name": output} for output in outputs]
    return {"inputs": [tensor], "outputs": named, **members}


@pytest.mark.parametrize(
    ("outputs", "names"),
    [
        ((), ["predict"]),
        (("predict_proba",), ["predict_proba_0", "predict_proba_1"]),
        (("predict_proba_1",), ["predict_proba_1"]),
        (("predict_proba_1", "predict"), ["predict_proba_1", "predict"]),
        (("predict_proba_1", "predict_proba"), ["predict_proba_0", "predict_proba_1"]),
    ],
)
def test_outputs_are_requested_by_name(outputs: tuple[str, ...], names: list[str]) -> None:
    answer = planes.infer(PLANE, request_of(*outputs))
    assert [output["name"] for output in answer["outputs"]] == names


def test_one_of_several_outputs_is_requested_as_bytes() -> None:
    body = json.dumps(request_of({"name": "predict_proba_1", "parameters": {"binary_data": True}})).encode()
    answer = PLANE.answer(read_v2(PLANE, body))
    assert answer.body.content.endswith(MODEL.predict_proba(WINE[:1])[1].tobytes())


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        (("predict_proba_2",), "the model has no output 'predict_proba_2'; it has predict, predict_proba"),
        (
            ("predict_proba_0", {"name": "predict_proba_1", "parameters": {"classification": 1}}),
            "the same number of best classes",
        ),
    ],
)
def test_unknown_output_is_refused(outputs: tuple[Any, ...], words: str) -> None:
    with pytest.raises(MalformedRequest, match=words):
        planes.infer(PLANE, request_of(*outputs))
