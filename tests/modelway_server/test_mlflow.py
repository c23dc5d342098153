"""MLflow's forms of a request, as messages."""

import json
import re
from typing import Any

import pandas as pd
import pytest

from modelway_server.errors import MalformedRequest
from modelway_server.protocol.mlflow import Invocation, decode_csv, decode_json

FRAME = pd.DataFrame({"a": [1.5, 2.0], "b": ["x", "y"]})
COLUMNS = {"a": [1.5, 2.0], "b": ["x", "y"]}
RECORDS = [{"a": 1.5, "b": "x"}, {"a": 2.0, "b": "y"}]


def decode(**document: Any) -> Invocation:
    return decode_json(json.dumps(document).encode())


def test_a_split_frame() -> None:
    got = decode(dataframe_split=FRAME.to_dict(orient="split"))
    assert (got.columns, got.rows, got.ordered) == (COLUMNS, None, True)


def test_a_split_frame_without_names_has_rows() -> None:
    assert decode(dataframe_split={"data": [[1, 2]]}).rows == [[1, 2]]


@pytest.mark.parametrize("form", ["dataframe_records", "instances", "inputs"])
def test_rows(form: str) -> None:
    got = decode(**{form: RECORDS})
    assert (got.rows, got.columns, got.member) == (RECORDS, None, form)


def test_columns() -> None:
    assert decode(inputs=COLUMNS).columns == COLUMNS


def test_params() -> None:
    got = decode(inputs=COLUMNS, params={"classes": True, "method": "predict_proba", "anything": 1})
    assert (got.classes, got.method) == (True, "predict_proba")


def test_csv_as_pandas_writes_it() -> None:
    got = decode_csv(pd.DataFrame({"a": [1.5, None], "b": ['say "x", y', "two\nlines"]}).to_csv(index=False).encode())
    assert got.columns == {"a": ["1.5", None], "b": ['say "x", y', "two\nlines"]}
    assert (got.textual, got.ordered) == (True, True)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "there is none"),
        ({"inputs": [], "instances": []}, "instances and inputs"),
        ({"dataframe_split": []}, "dataframe_split: "),
        ({"dataframe_split": {"columns": "ab", "data": []}}, "dataframe_split.columns: "),
        ({"dataframe_split": {"columns": ["a", "a"], "data": []}}, "twice"),
        ({"dataframe_split": {"columns": [], "data": []}}, "no columns"),
        ({"dataframe_split": {"columns": [None], "data": []}}, "must be a string"),
        ({"dataframe_split": {"columns": ["a"], "data": [[1], [1, 2]]}}, r"dataframe_split.data\[1\]: .*2 values"),
        ({"dataframe_split": {"columns": ["a"], "data": [5]}}, "a number"),
        ({"dataframe_records": {"a": [1]}}, "must be an array"),
        ({"dataframe_records": [{"a": 1}, [1]]}, r"dataframe_records\[1\]: "),
        ({"inputs": {"a": 1}}, "inputs.a: "),
        ({"inputs": {"a": [1], "b": []}}, "different lengths"),
        ({"inputs": [], "params": []}, "params: "),
        ({"inputs": [], "params": {"method": 1}}, "params.method: "),
    ],
)
def test_what_is_wrong_is_named(document: dict[str, Any], words: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        decode(**document)
    assert re.search(words, f"{caught.value.field}: {caught.value.message}")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"a,a\n1,2\n", "twice"),
        (b"a,b\n1,2\n1\n", "line 3 has 1 fields"),
        (b'a\n"1"2\n', "line 2 is no CSV"),
        (b"a\n\xff\n", "UTF-8"),
        (b"," * 100_001, "100002 columns"),
        (b'a\n"' + b"x" * 200_000 + b'"\n', "field larger than"),
    ],
)
def test_what_is_no_csv_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        decode_csv(body)
    assert words in f"{caught.value.field}: {caught.value.message}"
