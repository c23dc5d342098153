"""The proof that an engine gives a model's own answers, on rows of its contract."""

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
"""Rows of the beginning and of the end that are also asked for one at a time, for which engines may have a path of their own."""
Answers = Mapping[str, NDArray[Any]]
"""By the output's name."""
Expected = Mapping[str, Answers]
"""By the method."""


def answers_of(native: Runtime, rows: Sequence[Any]) -> dict[str, Answers]:
    """The model's own answers to some rows, by every method.

    Raises:
        NotCovered: a method refuses some of them.
    """
    checked = rows_of_instances(native.signature, rows, "rows")
    found: dict[str, Answers] = {}
    for method in native.methods:
        try:
            found[method] = native.call(method, checked.values, checked.count)
        except InputError as error:
            raise NotCovered(f"{method} of the model itself refuses some rows ({error.message})") from error
    return found


def difference(
    expected: Expected, alone: Expected, engine: Runtime, rows: Sequence[Any], tolerance: float
) -> str | None:
    """In what the engine's answers are not the model's own, as a clause; None when they are.

    Args:
        expected: the model's own answers to all rows.
        alone: those to the first row, asked alone.
        engine: what would take its place.
        rows: as a request has them.
        tolerance: by how much a number may differ, relative, and absolute to the largest number of the answer or 1,
            whichever is less. What is no fraction may not differ at all.
    """
    sizes: dict[str, float] = {}
    found_difference = _differs(expected, engine, rows, tolerance, sizes) or _differs(
        alone, engine, rows[:1], tolerance, sizes
    )
    if found_difference:
        return found_difference
    for at in sorted({*range(len(rows))[1:ALONE], *range(len(rows))[-ALONE:]}):
        own = {method: _row_of(answers, at) for method, answers in expected.items()}
        found_difference = _differs(own, engine, [rows[at]], tolerance, sizes)
        if found_difference:
            return found_difference
    return None


def _row_of(answers: Answers, at: int) -> dict[str, NDArray[Any]]:
    return {name: values[at : at + 1] for name, values in answers.items()}


def _differs(
    expected: Expected, engine: Runtime, rows: Sequence[Any], tolerance: float, sizes: dict[str, float]
) -> str | None:
    checked = rows_of_instances(engine.signature, rows, "rows")
    for method, own in expected.items():
        found_difference = _difference(
            method, own, engine.call(method, checked.values, checked.count), tolerance, sizes
        )
        if found_difference:
            return found_difference
    return None


def read_samples(path: Path, signature: Signature) -> list[Any]:
    """The rows of a file: a JSON array of rows, or an object with them as `instances`, `rows`, or MLflow's `columns` and `data`.

    Raises:
        InvalidArtifact: the file holds no rows that the model takes.
    """
    try:
        member, rows = _rows_of_document(json.loads(path.read_text(encoding="utf-8")))
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
    """A row as an array of its columns, as the drawn ones are; a text as it is."""
    if isinstance(row, dict) and signature.columns:
        return [row.get(column.name) for column in signature.columns]
    return row if isinstance(row, list) or not signature.columns else [row]


def _rows_of_document(document: Any) -> tuple[str, list[Any]]:
    """The rows of a document, and the member that holds them.

    Raises:
        InputError: its rows are not as wide as its columns.
        TypeError: it holds none.
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
            found = f"has {len(row)} values" if isinstance(row, list) else "is no array"
            raise MalformedRequest(f"it {found}; columns has {len(names)}", field=f"data[{index}]")
    return [dict(zip(names, row, strict=True)) for row in data]


def _difference(
    method: str,
    expected: Answers,
    found: Answers,
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
