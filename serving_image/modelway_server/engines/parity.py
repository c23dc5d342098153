"""Compare the answers of an engine with the model's own, on rows of its contract."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.rows import rows_of_instances
from modelway_server.contract.signature import Signature
from modelway_server.engines.plan.plan import NotCovered
from modelway_server.errors import InputError, InvalidArtifact, MalformedRequest, words
from modelway_server.protocol.tensors import datatype_of
from modelway_server.runtimes.base import Runtime

ALONE = 5
"""Rows at the beginning and at the end that are also asked one at a time, since an engine may compute these differently."""
Answers = Mapping[str, NDArray[Any]]
"""Arrays by the name of the output."""
Expected = Mapping[str, Answers]
"""Answers by the method."""


def answers_of(native: Runtime, rows: Sequence[Any]) -> dict[str, Answers]:
    """Return the model's own answers to some rows, by every method.

    Raises:
        NotCovered: a method refuses some of them.
    """
    checked = rows_of_instances(native.signature, rows, "rows")
    answers: dict[str, Answers] = {}
    for method in native.methods:
        try:
            answers[method] = native.call(method, checked.values, checked.count)
        except InputError as error:
            raise NotCovered(f"{method} of the model itself refuses some rows ({error.message})") from error
    return answers


def difference(
    expected: Expected, alone: Expected, engine: Runtime, rows: Sequence[Any], tolerance: float
) -> str | None:
    """Say how the engine's answers differ from the model's own, as a clause; None if they do not.

    Args:
        expected: the model's own answers to all rows.
        alone: its answers to the first row, asked alone.
        engine: the engine that would take its place.
        rows: as a request sends them.
        tolerance: the relative difference that a number may have, also relative to the largest number of the answer
            or 1, whichever is less. Integers, booleans and texts must be equal.
    """
    sizes: dict[str, float] = {}
    clause = _differs(expected, engine, rows, tolerance, sizes) or _differs(alone, engine, rows[:1], tolerance, sizes)
    if clause:
        return clause
    for at in sorted({*range(len(rows))[1:ALONE], *range(len(rows))[-ALONE:]}):
        native = {method: _row_of(answers, at) for method, answers in expected.items()}
        clause = _differs(native, engine, [rows[at]], tolerance, sizes)
        if clause:
            return clause
    return None


def _row_of(answers: Answers, at: int) -> dict[str, NDArray[Any]]:
    return {name: values[at : at + 1] for name, values in answers.items()}


def _differs(
    expected: Expected, engine: Runtime, rows: Sequence[Any], tolerance: float, sizes: dict[str, float]
) -> str | None:
    checked = rows_of_instances(engine.signature, rows, "rows")
    for method, native in expected.items():
        clause = _difference(method, native, engine.call(method, checked.values, checked.count), tolerance, sizes)
        if clause:
            return clause
    return None


def read_samples(path: Path, signature: Signature) -> list[Any]:
    """Read the rows of a file: a JSON array, or an object with `instances`, `rows`, or MLflow's `columns` and `data`.

    Raises:
        InvalidArtifact: the file holds no rows that the model takes.
    """
    try:
        member, rows = rows_of_document(json.loads(path.read_text(encoding="utf-8")))
        rows_of_instances(signature, rows, member)
    except InputError as error:
        raise _no_samples(path, f"{error.field}: {error.message}" if error.field else error.message) from error
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise _no_samples(path, words(error)) from error
    return [_in_order(row, signature) for row in rows]


def _no_samples(path: Path, why: str) -> InvalidArtifact:
    return InvalidArtifact(
        f"{path.name} holds no samples of the model's rows: {why}",
        remedy='Write them as {"instances": [...]}, as they would be sent to the model.',
    )


def _in_order(row: Any, signature: Signature) -> Any:
    """Turn a row into an array in the order of the columns, as drawn rows have it; leave a text as it is."""
    if isinstance(row, dict) and signature.columns:
        return [row.get(column.name) for column in signature.columns]
    return row if isinstance(row, list) or not signature.columns else [row]


def rows_of_document(document: Any) -> tuple[str, list[Any]]:
    """Return the member that holds the rows of a document, and the rows.

    Raises:
        InputError: a row is not as wide as the columns.
        TypeError: the document holds no rows.
    """
    member = "rows"
    if isinstance(document, dict):
        document = document.get("dataframe_split", document)
        if isinstance(document, dict) and {"columns", "data"} <= document.keys():
            return "data", _records(document["columns"], document["data"])
        member = next((name for name in ("instances", "rows") if name in document), member)
        document = document.get(member) if isinstance(document, dict) else document
    if not isinstance(document, list):
        raise TypeError("there is no array of rows")
    return member, document


def _records(columns: Any, data: Any) -> list[Any]:
    if not isinstance(columns, list) or not isinstance(data, list):
        raise TypeError("columns and data are not both arrays")
    names = list(map(str, columns))
    for index, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(names):
            fault = f"has {len(row)} values" if isinstance(row, list) else "is no array"
            raise MalformedRequest(f"it {fault}; columns has {len(names)}", field=f"data[{index}]")
    return [dict(zip(names, row, strict=True)) for row in data]


def _difference(
    method: str,
    expected: Answers,
    answers: Answers,
    tolerance: float,
    sizes: dict[str, float],
) -> str | None:
    """Compare one method's answers; see `difference`. `sizes` keeps the sizes of the answers to all rows for later rows."""
    if expected.keys() != answers.keys():
        return f"{method} gives {', '.join(answers)} instead of {', '.join(expected)}"
    for name, native in expected.items():
        engine_values = answers[name]
        if native.shape != engine_values.shape or datatype_of(native.dtype) != datatype_of(engine_values.dtype):
            return f"{name} is {datatype_of(engine_values.dtype)} {list(engine_values.shape)} instead of {datatype_of(native.dtype)} {list(native.shape)}"
        size = sizes.setdefault(f"{method} {name}", size_of(native) if native.dtype.kind == "f" else 0.0)
        if native.dtype.kind != "f":
            wrong = native != engine_values
        else:
            wrong = ~np.isclose(engine_values, native, rtol=tolerance, atol=tolerance * size, equal_nan=True)
        if wrong.any():
            first = np.unravel_index(int(wrong.argmax()), wrong.shape)
            return f"{name} differs in {int(wrong.sum())} of {wrong.size} values, by example {engine_values[first]!r} instead of {native[first]!r}"
    return None


def size_of(values: NDArray[Any]) -> float:
    """Return the largest number of an answer, or 1 if that is less. A tolerance is relative to it."""
    finite = np.abs(values[np.isfinite(values)])
    return min(float(finite.max(initial=0.0)), 1.0)
