"""Labelled rows of a Parquet file, in the types that a request in JSON has."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from arro3.core import Array, DataType, Field
from arro3.io import read_parquet

from modelway_server.contract.names import enumerate_names
from modelway_server.errors import InvalidDataset, words
from modelway_server.protocol.mlflow import MAX_CSV_COLUMNS as MAX_COLUMNS

BATCH = 8192
"""Rows that are decoded at once."""
_LEAST_BYTES = 2
"""Of a value: in a CSV, a digit and a comma."""
_INDEX = re.compile(r"__index_level_\d+__")
"""Where pandas keeps the labels of the rows, if they have no name of their own."""
_PANIC = "PanicException"
"""The name of what Rust's failures are in Python, where they are no `Exception`."""
_UNWRAP = "called `Result::unwrap()` on an `Err` value: "


def parquet_columns(file: Path, most_bytes: int) -> Mapping[str, Sequence[Any]]:
    """The values of a file by column: integers, floats, booleans, texts, dates as text, and None where one is missing.

    Args:
        file: to read.
        most_bytes: that the decoded values may have, as the bytes of a CSV.

    Raises:
        InvalidDataset: it is no Parquet, holds what no request can, or too much of it.
    """
    try:
        return _read(file, most_bytes)
    except InvalidDataset:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != _PANIC:
            raise
        cause = words(error).removeprefix(_UNWRAP)
        raise InvalidDataset(f"the dataset is no Parquet that can be read: {cause}") from error


def _read(file: Path, most_bytes: int) -> dict[str, list[Any]]:
    reader = read_parquet(file, batch_size=BATCH)
    schema = reader.schema
    fields = {index: schema.field(index) for index, name in enumerate(schema.names) if not _INDEX.fullmatch(name)}
    _check_fields(list(fields.values()))
    columns: dict[str, list[Any]] = {field.name: [] for field in fields.values()}
    size = 0
    for batch in reader:
        for index, field in fields.items():
            values = _decoded(batch.column(index))
            size += max(values.nbytes, len(values) * _LEAST_BYTES)
            if size > most_bytes:
                raise InvalidDataset(f"the dataset unpacks to more than {most_bytes:,} bytes: sample its rows")
            columns[field.name] += _as_sent(values)
    return columns


def _check_fields(fields: Sequence[Field]) -> None:
    if len(fields) > MAX_COLUMNS:
        raise InvalidDataset(f"the dataset has {len(fields)} columns; at most {MAX_COLUMNS} are read")
    names = [field.name for field in fields]
    if len(set(names)) < len(names):
        twice = enumerate_names(name for name in dict.fromkeys(names) if names.count(name) > 1)
        raise InvalidDataset(f"the dataset has several columns of one name: {twice}; rename them")
    for field in fields:
        if DataType.is_nested(field.type):
            raise InvalidDataset(
                f"column {field.name!r} holds lists or objects; make a column of each of their values, or leave it out"
            )
        kind = field.type.value_type or field.type  # that of the entries of a dictionary
        if not any(is_one(kind) for is_one in _PLAIN):
            raise InvalidDataset(
                f"column {field.name!r} holds {_title(kind)}; save it as numbers, texts, dates or booleans, or leave it out"
            )


_PLAIN = (
    DataType.is_boolean,
    DataType.is_integer,
    DataType.is_floating,
    DataType.is_decimal,
    DataType.is_string,
    DataType.is_large_string,
    DataType.is_string_view,
    DataType.is_date,
    DataType.is_time,
    DataType.is_timestamp,
    DataType.is_null,
)
"""The types that a request can have."""


def _title(kind: DataType) -> str:
    """The name of a type: Binary, Time64(µs)."""
    return str(kind).strip().removeprefix("arro3.core.DataType<").removesuffix(">")


def _decoded(column: Array) -> Array:
    """The values themselves, where they are the numbers of entries of a dictionary."""
    kind = column.type.value_type
    return column if kind is None else column.cast(kind)


def _as_sent(values: Array) -> list[Any]:
    kind = values.type
    if DataType.is_date(kind) or DataType.is_time(kind):
        return [None if value is None else value.isoformat() for value in values.to_pylist()]
    if DataType.is_timestamp(kind):
        return _moments(values)
    if DataType.is_decimal(kind):
        return [None if value is None else float(value) for value in values.to_pylist()]
    plain = list(values.to_pylist())
    if DataType.is_floating(kind):
        return [None if value is None or math.isnan(value) else value for value in plain]
    return plain


def _moments(values: Array) -> list[str | None]:
    """Times in ISO 8601, of UTC where they have a zone: its name need not be known here."""
    counts = values.cast(DataType.int64()).to_pylist()
    unit, zone = values.type.time_unit, "Z" if values.type.tz is not None else ""
    moments = np.array([0 if count is None else count for count in counts], dtype=f"datetime64[{unit}]")
    texts = np.datetime_as_string(moments.astype("datetime64[us]")).tolist()
    return [None if count is None else f"{text}{zone}" for count, text in zip(counts, texts, strict=True)]
