"""Labelled rows, as a request would send them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.names import enumerate_names
from modelway_server.errors import InputError, InvalidDataset, words
from modelway_server.evaluation.wish import Format, Wish
from modelway_server.protocol.mlflow import decode_csv

MAX_BYTES = 2 << 30
MAX_VALUES = 50
"""Values of one column of `slices`."""
_PARQUET = b"PAR1"
_STRANGERS = (
    ((b"<!", b"<html", b"<HTML", b"<?xml"), "an HTML or XML page, perhaps an error page that was stored instead"),
    ((b"version https://git-lfs",), "a Git LFS pointer; upload the file that it points to"),
    ((b"PK\x03\x04",), "a ZIP archive or a workbook; save the rows as CSV"),
    ((b"\x1f\x8b",), "compressed by gzip; upload it unpacked"),
)
"""First bytes of files that people upload by mistake, and what these are."""
_FIELD = "spec.preflight.evaluation"


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Labelled rows.

    Attributes:
        columns: values by name, without the target and the weights; texts, or None where one is missing, if `textual`.
        textual: whether the file tells no types, as a CSV.
        target: the right answer of each row, as the file has it.
        weights: of the rows, positive or zero; None where all count alike.
        slices: of each column of `slices`, the value of each row as text.
    """

    columns: Mapping[str, Sequence[Any]]
    textual: bool
    target: Sequence[Any]
    weights: NDArray[np.float64] | None
    slices: Mapping[str, NDArray[np.str_]]

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.target)

    def without_answers(self, wish: Wish) -> "Dataset":
        """What a model may see: neither the target nor the weights, under any name."""
        hidden = {wish.target, wish.weight}
        return replace(
            self,
            columns={name: values for name, values in self.columns.items() if name not in hidden},
            slices={name: values for name, values in self.slices.items() if name not in hidden},
            target=(),
            weights=None,
        )


def read_dataset(path: Path, wish: Wish) -> Dataset:
    """Read the labelled rows of a file, or of the one file in a folder.

    Args:
        path: as `fetch` left it.
        wish: which columns are what.

    Raises:
        InvalidDataset: the file cannot be read, has no rows, or lacks a column; the field is named.
    """
    table, textual = read_table(path, wish.format)
    for name, field in _named_columns(wish):
        if name not in table:
            raise InvalidDataset(
                f"{_FIELD}.{field}: the dataset has no column {name!r}; it has {enumerate_names(table)}"
            )
    target = table[wish.target]
    if not len(target):
        raise InvalidDataset("the dataset has no rows; add labelled rows to it")
    taken = {wish.target, wish.weight}
    return Dataset(
        columns={name: values for name, values in table.items() if name not in taken},
        textual=textual,
        target=_complete(target, wish.target),
        weights=None if wish.weight is None else _weights(table[wish.weight], wish.weight),
        slices={name: _texts(table[name], name) for name in wish.slices},
    )


def read_table(
    path: Path,
    format: Format,  # noqa: A002  (as the field)
    *,
    field: str = _FIELD,
    most_bytes: int = MAX_BYTES,
) -> tuple[Mapping[str, Sequence[Any]], bool]:
    """The columns of a file by name, or of the one file in a folder, and whether it tells no types, as a CSV.

    Args:
        path: as `fetch` left it.
        format: how it is written.
        field: the block of the spec that names it, for messages.
        most_bytes: that are read.

    Raises:
        InvalidDataset: it cannot be read.
    """
    return _read(_file_of(path, field), format, field, most_bytes)


def _named_columns(wish: Wish) -> list[tuple[str, str]]:
    named = [(wish.target, "target"), *((name, f"slices[{index}]") for index, name in enumerate(wish.slices))]
    return named + ([(wish.weight, "weight")] if wish.weight is not None else [])


