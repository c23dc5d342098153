"""Columns as a data frame or a CSV has them: named, in an order that may be meant, and perhaps as text."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelway_server.contract.rows import Rows, rows_of_columns, rows_of_instances
from modelway_server.contract.signature import Column, Form, Signature
from modelway_server.errors import InvalidInput

MISSING_NUMBERS = frozenset({"nan", "na", "n/a", "null", "none", "<na>"})
"""What stands for a missing number in a CSV, in lower case, beside an empty field: as pandas writes and reads it."""
_BOOLEANS = {"true": True, "false": False}


def rows_of_frame(
    signature: Signature, columns: Mapping[str, Sequence[Any]], member: str, *, ordered: bool, textual: bool
) -> Rows:
    """The rows of a request that sends them column by column.

    Args:
        signature: the model's.
        columns: values by name.
        member: where they stand, for messages.
        ordered: whether a model that was trained without names may go by the order of the columns.
        textual: whether the values are strings, or None, whatever the column's type.

    Raises:
        InvalidInput: the columns are not what the model was trained on.
    """
    if signature.form is Form.TEXT:
        return _texts(signature, columns, member)
    if ordered and not signature.named:
        columns = _by_position(signature, columns, member)
    if textual:
        known = {column.name: column for column in signature.columns}
        columns = {name: read_texts(known.get(name), values) for name, values in columns.items()}
    if not signature.columns and ordered and columns.keys() != {each.name for each in signature.inputs}:
        return rows_of_instances(signature, [list(row) for row in zip(*columns.values(), strict=True)], member)
    return rows_of_columns(signature, columns, member)


def read_texts(column: Column | None, texts: Sequence[str | None]) -> list[Any]:
    """The values that strings stand for in a column; one that stands for none stays a string, to be refused.

    Args:
        column: what the model was trained on, or None where that is not known. There, as where only the model's own
            code knows the type, it is read from the strings: numbers or booleans if all are such, else strings.
        texts: one a row; None is missing.
    """
    if column is None or not column.typed:
        return _guessed(texts)
    match "BYTES" if column.dates is not None else column.datatype:
        case "BYTES":
            return list(texts)
        case "BOOL":
            return [_boolean(text) for text in texts]
        case "INT64":
            return [_integer(text) for text in texts]
        case _:
            return _numbers(texts)


def _texts(signature: Signature, columns: Mapping[str, Sequence[Any]], member: str) -> Rows:
    if len(columns) != 1:
        raise InvalidInput(f"this model takes one string a row: one column, not {len(columns)}", field=member)
    return rows_of_instances(signature, list(*columns.values()), member)


def _by_position(
    signature: Signature, columns: Mapping[str, Sequence[Any]], member: str
) -> Mapping[str, Sequence[Any]]:
    names = [column.name for column in signature.columns]
    if not names or columns.keys() == set(names):
        return columns
    if len(columns) != len(names):
        raise InvalidInput(
            f"this model takes {len(names)} values a row, there are {len(columns)} columns", field=member
        )
    return dict(zip(names, columns.values(), strict=True))


def _guessed(texts: Sequence[str | None]) -> list[Any]:
    for values in (_numbers(texts), [_boolean(text) for text in texts]):
        if not any(type(value) is str for value in values):
            return values
    return list(texts)


def _numbers(texts: Sequence[str | None]) -> list[Any]:
    """All at once where all are plain numbers, else one by one."""
    if None not in texts and not any("_" in text for text in texts if text):
        try:
            values = np.array(list(map(float, texts)))  # type: ignore[arg-type]  # none is None
        except ValueError:
            pass
        else:
            if np.isfinite(values).all():
                return list(values.tolist())
    return [_number(text) for text in texts]


def _number(text: str | None) -> float | str | None:
    if text is None or text.strip().lower() in MISSING_NUMBERS:
        return None
    try:
        value = float(text)
    except ValueError:
        return text
    return text if "_" in text or value in {float("inf"), float("-inf")} else value


def _integer(text: str | None) -> float | str | None:
    number = _number(text)
    digits = "" if text is None else text.strip().removeprefix("-")
    return int(text or "") if isinstance(number, float) and digits.isdecimal() and len(digits) < 20 else number


def _boolean(text: str | None) -> bool | str | None:
    return None if text is None else _BOOLEANS.get(text.strip().lower(), text)
