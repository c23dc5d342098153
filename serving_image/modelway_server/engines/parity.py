"""The proof that an engine gives a model's own answers, on rows of its contract."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.rows import rows_of_instances
from modelway_server.contract.signature import Signature
from modelway_server.errors import InputError, InvalidArtifact
from modelway_server.protocol.tensors import datatype_of
from modelway_server.runtimes.base import Runtime

ALONE = 5
"""Rows of the beginning and of the end that are also asked for one at a time, for which engines may have a path of their own."""


def difference(native: Runtime, engine: Runtime, rows: Sequence[Any], tolerance: float) -> str | None:
    """In what the engine's answers are not the model's own, as a clause; None when they are.

    Args:
        native: the model itself.
        engine: what would take its place.
        rows: as a request has them.
        tolerance: by how much a number may differ, relative, and absolute to the largest number of the answer or 1,
            whichever is less. What is no fraction may not differ at all.
    """
    sizes: dict[str, float] = {}
    for some in (rows, *([row] for row in [*rows[:ALONE], *rows[ALONE:][-ALONE:]])):
        ours, theirs = (
            rows_of_instances(native.signature, some, "rows"),
            rows_of_instances(engine.signature, some, "rows"),
        )
        for method in native.methods:
            try:
                expected = native.call(method, ours.values, ours.count)
            except InputError as error:
                return f"{method} of the model itself refuses some rows ({error.message})"
            found = engine.call(method, theirs.values, theirs.count)
            told = _difference(method, expected, found, tolerance, sizes)
            if told:
                return told
    return None


def read_samples(path: Path, signature: Signature) -> list[Any]:
    """The rows of a file: a JSON array of rows, or an object with them as `instances`, `rows`, or MLflow's `columns` and `data`.

    Raises:
        InvalidArtifact: the file holds no rows that the model takes.
    """
    try:
        rows = _sampled(json.loads(path.read_text(encoding="utf-8")))
        rows_of_instances(signature, rows, "samples")
    except (OSError, ValueError, TypeError, KeyError, InputError, RecursionError) as error:
        raise InvalidArtifact(
            f"{path.name} holds no samples of the model's rows: {error}",
            remedy='Write them as {"instances": [...]}, as they would be sent to the model.',
        ) from error
    return [_in_order(row, signature) for row in rows]


def _in_order(row: Any, signature: Signature) -> Any:
    """A row as an array of its columns, as the drawn ones are; a text as it is."""
    if isinstance(row, dict):
        return [row.get(column.name) for column in signature.columns]
    return row if isinstance(row, list) or not signature.columns else [row]


def _sampled(document: Any) -> list[Any]:
    if isinstance(document, dict):
        document = document.get("dataframe_split", document)
        if "columns" in document and "data" in document:
            return [dict(zip(document["columns"], row, strict=True)) for row in document["data"]]
        document = document.get("instances", document.get("rows"))
    if not isinstance(document, list):
        raise TypeError("there is no array of rows")
    return document


def _difference(
    method: str,
    expected: Mapping[str, NDArray[Any]],
    found: Mapping[str, NDArray[Any]],
    tolerance: float,
    sizes: dict[str, float],
) -> str | None:
    """See `difference`; the sizes of all rows' answers hold for the rows that are asked for alone, too."""
    if expected.keys() != found.keys():
        return f"{method} gives {', '.join(found)} instead of {', '.join(expected)}"
    for name, own in expected.items():
        other = found[name]
        if own.shape != other.shape or datatype_of(own.dtype) != datatype_of(other.dtype):
            return f"{name} is {datatype_of(other.dtype)} {list(other.shape)} instead of {datatype_of(own.dtype)} {list(own.shape)}"
        size = sizes.setdefault(f"{method} {name}", size_of(own) if own.dtype.kind == "f" else 0.0)
        if own.dtype.kind != "f":
            wrong = own != other
        else:
            wrong = ~np.isclose(other, own, rtol=tolerance, atol=tolerance * size, equal_nan=True)
        if wrong.any():
            first = np.unravel_index(int(wrong.argmax()), wrong.shape)
            return f"{name} differs in {int(wrong.sum())} of {wrong.size} values, by example {other[first]!r} instead of {own[first]!r}"
    return None


def size_of(values: NDArray[Any]) -> float:
    """The largest number of an answer, or 1 where that is less: what a tolerance is relative to."""
    finite = np.abs(values[np.isfinite(values)])
    return min(float(finite.max(initial=0.0)), 1.0)
