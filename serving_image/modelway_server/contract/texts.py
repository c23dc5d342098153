"""Read the texts of a CSV as values of the type that a column was trained on, as pandas does."""

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from modelway_server.contract.signature import Column
from modelway_server.protocol.tensors import INTEGER_LIMITS

MISSING = frozenset(
    {
        "nan",
        "na",
        "n/a",
        "null",
        "none",
        "<na>",
        "#n/a",
        "#n/a n/a",
        "#na",
        "-nan",
        "1.#ind",
        "-1.#ind",
        "1.#qnan",
        "-1.#qnan",
        "nat",
    }
)
"""Texts for a missing value, in lower case, beside an empty field; for columns of text only if all categories are known.

Source: `na_values` of `pandas.read_csv`, and the NaT of dates.
"""
_INTEGER: Final = re.compile(r"[ \t\n\r\f\v]*[+-]?\d{1,300}[ \t\n\r\f\v]*")
"""An integer as `int` reads it: `str.strip` takes more for white space. A longer one is none that a double holds."""
_BOOLEANS = {"true": True, "false": False}


def read_texts(column: Column | None, texts: Sequence[str | None]) -> list[Any]:
    """The values that strings stand for in a column; one that stands for none stays a string, to be refused.

    Args:
        column: what the model was trained on, or None where that is not known. There, as where only the model's own
            code knows the type, it is read from the strings: numbers or booleans if all are such, else strings. An
            integer among numbers stays one. Where it has learned the empty text and takes nothing missing, None is that.
        texts: one a row; None is missing.
    """
    if column is None or not column.typed or column.literal:
        return _guess(texts)
    if column.dates is not None:
        return [None if _is_missing(text) else text for text in texts]
    match column.datatype:
        case "BYTES":
            empty = None if column.nullable or "" not in _known_values(column) else ""
            return [empty if _is_missing_text(column, text) else text for text in texts]
        case "BOOL":
            return [_boolean(text) for text in texts]
        case datatype if datatype in INTEGER_LIMITS:
            return [_integer(text) for text in texts]
        case _:
            return [_boolean(value) if type(value) is str else value for value in _numbers(texts)]


def _guess(texts: Sequence[str | None]) -> list[Any]:
    for values in ([_literal(text) for text in texts], [_boolean(text) for text in texts]):
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
    if text is None or _is_missing(text):
        return None
    try:
        value = float(text)
    except ValueError:
        return text
    return text if "_" in text or value in {float("inf"), float("-inf")} else value


def _literal(text: str | None) -> float | str | None:
    """A number as Python reads it, an integer of any size as such."""
    return int(text) if text is not None and _INTEGER.fullmatch(text) else _number(text)


def _integer(text: str | None) -> float | str | bool | None:
    number = _literal(text)
    return _boolean(number) if type(number) is str else number


def _boolean(text: str | None) -> bool | str | None:
    return None if text is None or _is_missing(text) else _BOOLEANS.get(text.strip().lower(), text)


def _is_missing_text(column: Column, text: str | None) -> bool:
    """Whether a text is what pandas takes for a missing one, and none of the categories that the model has learned."""
    known = _known_values(column)
    return text is None or (column.nullable and bool(known) and text not in known and _is_missing(text))


def _known_values(column: Column) -> frozenset[Any]:
    """The values that a column was trained on; empty where they are not known."""
    return column.categories or column.known or frozenset()


def _is_missing(text: str | None) -> bool:
    return text is None or text.strip().lower() in MISSING