def _file_of(path: Path, field: str) -> Path:
    """The file itself, or the only one in a folder.

    Raises:
        InvalidDataset: there is none, or there are several.
    """
    if not path.is_dir():
        return path
    files = sorted(each for each in path.rglob("*") if each.is_file() and not each.name.startswith("."))
    if len(files) != 1:
        names = enumerate_names(str(each.relative_to(path)) for each in files) or "none"
        raise InvalidDataset(f"{field}.dataset.uri must lead to one file; there are {len(files)}: {names}")
    return files[0]


def _read(
    file: Path,
    format: Format,  # noqa: A002  (as the field)
    field: str,
    most_bytes: int,
) -> tuple[Mapping[str, Sequence[Any]], bool]:
    try:
        size = file.stat().st_size
        if size > most_bytes:
            raise InvalidDataset(f"the dataset has {size:,} bytes; at most {most_bytes:,} are read: sample its rows")
        with file.open("rb") as opened:
            is_parquet = opened.read(4) == _PARQUET
        if format is Format.PARQUET or (format is Format.AUTO and is_parquet):
            return _read_parquet(file, field, most_bytes, is_parquet=is_parquet), False
        return _read_csv(file.read_bytes(), field), True
    except OSError as error:
        raise InvalidDataset(f"the dataset {file.name} cannot be read: {error.strerror}") from error


def _read_csv(content: bytes, field: str) -> Mapping[str, Sequence[Any]]:
    if content.startswith(_PARQUET):
        raise InvalidDataset(
            f"{field}.dataset.format is csv, and the file is Parquet; leave the format out, or save the rows as CSV"
        )
    for starts, what in _STRANGERS:
        if content.startswith(starts):
            raise InvalidDataset(f"the dataset is no CSV: it is {what}")
    try:
        invocation = decode_csv(content)
    except InputError as error:
        raise InvalidDataset(f"the dataset is no CSV: {error.message}") from error
    assert invocation.columns is not None
    return invocation.columns


def _read_parquet(file: Path, field: str, most_bytes: int, *, is_parquet: bool) -> Mapping[str, Sequence[Any]]:
    if not is_parquet:
        raise InvalidDataset(
            f"{field}.dataset.format is parquet, and the file is none; leave the format out, or save it anew"
        )
    from modelway_server.evaluation.parquet import parquet_columns  # noqa: PLC0415  (a library that a CSV does not need)

    return parquet_columns(file, most_bytes)


def _complete(values: Sequence[Any], name: str) -> Sequence[Any]:
    for row, value in enumerate(values):
        if value is None or value != value or (isinstance(value, str) and value.strip().lower() in {"", "nan"}):  # noqa: PLR0124  (NaN)
            raise InvalidDataset(
                f"column {name!r}, the target, is empty or NaN in row {row}; leave rows without a target out of the dataset"
            )
    return values


def _weights(values: Sequence[Any], name: str) -> NDArray[np.float64]:
    field = f"column {name!r}, the weights,"
    try:
        weights = np.array([float_of(value) for value in values])
    except (TypeError, ValueError) as error:
        raise InvalidDataset(f"{field} must hold numbers: {words(error)}") from error
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InvalidDataset(f"{field} is {weights[row]:g} in row {row}; a weight is a number of at least 0")
    if not weights.any():
        raise InvalidDataset(f"{field} is 0 in every row; leave spec.preflight.evaluation.weight out, or correct it")
    return weights


def float_of(value: Any) -> float:
    """The number that a value is, or that its text says as JSON would; Python's `1_0` is none.

    Raises:
        TypeError: it is neither.
        ValueError: the text is no number.
    """
    if isinstance(value, str) and "_" in value:
        raise ValueError(f"could not convert string to float: {value!r:.100}")
    return float(value)


def _texts(values: Sequence[Any], name: str) -> NDArray[np.str_]:
    texts = np.array(["" if value is None else str(value) for value in values])
    distinct = len(np.unique(texts))
    if distinct > MAX_VALUES:
        raise InvalidDataset(
            f"{_FIELD}.slices: column {name!r} has {distinct} values; at most {MAX_VALUES} are judged: put them into groups in a column of its own"
        )
    return texts
