"""Rows give the values of each column as they were sent, whatever the form in which the model takes them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelway_server.contract.frames import rows_of_records
from modelway_server.contract.row_batches import kind_of, stack
from modelway_server.contract.rows import Rows, rows_of_columns, rows_of_instances
from modelway_server.contract.signature import Column, Dates, Form, Output, Signature
from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.v1 import read_v1
from modelway_server.dataplane.v2 import read_v2
from modelway_server.protocol.tensors import INTEGER_LIMITS, NUMPY_TYPES
from support.server.doubling import Doubling
from support.server.senders import ALL, TEXTUAL, Sent

OUTPUTS = {"predict": (Output("predict", "FP64", (-1,)),)}
EXACT = 2**53
NAN = float("nan")


class Field(NamedTuple):
    """A column, and values of it as a request sends them."""

    column: Column
    datatype: str
    values: list[Any]


def numbers_of(datatype: str) -> st.SearchStrategy[Any]:
    if datatype == "BOOL":
        return st.booleans()
    if datatype in INTEGER_LIMITS:
        low, high = INTEGER_LIMITS[datatype]
        near = [value for value in (low, high, 0, 3, EXACT, EXACT + 1) if low <= value <= high]
        return st.integers(low, high) | st.sampled_from(near)
    floats = st.floats(allow_nan=False, allow_infinity=False, width=32 if datatype == "FP32" else 64)
    return floats | st.sampled_from([-0.0, 3.0])


TEXTS = st.sampled_from(["Rome", "Ulm", "Zürich", "a b"])
"""None of which a CSV takes for a number or a boolean."""
LOCAL = st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)).map(datetime.isoformat)  # noqa: DTZ001  (without a zone)
ZONED = st.datetimes(datetime(1700, 1, 2), datetime(2200, 1, 1), timezones=st.timezones()).map(datetime.isoformat)  # noqa: DTZ001
KINDS: dict[str, tuple[Column, str, st.SearchStrategy[Any]]] = {
    **{name: (Column("", name), name, numbers_of(name)) for name in ("FP64", "FP32", "INT64", "INT32", "UINT64", "BOOL")},
    "BYTES": (Column("", "BYTES"), "BYTES", TEXTS | st.just("10115")),
    "local": (Column("", "BYTES", dates=Dates.LOCAL), "BYTES", LOCAL),
    "zoned": (Column("", "BYTES", dates=Dates.ZONED), "BYTES", ZONED),
    **{f"literal {name}": (Column("", literal=True), name, numbers_of(name)) for name in ("FP64", "INT64", "BOOL")},
    **{f"untyped {name}": (Column("", typed=False), name, numbers_of(name)) for name in ("FP64", "INT64", "BOOL")},
    "untyped UINT64": (Column("", typed=False), "UINT64", st.integers(2**63, 2**64 - 1)),
    "untyped text": (Column("", typed=False), "BYTES", TEXTS),
}  # fmt: skip
DATES = {"local", "zoned"}
PYTHON_OBJECTS = {"FP64", "INT64", "BOOL"}
"""Kinds for which a model may learn None, or see numbers as objects."""


@st.composite
def fields(draw: st.DrawFn, form: Form, kinds: Sequence[str] = (), *, missing: bool) -> list[Field]:
    """Columns of some kinds that a form may have, with values of theirs, perhaps with missing ones, as many in each."""
    numeric = form is Form.MATRIX
    kinds = kinds or [kind for kind in KINDS if not (numeric and kind in DATES)]
    count = draw(st.integers(1, 3))
    result = []
    for index in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(kinds))
        column, datatype, values = KINDS[kind]
        sent = draw(st.lists(values | st.none() if missing else values, min_size=count, max_size=count))
        if kind.startswith(("literal", "untyped")):
            sent[0] = draw(values)  # a column of missing values alone is one of numbers
        column = replace(column, name=f"x{index}", nullable=None in sent)
        if kind in PYTHON_OBJECTS and not numeric:
            column = replace(column, objects=draw(st.booleans()), missing=draw(st.sampled_from([NAN, None])))
        elif kind == "BYTES":
            column = replace(column, missing=draw(st.sampled_from([NAN, None])))
        result.append(Field(column, datatype, sent))
    return result


def expected(field: Field) -> NDArray[Any]:
    """The values of a column as numpy has them: of its own type, or as objects."""
    column, values = field.column, field.values
    if column.dates is not None:
        moments = [None if value is None else datetime.fromisoformat(value) for value in values]
        naive = [
            moment and (moment.astimezone(UTC) if moment.tzinfo else moment).replace(tzinfo=None) for moment in moments
        ]
        return np.array(naive, dtype="datetime64[us]")
    datatype = column.datatype if column.typed and not column.literal else field.datatype
    whole = None not in values
    integers = [value for value in values if value is not None] if datatype in INTEGER_LIMITS else []
    inexact = any(abs(value) > EXACT for value in integers)
    if (
        datatype == "BYTES"
        or column.objects
        or (not whole and (datatype == "BOOL" or inexact or column.missing is None))
    ):
        return objects(
            column, values, floats=bool(integers) and not whole and not inexact and column.missing is not None
        )
    if whole:
        return np.array(values, dtype=NUMPY_TYPES[datatype])
    return np.array(values, dtype=np.float32 if datatype == "FP32" else np.float64)


def objects(column: Column, values: Sequence[Any], *, floats: bool) -> NDArray[Any]:
    result = np.empty(len(values), dtype=object)
    result[:] = [column.missing if value is None else float(value) if floats else value for value in values]
    return result


def spell(array: NDArray[Any]) -> tuple[str, list[str]]:
    return str(array.dtype), [f"{type(value).__name__} {value!r}" for value in array.tolist()]


def signature_of(form: Form, columns: Sequence[Field], *, named: bool = True) -> Signature:
    return Signature(form, tuple(field.column for field in columns), named=named, outputs=OUTPUTS)


def plane_of(signature: Signature) -> DataPlane:
    runtime = Doubling()
    runtime.signature = signature
    return DataPlane(runtime, Identity(name="model"))


def check(rows: Rows, columns: Sequence[Field]) -> None:
    assert rows.names == tuple(field.column.name for field in columns)
    for field in columns:
        assert spell(rows.column(field.column.name)) == spell(expected(field)), field


FORMS = [Form.FRAME, Form.COLUMNS, Form.OBJECTS, Form.MATRIX]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_column_is_what_was_sent_in_every_protocol(form: Form, data: st.DataObject) -> None:
    missing = data.draw(st.booleans())
    columns = data.draw(fields(form, missing=missing))
    plane = plane_of(signature_of(form, columns))
    known = {field.column.name: Sent(field.datatype, field.values) for field in columns}
    for send in (TEXTUAL if missing else ALL).values():
        check(send(plane, known).rows, columns)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_column_of_a_matrix_is_what_was_sent(form: Form, data: st.DataObject) -> None:
    """One V2 tensor, JSON rows without names, and records of another order; the model names its columns or not."""
    kind = data.draw(st.sampled_from([kind for kind in KINDS if form is not Form.MATRIX or kind not in DATES]))
    missing = data.draw(st.booleans()) and kind in PYTHON_OBJECTS  # others have the type of the whole tensor
    columns = data.draw(fields(form, [kind], missing=missing))
    plane = plane_of(signature_of(form, columns, named=data.draw(st.booleans())))
    instances = [list(row) for row in zip(*(field.values for field in columns), strict=True)]
    datatype, shape = columns[0].datatype, [len(instances), len(columns)]
    tensor = {"name": "rows", "datatype": datatype, "shape": shape, "data": instances}
    check(read_v2(plane, json.dumps({"inputs": [tensor]}).encode()).rows, columns)
    check(read_v1(plane, json.dumps({"instances": instances}).encode()).rows, columns)
    backwards = [dict(reversed([(f"x{at}", value) for at, value in enumerate(row)])) for row in instances]
    check(rows_of_records(plane.runtime.signature, backwards, "rows"), columns)


@pytest.mark.slow
@pytest.mark.parametrize("form", [Form.MATRIX, Form.OBJECTS])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_unknown_width_keeps_each_number(form: Form, data: st.DataObject) -> None:
    columns = data.draw(fields(form, ["literal FP64", "literal INT64", "literal BOOL"], missing=False))
    instances = [list(row) for row in zip(*(field.values for field in columns), strict=True)]
    check(rows_of_instances(Signature(form), instances, "rows"), columns)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_stacked_rows_have_the_columns_of_each_part(form: Form, data: st.DataObject) -> None:
    columns = data.draw(fields(form, missing=False))
    signature = signature_of(form, columns)
    whole = rows_of_columns(signature, {field.column.name: field.values for field in columns})
    parts = [
        rows_of_columns(signature, {field.column.name: [field.values[row]] for field in columns})
        for row in range(whole.count)
    ]
    if len(set(map(kind_of, parts))) == 1:
        stacked = stack(parts)
        assert (stacked.names, stacked.count) == (whole.names, whole.count)
        for name in whole.names:
            assert stacked.column(name).tolist() == whole.column(name).tolist()


@pytest.mark.parametrize(
    ("literals", "values", "dtype"),
    [
        ([3, 0.5], [3.0, 0.5], "float64"),
        ([2**53 + 1, 0.5], [2**53 + 1, 0.5], "object"),
        ([-1, 2**64 - 1], [-1, 2**64 - 1], "object"),
        ([True, 3], [True, 3], "object"),
    ],
)
def test_parts_of_different_types_change_no_value(literals: list[Any], values: list[Any], dtype: str) -> None:
    parts = [rows_of_instances(Signature(Form.OBJECTS), [[each]], "rows") for each in literals]
    column = stack(parts).column("x0")
    assert (column.tolist(), list(map(type, column.tolist())), str(column.dtype)) == (
        values,
        list(map(type, values)),
        dtype,
    )
