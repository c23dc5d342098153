"""The columns of rows that hold more than one array of numbers tells: unused ones, dates, texts, tensors, and their names."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from modelway_server.contract.frames import rows_of_records
from modelway_server.contract.row_batches import bytes_of, stack
from modelway_server.contract.rows import Rows, rows_of_columns, rows_of_instances, rows_of_tensors
from modelway_server.contract.signature import Column, Dates, Form, Input, Output, Signature
from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.usual_v2 import UsualRequests
from modelway_server.protocol.tensors import NUMPY_TYPES, Tensor
from support.server.doubling import Doubling

FORMS = [Form.FRAME, Form.COLUMNS, Form.OBJECTS, Form.MATRIX]
EXACT = 2**53


UNUSED = (Column("a", "INT64"), Column("note", used=False), Column("b"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("notes", [["x", 7], [None, True], [1.5, "y"]])
def test_unused_column_holds_what_was_sent(form: Form, notes: list[Any]) -> None:
    rows = rows_of_columns(Signature(form, UNUSED, named=True), {"b": [0.5, 1.5], "note": notes, "a": [1, 2]})
    assert rows.names == ("a", "note", "b")
    assert rows.column("note").tolist() == notes
    assert [str(rows.column(name).dtype) for name in ("a", "b")] == ["int64", "float64"]


@pytest.mark.parametrize("form", FORMS)
def test_unused_column_that_is_left_out_is_missing(form: Form) -> None:
    rows = rows_of_instances(Signature(form, UNUSED, named=True), [{"a": 1, "b": 0.5}], "rows")
    assert rows.column("note").tolist() == [None]


def test_unused_column_of_a_matrix_holds_its_numbers() -> None:
    signature = Signature(Form.MATRIX, (Column("a"), Column("b", used=False)))
    assert rows_of_instances(signature, [[1, 2], [3, 4]], "rows").column("b").tolist() == [2.0, 4.0]


def test_values_of_an_unused_column_count_as_memory() -> None:
    signature = Signature(Form.MATRIX, (Column("a", "INT64"), Column("b", used=False)))
    with_text, without = (
        rows_of_columns(
            replace(signature, columns=columns), {"a": [1], "b": ["text"]} if len(columns) > 1 else {"a": [1]}
        )
        for columns in (signature.columns, signature.columns[:1])
    )
    assert bytes_of(with_text) > bytes_of(without) + 64


def test_column_of_doubles_is_no_copy() -> None:
    rows = rows_of_instances(Signature(Form.MATRIX, (Column("a"), Column("b"))), [[1.0, 2.0], [3.0, 4.0]], "rows")
    assert np.shares_memory(rows.column("b"), rows.values)


def test_texts_have_one_column() -> None:
    rows = rows_of_instances(Signature(Form.TEXT), ["good", "bad"], "rows")
    assert (rows.names, rows.column("text").tolist()) == (("text",), ["good", "bad"])


INPUTS = (Input("ids", "INT64", (-1, 2)), Input("mask", "BOOL", (-1,)), Input("word", "BYTES", (-1, 1)))
IDS, MASK, WORD = [[1, EXACT + 1], [3, 4]], [True, False], [["a"], ["b"]]


def tensor(name: str, datatype: str, values: Any) -> Tensor:
    return Tensor(name, datatype, np.array(values, dtype=NUMPY_TYPES.get(datatype, object)), name)


def test_named_tensors_are_given_whole() -> None:
    signature = Signature(Form.TENSORS, inputs=INPUTS)
    sent: dict[str, Any] = {"ids": IDS, "mask": MASK, "word": WORD}
    by_tensors = rows_of_tensors(signature, [tensor(each.name, each.datatype, sent[each.name]) for each in INPUTS])
    by_columns = rows_of_columns(signature, sent)
    by_rows = rows_of_instances(
        signature, [dict(zip(sent, row, strict=True)) for row in zip(IDS, MASK, WORD, strict=True)], "rows"
    )
    for rows in (by_tensors, by_columns, by_rows, stack([by_rows]), stack([by_rows, by_tensors])):
        assert rows.names == ("ids", "mask", "word")
        repeats = rows.count // 2
        assert {name: rows.column(name).tolist() for name in rows.names} == {
            name: sent[name] * repeats for name in sent
        }
        assert [rows.column(name).dtype for name in rows.names] == [np.int64, np.bool_, object]


def test_names_are_those_of_the_training_data() -> None:
    spaced = Signature(Form.MATRIX, (Column("petal_width"), Column("b")), named=True, spaced=True)
    assert rows_of_columns(spaced, {"b": [1.0], "petal width": [2.0]}).column("petal_width").tolist() == [2.0]
    unnamed = Signature(Form.MATRIX, (Column("x0"), Column("x1")))
    assert rows_of_records(unnamed, [{"size": 1, "mass": 2}], "rows").column("x1").tolist() == [2.0]


def test_dates_that_a_request_declares_are_dates() -> None:
    signature = Signature(Form.OBJECTS, (Column("at", typed=False), Column("b", typed=False)), named=True)
    texts = np.array(["2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00Z"], dtype=object)
    tensors = [Tensor("at", "BYTES", texts, "at", "datetime"), tensor("b", "INT64", [1, 2])]
    rows = rows_of_tensors(signature, tensors)
    assert rows.column("at").tolist() == np.array(["2024-05-01T10:00:00"] * 2, dtype="datetime64[us]").tolist()


@pytest.mark.parametrize("form", [Form.OBJECTS, Form.COLUMNS, Form.FRAME])
@pytest.mark.parametrize("dates", [Dates.LOCAL, Dates.ZONED])
def test_missing_dates_alone_are_dates(form: Form, dates: Dates) -> None:
    signature = Signature(form, (Column("at", "BYTES", nullable=True, dates=dates),), named=True)
    column = rows_of_columns(signature, {"at": [None]}).column("at")
    assert (str(column.dtype), column.tolist()) == ("datetime64[us]", [None])


@pytest.mark.parametrize(
    ("rows", "known"),
    [
        (rows_of_columns(Signature(Form.COLUMNS, UNUSED, named=True), {"a": [1], "b": [2]}), "a, note, b"),
        (rows_of_columns(Signature(Form.MATRIX, UNUSED, named=True), {"a": [1], "b": [2]}), "a, note, b"),
        (rows_of_instances(Signature(Form.MATRIX), [[1, 2]], "rows"), "x0, x1"),
        (rows_of_instances(Signature(Form.TEXT), ["good"], "rows"), "text"),
        (Rows(np.ones((1, 2)), 1), "x0, x1"),
    ],
)
@pytest.mark.parametrize("name", ["x2", "x00", "x\u0660", "", "c", f"x{'9' * 9999}"])
def test_unknown_column_names_the_known_ones(rows: Rows, known: str, name: str) -> None:
    with pytest.raises(KeyError, match=f"the columns are {known}"):
        rows.column(name)


def test_usual_request_has_the_names_of_the_model() -> None:
    runtime = Doubling()
    signature = runtime.signature = Signature(
        Form.MATRIX,
        (Column("age"), Column("mass")),
        named=True,
        outputs={"predict": (Output("predict", "FP64", (-1,)),)},
    )
    sent = {"name": "rows", "shape": [1, 2], "datatype": "INT64", "data": [3, 4]}
    query = UsualRequests(DataPlane(runtime, Identity(name="m"))).read(json.dumps({"inputs": [sent]}).encode())
    assert query is not None
    assert query.rows.names == signature.names
    assert query.rows.column("mass").tolist() == [4.0]
