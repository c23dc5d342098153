"""MLflow's scoring protocol: `/invocations` with JSON in one of five forms, or with CSV.

Source: MLflow, "Deploy MLflow Model as a Local Inference Server", "Inference Server Specification". The answer is
`{"predictions": [...]}`, as in V1.
"""

import codecs
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from modelway_server.errors import MalformedRequest, UnsupportedMediaType
from modelway_server.protocol.parameters import asks_for_classes, check_parameters, read_method
from modelway_server.protocol.strict_json import json_type, parse_object
from modelway_server.protocol.v1 import check_columns

FORMS: Final = ("dataframe_split", "dataframe_records", "instances", "inputs")
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
MAX_CSV_COLUMNS = 100_000
CHARSETS: Final = {
    **dict.fromkeys(("", "utf-8", "utf8", "us-ascii", "ascii"), "utf-8"),
    **dict.fromkeys(("iso-8859-1", "latin-1", "latin1"), "latin-1"),
    **dict.fromkeys(("windows-1252", "cp1252"), "cp1252"),
    "iso-8859-15": "iso-8859-15",
    **dict.fromkeys(("utf-16", "utf16"), "utf-16"),
}
"""Python's names of the encodings of a CSV, by the names that requests use, in lower case; UTF-8 by default."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One request: exactly one of the two is set.

    Attributes:
        rows: JSON rows: arrays, objects of column to value, or bare values where a row has one.
        columns: values of equal length by the column's name, in the order in which they were sent.
        member: where they stand, for messages.
        ordered: whether the order of the columns is meant: a model without column names goes by it.
        textual: whether all values are strings still, or None where one is missing: CSV has no types.
        classes: whether the answer shall name the classes.
        method: what shall answer; empty for the default.
    """

    rows: Sequence[Any] | None
    columns: Mapping[str, Sequence[Any]] | None
    member: str
    ordered: bool = False
    textual: bool = False
    classes: bool = False
    method: str = ""


def decode_json(body: bytes, *, long_integers: bool = False) -> Invocation:
    """The message in a JSON body.

    Args:
        body: JSON.
        long_integers: as `parse_object` has it.

    Raises:
        MalformedRequest: none or several of the forms are there, or one is of another type.
    """
    document = parse_object(body, long_integers=long_integers)
    forms = [form for form in FORMS if form in document]
    if len(forms) != 1:
        fault = f"there are {' and '.join(forms)}" if forms else "there is none"
        raise MalformedRequest(f"send exactly one of {', '.join(FORMS)}; {fault}")
    params = document.get("params")
    check_parameters(params, "params")
    form, content = forms[0], document[forms[0]]
    rows, columns = _split(content) if form == "dataframe_split" else _other(form, content)
    return Invocation(
        rows=rows,
        columns=columns,
        member=form,
        ordered=form == "dataframe_split",
        classes=asks_for_classes(params, "params"),
        method=read_method(params, "params"),
    )


def decode_csv(body: bytes, charset: str = "") -> Invocation:
    """The columns in a CSV body, whose first line names them (RFC 4180); an empty field is a missing value.

    Args:
        body: lines of text.
        charset: what the request calls its encoding, in lower case; empty for UTF-8.

    Raises:
        MalformedRequest: another encoding, no header, a name that appears twice, or a line of another width.
        UnsupportedMediaType: the charset is none of CHARSETS.
    """
    text = _decode(body, charset)
    lines = csv.reader(io.StringIO(_without_separator(text), newline=""), strict=True)
    try:
        names = next(lines, None)
        if not names:
            raise MalformedRequest("the CSV is empty; its first line names the columns")
        if len(names) > MAX_CSV_COLUMNS:
            raise MalformedRequest(f"the CSV has {len(names)} columns; at most {MAX_CSV_COLUMNS} are read")
        _check_header(names)
        values = _csv_values(lines, names)
    except csv.Error as error:
        raise MalformedRequest(f"line {lines.line_num} is no CSV: {error}") from None
    columns = {name: values[index :: len(names)] for index, name in enumerate(names)}
    return Invocation(rows=None, columns=columns, member="csv", ordered=True, textual=True)


