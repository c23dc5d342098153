"""Messages of the gRPC protocol, as values: what is read from them, what they answer, which field a refusal names."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from modelway_server.errors import MalformedRequest
from modelway_server.grpc import inference_pb2 as pb
from modelway_server.grpc.codec import decode_request, encode_answer
from modelway_server.protocol.binary import write_raw

ARRAYS: dict[str, NDArray[Any]] = {
    "BOOL": np.array([[True, False]]),
    "INT8": np.array([[-128, 127]], dtype=np.int8),
    "INT16": np.array([[-(2**15), 2**15 - 1]], dtype=np.int16),
    "INT32": np.array([[-(2**31), 2**31 - 1]], dtype=np.int32),
    "INT64": np.array([[-(2**63), 2**63 - 1]], dtype=np.int64),
    "UINT8": np.array([[0, 255]], dtype=np.uint8),
    "UINT16": np.array([[0, 2**16 - 1]], dtype=np.uint16),
    "UINT32": np.array([[0, 2**32 - 1]], dtype=np.uint32),
    "UINT64": np.array([[0, 2**64 - 1]], dtype=np.uint64),
    "FP16": np.array([[0.5, np.nan]], dtype=np.float16),
    "FP32": np.array([[0.1, np.nan]], dtype=np.float32),
    "FP64": np.array([[0.1, np.nan]]),
    "BYTES": np.array([["Zürich", ""]], dtype=object),
}


@pytest.mark.parametrize("datatype", ARRAYS)
@pytest.mark.parametrize("raw", [True, False])
def test_answered_tensors_can_be_sent_as_inputs(datatype: str, raw: bool) -> None:  # noqa: FBT001
    values = ARRAYS[datatype]
    answer = _answer({"x": values}, raw=raw)
    assert bool(answer.raw_output_contents) is (raw or datatype == "FP16")
    request = pb.ModelInferRequest(raw_input_contents=answer.raw_output_contents)
    request.inputs.add().ParseFromString(
        answer.outputs[0].SerializeToString()
    )  # the same fields under the same numbers
    (tensor,) = decode_request(request).inputs
    assert (tensor.name, tensor.datatype, tensor.shape) == ("x", datatype, (1, 2))
    assert tensor.values.dtype == values.dtype
    assert np.array_equal(tensor.values, values, equal_nan=values.dtype.kind == "f")


def test_missing_strings_of_an_answer_are_empty_and_listed() -> None:
    for raw in (True, False):
        answer = _answer({"x": np.array([["a", None], [None, "b"]], dtype=object)}, raw=raw)
        assert answer.outputs[0].parameters["missing"].string_param == "[1, 2]"
        sent = answer.raw_output_contents[0] if raw else b"".join(answer.outputs[0].contents.bytes_contents)
        assert sent.replace(b"\0", b"").replace(b"\1", b"") == b"ab"


def test_request_parameters_are_read() -> None:
    request = _request(_tensor("x", "FP64", [1, 1], fp64_contents=[0.5]))
    assert len(decode_request(request).id) == 32
    request.id = "mine"
    request.parameters["classes"].bool_param = True
    request.outputs.add(name="predict")
    request.outputs.add(name="predict_proba").parameters["classification"].int64_param = 2
    decoded = decode_request(request)
    assert (decoded.id, decoded.outputs, decoded.classes) == ("mine", {"predict": 0, "predict_proba": 2}, True)


def test_content_type_marks_base64_and_dates() -> None:
    dated = _tensor("when", "BYTES", [1], bytes_contents=[b"2024-05-01"])
    dated.parameters["content_type"].string_param = "datetime"
    request = _request(dated, _tensor("city", "BYTES", [1], bytes_contents=[b"T3Nsbw=="]))
    request.parameters["content_type"].string_param = "base64"
    when, city = decode_request(request).inputs
    assert (when.content_type, when.values.tolist(), city.values.tolist()) == ("datetime", ["2024-05-01"], ["Oslo"])


@pytest.mark.parametrize(
    ("tensor", "field"),
    [
        ({"name": ""}, "inputs[0].name"),
        ({"datatype": "FP8"}, "inputs[0].datatype"),
        ({"shape": []}, "inputs[0].shape"),
        ({"shape": [-1, 2]}, "inputs[0].shape"),
        ({"shape": [2**40, 2**40]}, "inputs[0].shape"),
        ({"datatype": "FP16"}, "inputs[0].contents"),
        ({"datatype": "FP32"}, "inputs[0].contents"),
        ({"fp64_contents": [0.5]}, "inputs[0].contents.fp64_contents"),
        ({"fp64_contents": [0.5, float("-inf")]}, "inputs[0].contents.fp64_contents[1]"),
        ({"datatype": "INT8", "fp64_contents": [], "int_contents": [0, 128]}, "inputs[0].contents.int_contents[1]"),
        ({"datatype": "UINT16", "fp64_contents": [], "uint_contents": [2**16, 0]}, "inputs[0].contents.uint_contents[0]"),
        ({"datatype": "BYTES", "fp64_contents": [], "bytes_contents": [b"", b"\xff"]}, "inputs[0].contents.bytes_contents[1]"),
    ],
)  # fmt: skip
def test_refused_tensor_names_its_field(tensor: dict[str, Any], field: str) -> None:
    members = {"name": "x", "datatype": "FP64", "shape": [1, 2], "fp64_contents": [0.5, 1.5]} | tensor
    with pytest.raises(MalformedRequest) as refusal:
        decode_request(_request(_tensor(members.pop("name"), members.pop("datatype"), members.pop("shape"), **members)))
    assert refusal.value.field == field


def test_refused_request_names_its_field() -> None:
    typed = _tensor("x", "FP64", [1], fp64_contents=[0.5])
    tensor, raw = _tensor("x", "FP64", [1]), write_raw(np.array([0.5]))
    unknown = _request(typed)
    unknown.outputs.add(name="predict").parameters["classification"].string_param = "two"
    for request, field in [
        (_request(), "inputs"),
        (_request(typed, typed), "inputs[1].name"),
        (_request(tensor, _tensor("y", "FP64", [1]), raw=[raw]), "raw_input_contents"),
        (_request(typed, raw=[raw]), "inputs[0].contents"),
        (_request(tensor, raw=[raw[:-1]]), "raw_input_contents[0]"),
        (unknown, "outputs[0].parameters.classification"),
    ]:
        with pytest.raises(MalformedRequest) as refusal:
            decode_request(request)
        assert refusal.value.field == field


def _answer(outputs: dict[str, NDArray[Any]], *, raw: bool) -> pb.ModelInferResponse:
    return encode_answer(model="m", version="", request_id="1", outputs=outputs, classes={}, raw=raw)


def _request(*tensors: pb.ModelInferRequest.InferInputTensor, raw: list[bytes] | None = None) -> pb.ModelInferRequest:
    return pb.ModelInferRequest(inputs=tensors, raw_input_contents=raw or [])


def _tensor(name: str, datatype: str, shape: list[int], **contents: Any) -> pb.ModelInferRequest.InferInputTensor:
    filled = pb.InferTensorContents(**contents) if any(contents.values()) else None
    return pb.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape, contents=filled)
