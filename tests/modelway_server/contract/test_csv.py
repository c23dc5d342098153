"""CSV as pandas writes it says what the same table says in JSON."""

import csv
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway_server.contract.frames import rows_of_frame
from modelway_server.contract.signature import Column, Dates, Form, Signature
from modelway_server.contract.texts import read_texts
from modelway_server.errors import InputError, UnsupportedMediaType
from modelway_server.protocol.mlflow import CHARSETS, Invocation, decode_csv, decode_json

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=6)
TIMES = st.datetimes(pd.Timestamp(1970, 1, 1), pd.Timestamp(2100, 1, 1))

Table = tuple[Signature, pd.DataFrame]


def column_of(kind: str, values: list[Any]) -> pd.Series:
    """A pandas column of what is to be sent."""
    match kind:
        case "INT64":
            return pd.Series(values, dtype="Int64" if None in values else "int64")
        case "FP64":
            return pd.Series(values, dtype="float64")
        case "dates":
            return pd.Series(values, dtype="datetime64[us]")
        case "zoned":
            return pd.Series(values, dtype="datetime64[us]").dt.tz_localize("UTC")
    return pd.Series(values, dtype=object)


VALUES = {
    "FP64": st.floats(allow_nan=False, allow_infinity=False),
    "INT64": st.integers(-(2**63), 2**63 - 1),
    "BOOL": st.booleans(),
    "BYTES": WORDS,
    "dates": TIMES,
    "zoned": TIMES,
    "numbers as booleans": st.booleans(),
    "untyped numbers": st.integers(0, 9) | st.floats(-9, 9),
    "untyped booleans": st.booleans(),
}


def told_of(name: str, kind: str) -> Column:
    """The column of a contract that takes these values."""
    if kind in {"dates", "zoned"}:
        return Column(name, "BYTES", nullable=True, dates=Dates.ZONED if kind == "zoned" else Dates.LOCAL)
    if kind in {"FP64", "INT64", "BOOL", "BYTES"}:
        return Column(name, kind, nullable=True)
    return Column(name, nullable=True, typed=not kind.startswith("untyped"))


@st.composite
def tables(draw: st.DrawFn, *, named: bool = True) -> Table:
    """A random table, and the contract of a model that was trained on such a one."""
    names = draw(st.lists(WORDS.filter("Unnamed: 0".__ne__), min_size=1, max_size=4, unique=True))
    rows = draw(st.integers(1, 4))
    columns, data = [], {}
    for position, name in enumerate(names):
        kind = draw(st.sampled_from(sorted(VALUES)))
        one = VALUES[kind] if kind.startswith("untyped") else st.none() | VALUES[kind]
        data[name] = column_of(kind, draw(st.lists(one, min_size=rows, max_size=rows)))
        columns.append(told_of(name if named else f"x{position}", kind))
    return Signature(Form.COLUMNS, tuple(columns), named=named), pd.DataFrame(data)


def rows(signature: Signature, request: Invocation) -> dict[str, list[Any]]:
    """What the model gets, as lists in which a missing value is None."""
    assert request.columns is not None
    ordered, textual = request.ordered, request.textual
    got = rows_of_frame(signature, request.columns, request.member, ordered=ordered, textual=textual).values  # noqa: PD011  (no pandas)
    return {name: [None if pd.isna(value) else value for value in list(values)] for name, values in got.items()}


def as_json(frame: pd.DataFrame) -> bytes:
    """The table as a client writes it in JSON."""
    plain = {
        name: [None if pd.isna(v) else v.isoformat() if isinstance(v, datetime) else v for v in frame[name].tolist()]
        for name in frame
    }
    split = {"columns": list(plain), "data": [list(row) for row in zip(*plain.values(), strict=True)]}
    return json.dumps({"dataframe_split": split}).encode()


def same(left: dict[str, list[Any]], right: dict[str, list[Any]]) -> bool:
    """Whether both hold the same values of the same types."""
    return repr(left) == repr(right)


Write = Callable[[pd.DataFrame], bytes]
WAYS: dict[str, Write] = {
    "plain": lambda frame: frame.to_csv(index=False).encode(),
    "index": lambda frame: frame.to_csv().encode(),
    "quoted": lambda frame: frame.to_csv(index=False, quoting=csv.QUOTE_ALL).encode(),
    "texts quoted": lambda frame: frame.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC).encode(),
    "BOM": lambda frame: frame.to_csv(index=False).encode("utf-8-sig"),
    "CRLF": lambda frame: frame.to_csv(index=False, lineterminator="\r\n").encode(),
    "index of words": lambda frame: frame.set_axis([f"row {i}" for i in range(len(frame))]).to_csv().encode(),
    "another order": lambda frame: frame[list(frame)[::-1]].to_csv().encode(),
}


