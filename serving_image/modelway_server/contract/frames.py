"""Columns of a data frame, of records or of a CSV: by name, or by order, and perhaps as text.

A model that was trained on arrays knows no names; it takes the columns by their order, as it does behind KServe's server
and MLflow's, which make a data frame of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from modelway_server.contract.names import enumerate_names, named_as_trained
from modelway_server.contract.rows import At, Rows, rows_of_columns, rows_of_instances
from modelway_server.contract.signature import Column, Form, Signature
from modelway_server.contract.texts import read_texts
from modelway_server.errors import InvalidInput

INDEX_NAMES = ("", "Unnamed: 0")
"""Names of the index of a data frame in a CSV: as `to_csv` writes it, and as `read_csv` reads it."""
_EMPTY = 'an empty field of a CSV is a missing value: send JSON to say ""'


def rows_of_frame(
    signature: Signature,
    columns: Mapping[str, Sequence[Any]],
    member: str,
    *,
    ordered: bool,
    textual: bool,
    at: At | None = None,
) -> Rows:
    """The rows of a request that sends them column by column.

    Args:
        signature: the model's.
        columns: values by name.
        member: where they stand, for messages.
        ordered: whether a model that was trained without names may go by the order of the columns.
        textual: whether they come from a CSV: values are strings, or None, whatever the column's type, and the first
            column may be the index of a data frame.
        at: where the value of a column, by the name that was sent, and of a row stands; `member.NAME[row]` by default.

    Raises:
        InvalidInput: the columns are not what the model was trained on.
    """
    if textual:
        _check_separator(signature, columns, member)
        columns = _without_index(signature, columns, member)
    if signature.form is Form.TEXT:
        return _texts(signature, columns, member)
    sent = list(columns)
    if ordered and not signature.named:
        columns = _by_position(signature, columns, member)
    columns = named_as_trained(signature, columns, member)
    names = dict(zip(columns, sent, strict=True))
    if textual:
        known = {column.name: column for column in signature.columns}
        columns = {name: read_texts(known.get(name), values) for name, values in columns.items()}
        _check_texts(known, columns, lambda name, row: f"{member}.{names[name]}[{row}]")
    if not signature.columns and ordered and columns.keys() != {each.name for each in signature.inputs}:
        return rows_of_instances(signature, [list(row) for row in zip(*columns.values(), strict=True)], member)
    stands = at or (lambda name, row: f"{member}.{name}[{row}]")
    return rows_of_columns(signature, columns, member, lambda name, row: stands(names[name], row))


def rows_of_records(signature: Signature, records: Sequence[Any], member: str) -> Rows:
    """The rows of a request that sends objects, or any other form of a row that the model takes.

    For a model that was trained without names, the first record gives the order of the columns.

    Raises:
        MalformedRequest: rows of different kinds.
        InvalidInput: the rows are not what the model was trained on.
    """
    names = list(records[0]) if records and set(map(type, records)) == {dict} else []
    own = {column.name for column in signature.columns}
    if not names or signature.named or signature.form in {Form.TEXT, Form.TENSORS} or set(names) == own:
        return rows_of_instances(signature, records, member)
    for index, record in enumerate(records):
        if record.keys() != records[0].keys():
            raise InvalidInput(
                f"the columns are not those of {member}[0], and the model knows none by name",
                field=f"{member}[{index}]",
            )
    columns = {name: [record[name] for record in records] for name in names}
    return rows_of_frame(
        signature, columns, member, ordered=True, textual=False, at=lambda name, row: f"{member}[{row}].{name}"
    )


def _without_index(
    signature: Signature, columns: Mapping[str, Sequence[Any]], member: str
) -> Mapping[str, Sequence[Any]]:
    """The columns without the index of a data frame, if the model has exactly the others.

    Raises:
        InvalidInput: the first column has no name, and may be an index or not.
    """
    first, *others = columns or ["none"]
    own = [column.name for column in signature.columns] or [each.name for each in signature.inputs]
    if first not in INDEX_NAMES or first in own:
        return columns
    if first == "" and INDEX_NAMES[1] in own:  # the training data had an index in it
        return dict(zip([INDEX_NAMES[1], *others], columns.values(), strict=True))
    rest = {name: columns[name] for name in others}
    if _is_whole(signature, others):
        return rest
    if first == "":
        raise InvalidInput(
            "the CSV has an index column (its first name is empty), and the others are not the columns of the model; "
            f"write it with index=False{_expectation(signature)}",
            field=member,
        )
    return columns


def _check_separator(signature: Signature, columns: Mapping[str, Sequence[Any]], member: str) -> None:
    """Refuse a CSV of one column that has several by another separator than a comma.

    Raises:
        InvalidInput: so it is.
    """
    (name,) = columns if len(columns) == 1 else ("",)
    for separator, word in ((";", "';'"), ("\t", "a tab"), ("|", "'|'")):
        if separator in name and not _is_whole(signature, [name]):
            raise InvalidInput(f"the CSV is separated by {word}; write it with sep=','", field=member)


def _is_whole(signature: Signature, names: Sequence[str]) -> bool:
    """Whether columns of these names are all that the model takes."""
    if signature.named:
        columns = named_as_trained(signature, dict.fromkeys(names), "csv")
        return {column.name for column in signature.columns if column.used} <= columns.keys()
    if signature.inputs:
        widths = [each.shape[1:] for each in signature.inputs]
        return set(names) == {each.name for each in signature.inputs} or widths == [(len(names),)]
    return len(names) == (1 if signature.form is Form.TEXT else signature.width)


def _expectation(signature: Signature) -> str:
    if signature.named:
        return f", with {enumerate_names(column.name for column in signature.columns if column.used)}"
    return f", with {signature.width} columns" if signature.width else ""


def _check_texts(known: Mapping[str, Column], columns: Mapping[str, Sequence[Any]], at: At) -> None:
    """Refuse an empty field of a CSV where a model needs a text: it may be missing or meant as empty.

    Raises:
        InvalidInput: there is one; the first is named.
    """
    for name, values in columns.items():
        column = known.get(name)
        if (
            column is None
            or column.nullable
            or not column.used
            or column.datatype != "BYTES"
            or column.dates is not None
        ):
            continue
        if None in values:
            message = f"column {name!r} must not be missing: the model was not trained to handle it; {_EMPTY}"
            raise InvalidInput(message, field=at(name, values.index(None)))


def _texts(signature: Signature, columns: Mapping[str, Sequence[Any]], member: str) -> Rows:
    if len(columns) != 1:
        raise InvalidInput(f"this model takes one string a row: one column, not {len(columns)}", field=member)
    ((name, values),) = columns.items()
    if None in values:
        raise InvalidInput(
            f"this model takes one string a row; {_EMPTY}", field=f"{member}.{name}[{values.index(None)}]"
        )
    return rows_of_instances(signature, list(*columns.values()), member)


def _by_position(
    signature: Signature, columns: Mapping[str, Sequence[Any]], member: str
) -> Mapping[str, Sequence[Any]]:
    names = [column.name for column in signature.columns]
    if not names or columns.keys() == set(names):
        return columns
    if len(columns) != len(names):
        raise InvalidInput(
            f"this model takes {len(names)} values a row, and there are {len(columns)}: {enumerate_names(columns)}",
            field=member,
        )
    return dict(zip(names, columns.values(), strict=True))
