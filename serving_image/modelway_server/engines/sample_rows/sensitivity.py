"""Find rows that tell one model from another. Answers that hardly vary prove nothing; labels prove most where they change."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.rows import rows_of_instances
from modelway_server.engines.parity import size_of
from modelway_server.engines.plan.plan import NotCovered
from modelway_server.engines.sample_rows.random import MAX_CELLS, Row
from modelway_server.runtimes.base import Runtime

DRAWS = 4
"""Further draws at most, if the answers to the first rows hardly vary."""
KEPT = 60
"""Rows that are kept of each further draw."""
MINORITY = 0.02
"""Share of the rows that must have another answer than the commonest."""
PAIRS, BETWEEN, ROUNDS = 8, 16, 6
"""The search for boundaries: pairs of rows with different labels, rows tried between two at once, and rounds. The last
distance of a pair is three times 16^-6 (2e-7) of the first."""
FINEST = 1e-10
"""The least distance of a pair, as a share of its largest number. If rows are nearer, rounding may choose the label."""
Answers = Mapping[str, NDArray[Any]]


def sensitive_rows(
    native: Runtime, rows: Sequence[Row], more: Callable[[int], list[Row]], tolerance: float
) -> list[Row]:
    """Replace some rows by rows whose answers vary more, and by rows on both sides of a label's boundary.

    Args:
        native: the model itself.
        rows: rows that it takes.
        more: draws other rows, by a number.
        tolerance: numbers that differ by less hardly vary.

    Raises:
        NotCovered: the answers to all tried rows hardly vary.
        InputError: the model refuses some rows.
    """
    samples = list(rows)
    for number in range(1, DRAWS + 1):
        answers = _answers(native, samples)
        objection = _objection_to(answers, tolerance)
        if objection is None:
            return [*samples, *_boundaries(native, samples, answers)][-len(rows) :]
        samples += _unlike(native, more(number), answers)
    objection = _objection_to(_answers(native, samples), tolerance)
    if objection is not None:
        raise NotCovered(objection)
    return samples[-len(rows) :]


def _answers(native: Runtime, rows: Sequence[Row]) -> dict[str, NDArray[Any]]:
    checked = rows_of_instances(native.signature, list(rows), "rows")
    return {
        f"{method}: {name}" if name != method else method: array
        for method in native.methods
        for name, array in native.call(method, checked.values, checked.count).items()
    }


def _objection_to(answers: Answers, tolerance: float) -> str | None:
    """Say which answers hardly vary, as a clause; None if all vary that must."""
    numbers = {name: array for name, array in answers.items() if array.dtype.kind == "f"}
    for name, array in (numbers or answers).items():
        share = _minority(array, tolerance)
        if share < MINORITY:
            return f"{name} hardly varies on the rows that were tried, which therefore prove nothing"
    return None


def _minority(answer: NDArray[Any], tolerance: float) -> float:
    """Return the share of the rows whose answer is not the commonest one."""
    matrix = answer.reshape(len(answer), -1)
    if answer.dtype.kind == "f":
        middle = np.nanmedian(np.where(np.isinf(matrix), np.nan, matrix), axis=0)
        other = ~np.isclose(matrix, middle, rtol=tolerance, atol=tolerance * size_of(answer), equal_nan=True)
        return float(other.any(axis=1).mean())
    _, counts = np.unique(matrix.astype(str), axis=0, return_counts=True)
    return 1.0 - float(counts.max()) / len(matrix)


def _unlike(native: Runtime, rows: list[Row], answers: Answers) -> list[Row]:
    """Return the rows of another draw whose answers are furthest from the known ones."""
    distances = np.zeros(len(rows))
    for name, array in _answers(native, rows).items():
        known, matrix = (each.reshape(len(each), -1) for each in (answers[name], array))
        if array.dtype.kind == "f":
            distances += np.nan_to_num(np.abs(matrix - np.nanmedian(known, axis=0)).max(axis=1), posinf=0.0)
        else:
            distances += ~np.isin(matrix.astype(str), known.astype(str)).all(axis=1)
    return [rows[index] for index in np.argsort(-distances, kind="stable")[:KEPT]]


def _boundaries(native: Runtime, rows: list[Row], answers: Answers) -> list[Row]:
    """Find rows on both sides of where a label changes, between some pairs of rows with different labels."""
    for name, array in answers.items():
        if array.dtype.kind != "f" and array.ndim == 1 and name == "predict":
            pairs = _pairs(rows, array)
            for _ in range(ROUNDS if pairs else 0):
                pairs = _narrow(native, pairs)
            return [row for pair in pairs for row in _step_apart(*pair)]
    return []


def _step_apart(one: Row, other: Row) -> tuple[Row, Row]:
    """Move two rows away from each other, as far as they are apart. Either may lie on the boundary, where rounding chooses the label."""
    return _mix(one, other, -1.0), _mix(one, other, 2.0)


def _pairs(rows: list[Row], labels: NDArray[Any]) -> list[tuple[Row, Row]]:
    """Return pairs of successive rows whose labels differ, and whose values differ in numbers alone."""
    pairs = []
    for index in range(len(rows) - 1):
        pair = rows[index], rows[index + 1]
        if labels[index] != labels[index + 1] and all(map(_may_mix, *pair)) and _are_apart(*pair):
            pairs.append(pair)
    most = max(1, min(PAIRS, MAX_CELLS // (BETWEEN * max(len(rows[0]), 1))))
    return pairs[:: max(len(pairs) // most, 1)][:most]


def _may_mix(one: Any, other: Any) -> bool:
    return one == other or (isinstance(one, float) and isinstance(other, float))


def _are_apart(one: Row, other: Row) -> bool:
    """Whether rows between two rows are more than rounding apart."""
    numbers = [(a, b) for a, b in zip(one, other, strict=True) if isinstance(a, float) and isinstance(b, float)]
    distance = max((abs(a - b) for a, b in numbers), default=0.0)
    return distance > BETWEEN * FINEST * max(max(abs(a), abs(b)) for a, b in numbers) if numbers else False


def _narrow(native: Runtime, pairs: list[tuple[Row, Row]]) -> list[tuple[Row, Row]]:
    """Replace each pair by two neighbours among the rows between them, with different labels."""
    ladders = [[_mix(*pair, share) for share in np.linspace(0.0, 1.0, BETWEEN + 1)] for pair in pairs]
    checked = rows_of_instances(native.signature, [row for ladder in ladders for row in ladder], "rows")
    labels = native.call("predict", checked.values, checked.count)["predict"].reshape(len(pairs), -1)
    closer = []
    for ladder, known, pair in zip(ladders, labels, pairs, strict=True):
        changes = np.flatnonzero(known[1:] != known[:-1])
        is_apart = len(changes) and _are_apart(*pair)
        closer.append((ladder[changes[0]], ladder[changes[0] + 1]) if is_apart else pair)
    return closer


def _mix(one: Row, other: Row, share: float) -> Row:
    return [a if a == b else a + share * (b - a) for a, b in zip(one, other, strict=True)]