@pytest.mark.slow
@given(table=tables(), way=st.sampled_from(sorted(WAYS)))
def test_csv_is_read_like_json(table: Table, way: str) -> None:
    signature, frame = table
    assert same(rows(signature, decode_csv(WAYS[way](frame))), rows(signature, decode_json(as_json(frame))))


@pytest.mark.slow
@given(table=tables(named=False), way=st.sampled_from(sorted(WAYS.keys() - {"another order"})))
def test_csv_of_an_unnamed_model_is_read_by_order(table: Table, way: str) -> None:
    signature, frame = table
    assert same(rows(signature, decode_csv(WAYS[way](frame))), rows(signature, decode_json(as_json(frame))))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b",,a\n0,0,1\n", "several columns have no name"),
        (b"a;b\n1;2\n", "separated by ';'"),
        (b"a;b\n1,5;2\n", "separated by ';'"),
        (b"a\tb\n1\t2\n", "separated by a tab"),
        (b"a|b\n1|2\n", r"separated by '\|'"),
        (b"sep=;\na;b\n1;2\n", "separated by ';'"),
        (b"a, b\n1,2\n", "unknown: ' b'"),
        (b"a,b,\n1,2,\n", "unknown: ''"),
        ("a\n1\n".encode("utf-16"), "is UTF-16; save it as UTF-8"),
        ("a\nü\n".encode("latin-1"), "not valid UTF-8: .* save it as UTF-8"),
    ],
)
def test_csv_of_another_dialect_is_refused_with_a_remedy(body: bytes, words: str) -> None:
    signature = Signature(Form.COLUMNS, (Column("a"), Column("b")), named=True)
    with pytest.raises(InputError, match=words):
        rows(signature, decode_csv(body))


def test_separator_line_of_excel_is_left_out() -> None:
    signature = Signature(Form.COLUMNS, (Column("a"), Column("b")), named=True)
    assert same(rows(signature, decode_csv(b"sep=,\r\na,b\r\n1,2\r\n")), rows(signature, decode_csv(b"a,b\n1,2\n")))


@pytest.mark.parametrize(
    ("column", "read"),
    [
        (Column("a", "BYTES", nullable=True, known=frozenset({"x"})), ["x", None, None]),
        (Column("a", "BYTES", nullable=True, known=frozenset({"x", "NA"})), ["x", "NA", None]),
        (Column("a", "BYTES", nullable=True), ["x", "NA", None]),
        (Column("a", "BYTES", known=frozenset({"x"})), ["x", "NA", None]),
    ],
)
def test_text_for_missing_is_null_unless_it_is_a_category(column: Column, read: list[str | None]) -> None:
    assert read_texts(column, ["x", "NA", None]) == read


@pytest.mark.parametrize(
    ("column", "read"),
    [
        (Column("a", "BYTES", known=frozenset({"", "x"})), ["x", ""]),
        (Column("a", "BYTES", categories=frozenset({"", "x"})), ["x", ""]),
        (Column("a", "BYTES", nullable=True, categories=frozenset({"", "x"})), ["x", None]),
        (Column("a", "BYTES"), ["x", None]),
    ],
)
def test_empty_field_is_the_learned_empty_text(column: Column, read: list[str | None]) -> None:
    assert read_texts(column, ["x", None]) == read


TEXTS = Signature(Form.COLUMNS, (Column("a", "BYTES"), Column("b", "BYTES", nullable=True)), named=True)


@pytest.mark.parametrize(
    ("signature", "body", "field"),
    [(TEXTS, b"b,a\nx,x\n,\n", r"csv\.a\[1\]"), (Signature(Form.TEXT), b'words\nx\n""\n', r"csv\.words\[1\]")],
)
def test_empty_field_of_a_required_text_is_refused(signature: Signature, body: bytes, field: str) -> None:
    with pytest.raises(InputError, match="an empty field of a CSV is a missing value: send JSON") as refusal:
        rows(signature, decode_csv(body))
    assert re.fullmatch(field, refusal.value.field or "")


@pytest.mark.parametrize("charset", [name for name in CHARSETS if CHARSETS[name] != "utf-8"])
def test_csv_is_read_by_its_charset(charset: str) -> None:
    frame = pd.DataFrame({"Größe": ["für", "Häuser"]})
    decoded = decode_csv(frame.to_csv(index=False).encode(charset), charset)
    assert decoded.columns == frame.to_dict(orient="list")


def test_unknown_charset_is_named() -> None:
    with pytest.raises(UnsupportedMediaType, match="charset is 'utf-7'; send it as UTF-8"):
        decode_csv(b"a\n1\n", "utf-7")
