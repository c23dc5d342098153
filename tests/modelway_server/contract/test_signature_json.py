"""A signature survives being written down."""

import json
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway_server.contract.signature import ROWS, Column, Dates, Form, Output, Signature
from modelway_server.contract.signature_json import document_of, signature_of

SCALARS = st.text() | st.booleans() | st.integers() | st.floats(allow_nan=False)
COLUMNS = st.builds(
    Column,
    name=st.text(),
    datatype=st.sampled_from(["FP64", "INT64", "BOOL", "BYTES"]),
    nullable=st.booleans(),
    categories=st.none() | st.frozensets(SCALARS),
    used=st.booleans(),
    typed=st.booleans(),
    missing=st.sampled_from([None, float("nan")]),
    dates=st.none() | st.sampled_from(Dates),
)
LABELS = SCALARS | st.none()
OUTPUTS = st.builds(
    Output,
    name=st.text(),
    datatype=st.sampled_from(["FP32", "BYTES"]),
    shape=st.tuples(st.just(ROWS), st.integers(1, 9)),
    classes=st.none() | st.lists(LABELS).map(tuple) | st.lists(st.lists(LABELS).map(tuple)).map(tuple),
    columns=st.lists(st.text()).map(tuple),
)
SIGNATURES = st.builds(
    Signature,
    form=st.sampled_from(Form),
    columns=st.lists(COLUMNS, max_size=4).map(tuple),
    named=st.booleans(),
    outputs=st.dictionaries(st.text(), st.lists(OUTPUTS, max_size=3).map(tuple), max_size=3),
    max_magnitude=st.none() | st.floats(allow_nan=False),
)


def round_trip(signature: Signature) -> Signature:
    return signature_of(json.loads(json.dumps(document_of(signature))))


def text_of(signature: Signature) -> str:
    """All of it but the order of categories: as text, since 1, 1.0 and True are equal, and NaN is not even equal to itself."""
    columns = [
        (sorted(map(repr, column.categories or ())), replace(column, categories=None)) for column in signature.columns
    ]
    return repr((columns, replace(signature, columns=())))


@pytest.mark.slow
@given(SIGNATURES)
def test_signature_survives_json(signature: Signature) -> None:
    back = round_trip(signature)
    assert text_of(back) == text_of(signature)
    assert [column.categories for column in back.columns] == [column.categories for column in signature.columns]


def test_categories_of_other_types_are_kept_as_json_values() -> None:
    column = Column("x", categories=frozenset([np.int64(3), np.str_("a"), Decimal("2.5")]))
    assert round_trip(Signature(Form.FRAME, (column,))).columns[0].categories == frozenset([3, "a", "2.5"])
