"""Large messages mean the same to both parsers, and what is wrong with them is told the same way."""

import json
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway_server.errors import MalformedRequest
from modelway_server.protocol import v2
from modelway_server.protocol.bulk_json import MIN_BYTES, read_bulk

PAD = " " * MIN_BYTES


def _message(data: Any, shape: tuple[int, ...], datatype: str = "FP64", **members: Any) -> bytes:
    tensor = {"name": "x", "shape": shape, "datatype": datatype, "data": data}
    return (json.dumps({"inputs": [tensor], **members}) + PAD).encode()


def _plain(document: Any) -> Any:
    for tensor in document["inputs"]:
        tensor["data"] = np.ravel(tensor["data"]).tolist()
    return document


@pytest.mark.parametrize(
    "body",
    [
        _message([1.5, -2, 3e300, 0], (2, 2)),
        _message([[1.5, -2], [18446744073709551615, 0.1]], (2, 2)),
        _message([1.5], (1, 1), "FP32", id="[[", outputs=[{"name": "predict", "parameters": {"classification": 2}}]),
        _message([0.5], (1,), parameters={"binary_data_output": True}, more=[[1], {"a": [2]}]),
    ],
)
def test_both_parsers_read_the_same(body: bytes) -> None:
    read = read_bulk(body)
    if b'"[["' in body:  # brackets in texts leave it to the other parser
        assert read is None
        return
    assert read is not None
    assert isinstance(read["inputs"][0]["data"], np.ndarray)
    assert _plain(read) == _plain(orjson.loads(body))


@pytest.mark.parametrize(
    "data",
    """[1, null]; [1, true]; [1, "2"]; [1, [2, 3], []]; [[1, [2, 3]], [[], 4]]; [[1, 2], [3]]; [1, {}]; [[[1], [2]]]
    [1e999]; [NaN]; [123456789012345678901]; [01]; [1,]; []; {}; 3; [1; [1], 7""".replace("\n", ";").split(";"),
)
def test_unsure_parser_leaves_a_message_to_the_other(data: str) -> None:
    body = f'{{"inputs": [{{"name": "x", "shape": [2, 2], "datatype": "FP64", "data": {data}}}]}}{PAD}'.encode()
    assert read_bulk(body) is None


@pytest.mark.parametrize("name", [r"\u0000", r"inputs\u0000", r"a\u0000b"])
def test_zero_byte_in_a_name_is_left_to_the_other_parser(name: str) -> None:
    tensor = '{"name": "x", "shape": [1], "datatype": "FP64", "data": [1]}'
    assert read_bulk(f'{{"inputs": [{tensor}], "{name}": 1}}{PAD}'.encode()) is None


@pytest.mark.parametrize("twice", ['"id": "a", "id": "b"', '"inputs": [], "id": "b"'])
def test_duplicate_name_is_left_to_the_other_parser(twice: str) -> None:
    body = _message([1.5], (1, 1))
    assert read_bulk(b"{" + twice.encode() + b", " + body.lstrip(b"{")) is None


@pytest.mark.parametrize("text", ["[]", "3", "{}", '{"inputs": 3}', '{"inputs": [3]}', '{"inputs": {}}', ""])
def test_message_of_another_form_is_left_to_the_other_parser(text: str) -> None:
    assert read_bulk((text + PAD).encode()) is None


@given(
    st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3), min_size=1),
    st.booleans(),
)
def test_large_tensor_is_read_like_a_small_one(rows: list[list[float]], flat: bool) -> None:  # noqa: FBT001
    data = [value for row in rows for value in row] if flat else rows
    body = _message(data, (len(rows), 3))
    [large], [small] = (v2.decode_request(text).inputs for text in (body, body.rstrip()))
    assert large.values.tobytes() == small.values.tobytes()
    assert large.values.flags.writeable


@pytest.mark.parametrize(("datatype", "data"), [("FP32", [1e300]), ("FP16", [0.0, 1e5]), ("FP64", [1.0, 2.0])])
def test_fault_in_a_large_message_has_the_same_text(datatype: str, data: list[float]) -> None:
    shape = (len(data), 2) if datatype == "FP64" else (len(data), 1)
    body, refusals = _message(data, shape, datatype), []
    for text in (body, body.rstrip()):
        with pytest.raises(MalformedRequest) as error:
            v2.decode_request(text)
        refusals.append((error.value.message, error.value.field))
    assert refusals[0] == refusals[1]
