"""Tensors as bytes: every datatype there and back, and no size that a message states is believed."""

import json
from typing import Any

import numpy as np
import pytest

from modelway_server.errors import MalformedRequest
from modelway_server.protocol.binary import has_raw, read_raw, write_raw
from modelway_server.protocol.tensors import NUMPY_TYPES
from modelway_server.protocol.v2 import InferRequest, decode_request, encode_answer


def message(tensors: list[dict[str, Any]], tail: bytes = b"", **members: Any) -> tuple[bytes, int]:
    """A body with bytes after its JSON, and the length of the JSON."""
    header = json.dumps({"inputs": tensors, **members}).encode()
    return header + tail, len(header)


def tensor(size: int, shape: list[int], datatype: str, **members: Any) -> dict[str, Any]:
    parameters = {"binary_data_size": size, **members.pop("parameters", {})}
    return {"name": "x", "shape": shape, "datatype": datatype, "parameters": parameters, **members}


def decode(tensors: list[dict[str, Any]], tail: bytes = b"", **members: Any) -> InferRequest:
    return decode_request(*message(tensors, tail, **members))


@pytest.mark.parametrize("datatype", NUMPY_TYPES)
def test_binary_numbers_arrive_unchanged(datatype: str) -> None:
    values = np.array([[0, 1, 1], [1, 0, 0]]).astype(NUMPY_TYPES[datatype])
    raw = write_raw(values)
    assert raw == values.tobytes()
    (got,) = decode([tensor(len(raw), [2, 3], datatype)], raw).inputs
    assert (got.values.dtype, got.values.tolist()) == (values.dtype, values.tolist())


def test_binary_strings_arrive_unchanged() -> None:
    raw = write_raw(np.array(["Oslo", "", "Sao Tome \u00e9\U0001f600"], dtype=object))
    assert raw[:8] == b"\x04\x00\x00\x00Oslo"
    (got,) = decode([tensor(len(raw), [3, 1], "BYTES")], raw).inputs
    assert got.values.tolist() == [["Oslo"], [""], ["Sao Tome \u00e9\U0001f600"]]


def test_binary_numbers_are_not_copied() -> None:
    body = np.arange(8.0).tobytes()
    assert not read_raw(memoryview(body), (8,), "FP64", "data").flags.owndata


def test_bytes_and_json_can_be_mixed() -> None:
    plain = {"name": "y", "shape": [1], "datatype": "INT64", "data": [7]}
    raw = np.array([1.5], np.float32).tobytes()
    last = tensor(1, [1], "BOOL") | {"name": "z"}
    got = decode([tensor(4, [1], "FP32"), plain, last], raw + b"\x01").inputs
    assert [one.values.tolist() for one in got] == [[1.5], [7], [True]]


def test_base64_text_is_decoded() -> None:
    text = {"name": "x", "shape": [2], "datatype": "BYTES", "data": ["T3Nsbw==", None]}
    parameters = {"content_type": "base64"}
    for request in (decode([text | {"parameters": parameters}]), decode([text], parameters=parameters)):
        assert request.inputs[0].values.tolist() == ["Oslo", None]


@pytest.mark.parametrize(
    ("sent", "tail", "words"),
    [
        (tensor(16, [3], "FP64"), bytes(16), "asks for 24 bytes, there are 16"),
        (tensor(2**62, [2**28], "FP64"), b"", "0 bytes are left"),
        (tensor(8, [2**31], "FP64"), bytes(8), "at most 2,147,483,647 values"),
        (tensor(0, [0, 2**62], "FP64"), b"", "at most 2,147,483,647 values"),
        (tensor(-1, [1], "FP64"), bytes(8), "an integer"),
        (tensor(8, [1], "FP64"), bytes(9), "1 bytes at the end"),
        (tensor(8, [1] * 9, "FP64"), bytes(8), "1 to 8 integers"),
        (tensor(8, [1], "FP64"), np.array([np.inf], np.float64).tobytes(), "value 0 is infinite"),
        (tensor(2, [2], "BOOL"), b"\x00\x02", "value 1 is 2"),
        (tensor(3, [1], "BYTES"), bytes(3), "at least 4 bytes"),
        (tensor(8, [2], "BYTES"), b"\xff\xff\xff\xff" + bytes(4), "element 0 ends beyond"),
        (tensor(5, [1], "BYTES"), b"\x01\x00\x00\x00\xff", "not valid UTF-8"),
        (tensor(9, [1], "BYTES"), b"\x01\x00\x00\x00abcde", "4 bytes are left"),
        (tensor(8, [1], "BYTES", data=["a"]), bytes(8), "or else"),
        (tensor(4, [0], "BYTES"), bytes(4), "4 bytes are left"),
        (
            {"name": "x", "shape": [1], "datatype": "BYTES", "data": ["a"], "parameters": {"content_type": "base64"}},
            b"",
            "not base64 of UTF-8 text",
        ),
    ],
)
def test_wrong_binary_size_is_refused(sent: dict[str, Any], tail: bytes, words: str) -> None:
    with pytest.raises(MalformedRequest, match=words):
        decode([sent], tail)


@pytest.mark.parametrize("length", [0, 10_000])
def test_header_length_beyond_the_body_is_refused(length: int) -> None:
    body, _ = message([tensor(8, [1], "FP64")], bytes(8))
    with pytest.raises(MalformedRequest, match="Inference-Header-Content-Length"):
        decode_request(body, length)


def test_binary_nan_is_a_missing_value() -> None:
    (got,) = decode([tensor(4, [2], "FP16")], np.array([np.nan, 1], np.float16).tobytes()).inputs
    assert np.isnan(got.values[0])


@pytest.mark.parametrize(
    ("members", "binary"),
    [
        ({}, frozenset()),
        ({"parameters": {"binary_data_output": True}}, None),
        ({"outputs": [{"name": "a", "parameters": {"binary_data": True}}, {"name": "b"}]}, frozenset("a")),
        (
            {
                "outputs": [{"name": "a", "parameters": {"binary_data": False}}, {"name": "b"}],
                "parameters": {"binary_data_output": True},
            },
            frozenset("b"),
        ),
    ],
)
def test_outputs_are_requested_as_bytes(members: dict[str, Any], binary: frozenset[str] | None) -> None:
    assert decode([{"name": "x", "shape": [1], "datatype": "FP64", "data": [1]}], **members).binary == binary


def test_answer_has_its_bytes_after_its_json() -> None:
    outputs = {
        "scores": np.array([[0.5, np.nan]]),
        "labels": np.array(["yes"], dtype=object),
        "gaps": np.array([None], dtype=object),
    }
    answer = encode_answer(model="m", version="", request_id="1", outputs=outputs, classes={}, binary=None)
    assert answer.header_length is not None
    document = json.loads(answer.content[: answer.header_length])
    assert [one.get("parameters") for one in document["outputs"]] == [
        {"binary_data_size": 16},
        {"binary_data_size": 7},
        None,
    ]
    assert document["outputs"][2]["data"] == [None]
    tail = answer.content[answer.header_length :]
    assert tail == outputs["scores"].tobytes() + b"\x03\x00\x00\x00yes"


def test_missing_strings_have_no_bytes() -> None:
    values = np.array(["a", None], dtype=object)
    assert not has_raw(values)
    with pytest.raises(TypeError):
        write_raw(values)