def _decode(body: bytes, charset: str) -> str:
    codec = CHARSETS.get(charset)
    if codec is None:
        raise UnsupportedMediaType(f"the CSV's charset is {charset[:40]!r}; send it as UTF-8")
    try:
        return body.decode(codec).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        name = charset.upper() or "UTF-8"
        what = "UTF-16" if body.startswith(_UTF_16) else f"not valid {name}: {error.reason} at byte {error.start}"
        raise MalformedRequest(f"the CSV is {what}; save it as UTF-8") from None


def _without_separator(text: str) -> str:
    """The lines without a first one that only names the separator for Excel."""
    first, end, rest = text.partition("\n")
    return rest if end and first.strip().strip('"') == "sep=," else text


def _check_header(names: list[str]) -> None:
    if names.count("") > 1:
        raise MalformedRequest(
            "several columns have no name in the first line: write an index of several levels with index=False, and the names with header=True"
        )
    _check_names(names, "line 1")


def _csv_values(lines: Any, names: list[str]) -> list[str | None]:
    """All fields, line by line."""
    values: list[str] = []
    for line in lines:
        if len(line) != len(names):
            if not line:
                continue  # an empty line
            separated = (
                "; it is separated by ';', write it with sep=',' and decimal='.'" if _by_semicolons(names) else ""
            )
            message = f"line {lines.line_num} has {len(line)} fields, the header has {len(names)}{separated}"
            raise MalformedRequest(message)
        values += line
    return [field or None for field in values]


def _by_semicolons(names: list[str]) -> bool:
    """Whether a header of one field holds several names, as in a CSV with decimal commas."""
    return len(names) == 1 and ";" in names[0]


def _split(content: Any) -> tuple[Sequence[Any] | None, Mapping[str, Sequence[Any]] | None]:
    """`{"columns": [names], "data": [rows]}`; an index is ignored, and without names rows are arrays."""
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        raise MalformedRequest(
            'send {"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}, as DataFrame.to_dict(orient="split") gives it',
            field="dataframe_split",
        )
    names, data = content.get("columns"), content["data"]
    if names is None:
        return data, None
    if not isinstance(names, list):
        raise MalformedRequest(f"columns must be an array, it is {json_type(names)}", field="dataframe_split.columns")
    names = [str(name) if type(name) is int else name for name in names]
    if not all(isinstance(name, str) for name in names):
        raise MalformedRequest("a column's name must be a string", field="dataframe_split.columns")
    _check_names(names, "dataframe_split.columns")
    for index, row in enumerate(data):
        if type(row) is not list or len(row) != len(names):
            fault = f"has {len(row)} values" if type(row) is list else f"is {json_type(row)}"
            raise MalformedRequest(
                f"each row must be an array of {len(names)} values, one for each of columns; this one {fault}",
                field=f"dataframe_split.data[{index}]",
            )
    return None, {name: [row[index] for row in data] for index, name in enumerate(names)}


def _other(form: str, content: Any) -> tuple[Sequence[Any] | None, Mapping[str, Sequence[Any]] | None]:
    if form == "inputs" and isinstance(content, dict):
        return None, check_columns(content, form)
    if not isinstance(content, list):
        raise MalformedRequest(f"{form} must be an array, it is {json_type(content)}", field=form)
    if form == "dataframe_records":
        for index, row in enumerate(content):
            if type(row) is not dict:
                raise MalformedRequest(
                    f"a record must be an object, it is {json_type(row)}", field=f"dataframe_records[{index}]"
                )
    return content, None


def _check_names(names: Sequence[str], field: str) -> None:
    if not names:
        raise MalformedRequest("there are no columns", field=field)
    earlier: set[str] = set()
    for name in names:
        if name in earlier:
            raise MalformedRequest(f"the column {name!r} appears twice", field=field)
        earlier.add(name)
