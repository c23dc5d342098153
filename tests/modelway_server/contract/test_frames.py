"""Columns of a data frame and of a CSV, held against what a model was trained on."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway_server.contract.frames import rows_of_frame, rows_of_records
from modelway_server.contract.signature import Column, Dates, Form, Input, Signature
from modelway_server.contract.texts import read_texts
from modelway_server.errors import InvalidInput

INDEXED = Signature(Form.COLUMNS, (Column("Unnamed: 0"), Column("a")), named=True)
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
        (Column("a"), ["True", "false", "1"], [True, False, 1.0]),
        (Column("a", "INT64"), ["True", "1.0", "#N/A"], [True, 1.0, None]),
        (Column("a", "BOOL"), ["NaN", "TRUE"], [None, True]),
        (Column("a", "BYTES", dates=Dates.LOCAL), ["NaT", "2024-05-01 12:00:00"], [None, "2024-05-01 12:00:00"]),
        (Column("a", typed=False), ["1", "2.5"], [1, 2.5]),
        (Column("a", typed=False), ["1", "-2"], [1, -2]),
        (Column("a", typed=False), ["true", "False"], [True, False]),
        (Column("a", typed=False), ["true", "2"], ["true", "2"]),
        (None, ["18446744073709551615", None], [2**64 - 1, None]),
    ],
)
def test_text_is_read_by_the_type_of_its_column(column: Column | None, texts: list[Any], values: list[Any]) -> None:
    got = read_texts(column, texts)
    assert (got, list(map(type, got))) == (values, list(map(type, values)))


@pytest.mark.slow
@pytest.mark.parametrize("datatype", ["FP64", "FP32", "INT64", "UINT8", "BOOL", "BYTES", None])
@given(texts=st.lists(st.none() | st.text("0193+-._eE \t\x1c\x1d\x1f\x85\xa0²٣") | st.text(), min_size=1))
def test_text_that_is_no_value_stays_text(datatype: str | None, texts: list[str | None]) -> None:
    column = None if datatype is None else Column("a", datatype)
    for text, value in zip(texts, read_texts(column, texts), strict=True):
        assert value is None or isinstance(value, bool | int | float) or value == text


def test_frame_of_an_unnamed_model_is_read_by_order() -> None:
    sent = {"second": [1.0], "first": [2.0]}
    assert rows_of_frame(UNNAMED, sent, "csv", ordered=True, textual=False).values.tolist() == [[1.0, 2.0]]
    with pytest.raises(InvalidInput, match="unknown: second, first"):
        rows_of_frame(UNNAMED, sent, "inputs", ordered=False, textual=False)


def test_frame_of_a_named_model_is_read_by_name() -> None:
    got = rows_of_frame(NAMED, {"b": [None], "a": ["2"]}, "csv", ordered=True, textual=True).values
    assert got["a"].tolist() == [2.0]
    assert np.isnan(got["b"][0])


@pytest.mark.parametrize(
    ("signature", "sent", "words"),
    [
        (UNNAMED, {"a": ["1"]}, "takes 2 values a row, and there are 1: a"),
        (NAMED, {"a": ["much"], "b": ["x"]}, "takes numbers"),
        (NAMED, {"a": ["1"], "": ["0"]}, "missing: b"),
        (Signature(Form.TEXT), {"a": ["x"], "b": ["y"]}, "one column, not 2"),
        (Signature(Form.MATRIX, (Column("x0", used=False),)), {}, "takes 1 values"),
    ],
)
def test_unknown_columns_are_refused(signature: Signature, sent: dict[str, list[Any]], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        rows_of_frame(signature, sent, "csv", ordered=True, textual=True)


@pytest.mark.parametrize(
    ("signature", "sent", "values"),
    [
        (NAMED, {"": ["0"], "b": ["x"], "a": ["2"]}, {"a": [2.0], "b": ["x"]}),
        (NAMED, {"Unnamed: 0": ["0"], "b": ["x"], "a": ["2"]}, {"a": [2.0], "b": ["x"]}),
        (UNNAMED, {"": ["0"], "0": ["1"], "1": ["2"]}, [[1.0, 2.0]]),
        (Signature(Form.TEXT), {"": ["0"], "note": ["good"]}, ["good"]),
        (INDEXED, {"": ["7"], "a": ["1"]}, {"Unnamed: 0": [7.0], "a": [1.0]}),
    ],
)
def test_index_column_of_a_csv_is_left_out(signature: Signature, sent: dict[str, list[Any]], values: Any) -> None:
    got = rows_of_frame(signature, sent, "csv", ordered=True, textual=True).values
    listed = {name: got[name].tolist() for name in got} if isinstance(got, dict) else np.asarray(got).tolist()
    assert listed == values


@pytest.mark.parametrize("signature", [NAMED, UNNAMED, Signature(Form.MATRIX)], ids=["named", "unnamed", "any width"])
def test_index_beside_unknown_columns_is_named(signature: Signature) -> None:
    with pytest.raises(InvalidInput, match=r"the CSV has an index column .* write it with index=False"):
        rows_of_frame(signature, {"": ["0"], "a": ["1"]}, "csv", ordered=True, textual=True)


def test_records_of_an_unnamed_model_are_read_by_order() -> None:
    records = [{"second": 1.0, "first": 2.0}, {"first": 4.0, "second": 3.0}]
    assert rows_of_records(UNNAMED, records, "instances").values.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    own = [{"x1": 1.0, "x0": 2.0}]
    assert rows_of_records(UNNAMED, own, "instances").values.tolist() == [[2.0, 1.0]]


def test_fault_is_named_as_it_was_sent() -> None:
    with pytest.raises(InvalidInput, match="takes numbers") as error:
        rows_of_frame(UNNAMED, {"size": ["1", "2"], "mass": ["1", "much"]}, "csv", ordered=True, textual=True)
    assert error.value.field == "csv.mass[1]"
    with pytest.raises(InvalidInput, match="takes numbers") as error:
        rows_of_records(UNNAMED, [{"size": 1, "mass": "much"}], "instances")
    assert error.value.field == "instances[0].mass"


def test_records_of_different_columns_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"not those of instances\[0\]") as error:
        rows_of_records(UNNAMED, [{"a": 1, "b": 2}, {"a": 1, "c": 2}], "instances")
    assert error.value.field == "instances[1]"


def test_frame_without_columns_has_no_rows() -> None:
    unused = Signature(Form.MATRIX, (Column("x0", used=False),), named=True)
    with pytest.raises(InvalidInput, match="there are no rows"):
        rows_of_frame(unused, {}, "inputs", ordered=False, textual=False)


def test_text_model_takes_one_column() -> None:
    assert rows_of_frame(Signature(Form.TEXT), {"note": ["good"]}, "csv", ordered=True, textual=True).values == ["good"]


def test_rows_of_any_width_are_read_by_order() -> None:
    got = rows_of_frame(Signature(Form.MATRIX), {"a": ["1"], "b": ["2"]}, "csv", ordered=True, textual=True)
    assert got.values.tolist() == [[1.0, 2.0]]


def test_graph_takes_tensors_by_name_and_a_single_one_by_order() -> None:
    two = Signature(Form.TENSORS, inputs=(Input("a", "FP32", (-1, 2)), Input("b", "INT64", (-1, 1))))
    got = rows_of_frame(two, {"b": [[7]], "a": [[1, 2]]}, "dataframe_split", ordered=True, textual=False).values
    assert (got["a"].tolist(), got["b"].tolist()) == ([[1.0, 2.0]], [[7]])
    one = Signature(Form.TENSORS, inputs=(Input("x", "FP32", (-1, 2)),))
    got = rows_of_frame(one, {"c": ["1"], "d": ["2"]}, "csv", ordered=True, textual=True).values
    assert got["x"].tolist() == [[1.0, 2.0]]
