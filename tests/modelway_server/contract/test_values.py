"""One value in every protocol: it reaches the model as the number that was sent, or is refused by name; never as another."""

import json
import math
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

from modelway_server.contract.rows import rows_of_instances
from modelway_server.contract.signature import Column, Form, Signature
from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.mlflow import read_invocations
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.query import Query
from modelway_server.dataplane.rows import read_rows
from modelway_server.dataplane.v1 import read_v1
from modelway_server.dataplane.v2 import read_v2
from modelway_server.errors import InputError, InvalidInput, MalformedRequest
from support.server.subjects import warm

ROWS, TARGETS = np.array([[1.0], [2.0]]), [1.0, 2.0]
DOUBLE = DataPlane(warm(LinearRegression().fit(ROWS, TARGETS)), Identity(name="model"))
SINGLE = DataPlane(warm(DecisionTreeRegressor().fit(ROWS, TARGETS)), Identity(name="model"))
"""A model that computes with float32, and takes missing values."""

REFUSED = MalformedRequest
Outcome = float | type[InputError]

JSON_VALUES: dict[bytes, tuple[Outcome, Outcome]] = {
    # what V2 makes of it, and what the others make of it
    b"0": (0.0, 0.0),
    b"-0.0": (-0.0, -0.0),
    b"1": (1.0, 1.0),
    b"1.5": (1.5, 1.5),
    b"1E5": (1e5, 1e5),
    b"5e-324": (5e-324, 5e-324),
    b"1e-400": (0.0, 0.0),
    b"1.7976931348623157e308": (1.7976931348623157e308, 1.7976931348623157e308),
    b"9007199254740993": (9007199254740992.0, 9007199254740992.0),
    b"9223372036854775808": (2.0**63, 2.0**63),
    b"18446744073709551616": (2.0**64, 2.0**64),
    b"1e309": (REFUSED, REFUSED),
    b"-1e309": (REFUSED, REFUSED),
    b"1" + b"0" * 400: (REFUSED, REFUSED),
    b"NaN": (REFUSED, REFUSED),
    b"Infinity": (REFUSED, REFUSED),
    b"-Infinity": (REFUSED, REFUSED),
    b"01": (REFUSED, REFUSED),
    b"+1": (REFUSED, REFUSED),
    b".5": (REFUSED, REFUSED),
    b"1.": (REFUSED, REFUSED),
    b"0x10": (REFUSED, REFUSED),
    b"1_000": (REFUSED, REFUSED),
    b'"\\ud800"': (REFUSED, REFUSED),
    b'"\xff"': (REFUSED, REFUSED),
    b"": (REFUSED, REFUSED),
    b"null": (InvalidInput, InvalidInput),
    b"true": (REFUSED, 1.0),
    b'"1"': (REFUSED, InvalidInput),
    b'""': (REFUSED, InvalidInput),
    b"{}": (REFUSED, InvalidInput),
    b"[1]": (1.0, InvalidInput),
    b'"' + b"x" * 10_000 + b'"': (REFUSED, InvalidInput),
}
BODIES = {
    "v2": b'{"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP64", "data": [%s]}]}',
    "v1 rows": b'{"instances": [[%s]]}',
    "v1 columns": b'{"inputs": {"x0": [%s]}}',
    "mlflow": b'{"dataframe_split": {"columns": ["x0"], "data": [[%s]]}}',
    "mlflow records": b'{"dataframe_records": [{"x0": %s}]}',
    "rows": b'{"rows": [{"x0": %s}]}',
}
READERS = {"v2": read_v2, "v1": read_v1, "mlflow": read_invocations, "rows": read_rows}


def read(plane: DataPlane, protocol: str, body: bytes) -> Query:
    return READERS[protocol.partition(" ")[0]](plane, body)


def assert_outcome(outcome: Outcome, query: Any) -> None:
    """The query gives the number, or its refusal says what is wrong."""
    if isinstance(outcome, float):
        value = float(np.asarray(query().rows.values, dtype=np.float64).reshape(-1)[0])
        assert (value, math.copysign(1, value)) == (outcome, math.copysign(1, outcome))
        return
    with pytest.raises(outcome) as error:
        query()
    assert len(error.value.message) < 400


@pytest.mark.parametrize("protocol", BODIES)
@pytest.mark.parametrize("value", JSON_VALUES, ids=lambda value: value[:24].decode(errors="replace") or "nothing")
def test_json_value_reaches_the_model_or_is_refused(protocol: str, value: bytes) -> None:
    outcome = JSON_VALUES[value][protocol != "v2"]
    if value == b"" and protocol != "mlflow records":
        outcome = {"v2": REFUSED}.get(protocol, InputError)  # an empty array
    assert_outcome(outcome, lambda: read(DOUBLE, protocol, BODIES[protocol] % value))


