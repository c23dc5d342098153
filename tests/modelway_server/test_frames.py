"""Columns of a data frame and of a CSV, held against what a model was trained on."""

from typing import Any

import numpy as np
import pytest

from modelway_server.contract.frames import read_texts, rows_of_frame
from modelway_server.contract.signature import Column, Form, Input, Signature
from modelway_server.errors import InvalidInput

UNNAMED = Signature(Form.MATRIX, (Column("x0"), Column("x1")))
NAMED = Signature(Form.COLUMNS, (Column("a"), Column("b", "BYTES", nullable=True)), named=True)


@pytest.mark.parametrize(
    ("column", "texts", "values"),
    [
        (Column("a"), ["1.5", "-2e3", None, "NaN", "NA"], [1.5, -2000.0, None, None, None]),
        (Column("a"), ["1_000", "inf", "1e999", "much"], ["1_000", "inf", "1e999", "much"]),
        (Column("a", "INT64"), ["9007199254740993", "-1", "2.0"], [9007199254740993, -1, 2.0]),
        (Column("a", "BOOL"), ["True", "false", None, "yes"], [True, False, None, "yes"]),
        (Column("a", "BYTES"), ["NA", "1", None], ["NA", "1", None]),
        (Column("a", typed=False), ["1", "2.5"], [1.0, 2.5]),
        (Column("a", typed=False), ["true", "False"], [True, False]),
        (Column("a", typed=False), ["true", "2"], ["true", "2"]),
        (None, ["1", None], [1.0, None]),
    ],
)
def test_text_is_read_as_the_column_says(column: Column | None, texts: list[Any], values: list[Any]) -> None:
    got = read_texts(column, texts)
    assert (got, list(map(type, got))) == (values, list(map(type, values)))


def test_a_model_without_names_goes_by_the_order_where_it_is_meant() -> None:
    sent = {"second": [1.0], "first": [2.0]}
    assert rows_of_frame(UNNAMED, sent, "csv", ordered=True, textual=False).values.tolist() == [[1.0, 2.0]]
    with pytest.raises(InvalidInput, match="unknown: second, first"):
        rows_of_frame(UNNAMED, sent, "inputs", ordered=False, textual=False)


def test_a_model_with_names_goes_by_them() -> None:
    got = rows_of_frame(NAMED, {"b": [None], "a": ["2"]}, "csv", ordered=True, textual=True).values
    assert got["a"].tolist() == [2.0]
    assert np.isnan(got["b"][0])


@pytest.mark.parametrize(
    ("signature", "sent", "words"),
    [
        (UNNAMED, {"a": ["1"]}, "takes 2 values a row, there are 1 columns"),
        (NAMED, {"a": ["much"], "b": ["x"]}, "takes numbers"),
        (NAMED, {"a": ["1"], "": ["0"]}, "missing: b"),
        (Signature(Form.TEXT), {"a": ["x"], "b": ["y"]}, "one column, not 2"),
        (Signature(Form.MATRIX, (Column("x0", used=False),)), {}, "takes 1 values"),
    ],
)
def test_other_columns_are_refused(signature: Signature, sent: dict[str, list[Any]], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        rows_of_frame(signature, sent, "csv", ordered=True, textual=True)


def test_no_columns_are_no_rows() -> None:
    unused = Signature(Form.MATRIX, (Column("x0", used=False),), named=True)
    with pytest.raises(InvalidInput, match="there are no rows"):
        rows_of_frame(unused, {}, "inputs", ordered=False, textual=False)


def test_a_text_model_takes_one_column() -> None:
    assert rows_of_frame(Signature(Form.TEXT), {"note": ["good"]}, "csv", ordered=True, textual=True).values == ["good"]


def test_rows_of_any_width_go_by_the_order() -> None:
    got = rows_of_frame(Signature(Form.MATRIX), {"a": ["1"], "b": ["2"]}, "csv", ordered=True, textual=True)
    assert got.values.tolist() == [[1.0, 2.0]]


def test_a_graph_takes_its_tensors_by_name_and_rows_of_its_only_one_by_order() -> None:
    two = Signature(Form.TENSORS, inputs=(Input("a", "FP32", (-1, 2)), Input("b", "INT64", (-1, 1))))
    got = rows_of_frame(two, {"b": [[7]], "a": [[1, 2]]}, "dataframe_split", ordered=True, textual=False).values
    assert (got["a"].tolist(), got["b"].tolist()) == ([[1.0, 2.0]], [[7]])
    one = Signature(Form.TENSORS, inputs=(Input("x", "FP32", (-1, 2)),))
    got = rows_of_frame(one, {"c": ["1"], "d": ["2"]}, "csv", ordered=True, textual=True).values
    assert got["x"].tolist() == [[1.0, 2.0]]