BINARY_VALUES: list[tuple[str, Any, Outcome]] = [
    ("FP64", 1.5, 1.5),
    ("FP64", -0.0, -0.0),
    ("FP64", 5e-324, 5e-324),
    ("FP64", 1.7976931348623157e308, 1.7976931348623157e308),
    ("FP64", math.nan, InvalidInput),
    ("FP64", math.inf, REFUSED),
    ("FP64", -math.inf, REFUSED),
    ("FP32", 0.1, float(np.float32(0.1))),
    ("FP32", math.nan, InvalidInput),
    ("FP32", math.inf, REFUSED),
    ("FP16", 65504, 65504.0),
    ("FP16", math.inf, REFUSED),
    ("INT8", -128, -128.0),
    ("UINT8", 255, 255.0),
    ("INT16", -32768, -32768.0),
    ("UINT16", 65535, 65535.0),
    ("INT32", -(2**31), -(2.0**31)),
    ("UINT32", 2**32 - 1, 2.0**32 - 1),
    ("INT64", -(2**63), -(2.0**63)),
    ("UINT64", 2**64 - 1, 2.0**64),
    ("BOOL", 1, 1.0),
    ("BOOL", 2, REFUSED),
]
TYPES = {"FP64": "<f8", "FP32": "<f4", "FP16": "<f2", "BOOL": "u1"}


@pytest.mark.parametrize(("datatype", "value", "outcome"), BINARY_VALUES)
def test_binary_value_reaches_the_model_or_is_refused(datatype: str, value: Any, outcome: Outcome) -> None:
    bits = datatype.lstrip("UINT")
    kind = TYPES.get(datatype) or f"<{'u' if datatype.startswith('U') else 'i'}{int(bits) // 8}"
    assert_outcome(outcome, lambda: in_bytes(DOUBLE, datatype, np.array([value]).astype(kind).tobytes()))


@pytest.mark.parametrize("content", [b"1", b"\xff", b""])
def test_binary_string_for_a_number_is_refused(content: bytes) -> None:
    raw = len(content).to_bytes(4, "little") + content
    assert_outcome(InputError, lambda: in_bytes(DOUBLE, "BYTES", raw))


def in_bytes(plane: DataPlane, datatype: str, raw: bytes) -> Query:
    tensor = {"name": "x", "shape": [1, 1], "datatype": datatype, "parameters": {"binary_data_size": len(raw)}}
    header = json.dumps({"inputs": [tensor]}).encode()
    return read_v2(plane, header + raw, len(header))


@pytest.mark.parametrize("protocol", BODIES)
def test_value_that_becomes_infinite_in_the_model_is_refused(protocol: str) -> None:
    assert_outcome(3.4e38, lambda: read(SINGLE, protocol, BODIES[protocol] % b"3.4e38"))
    assert_outcome(InvalidInput, lambda: read(SINGLE, protocol, BODIES[protocol] % b"1e300"))


def test_binary_value_that_becomes_infinite_is_refused() -> None:
    assert_outcome(InvalidInput, lambda: in_bytes(SINGLE, "FP64", np.float64(1e300).tobytes()))


@pytest.mark.parametrize(
    ("datatype", "value", "outcome"),
    [
        ("FP32", b"1e300", REFUSED),
        ("FP16", b"70000", REFUSED),
        ("FP16", b"65504", 65504.0),
        ("INT8", b"128", REFUSED),
        ("INT64", b"1.0", REFUSED),
        ("UINT8", b"-1", REFUSED),
        ("UINT64", b"18446744073709551615", 2.0**64),
        ("UINT64", b"18446744073709551616", REFUSED),
        ("BOOL", b"true", 1.0),
        ("BOOL", b"1", REFUSED),
        ("BYTES", b'"1"', InvalidInput),
        ("BYTES", b"1", REFUSED),
    ],
)
def test_json_value_beyond_its_datatype_is_refused(datatype: str, value: bytes, outcome: Outcome) -> None:
    assert_outcome(outcome, lambda: read(DOUBLE, "v2", BODIES["v2"].replace(b"FP64", datatype.encode()) % value))


def test_last_of_duplicate_members_counts() -> None:
    assert_outcome(2.0, lambda: read(DOUBLE, "rows", b'{"rows": [{"x0": 1, "x0": 2}]}'))


@pytest.mark.parametrize("spaced", [False, True])
@pytest.mark.parametrize("used", [False, True])
def test_record_of_numbers_gives_the_row_of_its_array(spaced: bool, used: bool) -> None:  # noqa: FBT001
    columns = (Column("a b"), Column("c", used=used))
    signature = Signature(Form.MATRIX, columns, named=True, spaced=spaced, max_magnitude=100.0)
    rows = rows_of_instances(signature, [{"c": True, "a b": 1}, {"a b": -2.5, "c": 3}], "rows")
    assert rows.values[:, 0].tolist() == [1.0, -2.5]
    assert rows.column("c").tolist() == [True, 3]
    with pytest.raises(InvalidInput) as refusal:
        rows_of_instances(signature, [{"a b": 1, "c": 2}, {"a b": 101, "c": 2}], "rows")
    assert refusal.value.field == "rows[1].a b"
