"""Decide whether requests of several callers may share one call: not if one caller's rows change another's answer.

Rows are asked one by one, together, in the other order, and beside other neighbours. Two rules, for two causes:

- In calls of the same number of rows, a row at the same place goes through the same arithmetic, to the last bit, whatever
  its neighbours hold. What differs there is a leak, so that no more than a last rounding may.
- A row alone, or at another place, may go through other kernels of linear algebra, which add in another order. Such an
  answer may differ as an engine's may from the model's own; a label may not.
"""

import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.row_batches import kind_of, stack, unstack
from modelway_server.contract.rows import Rows
from modelway_server.errors import InputError, PredictionFailed, describe
from modelway_server.runtimes.base import Runtime

MOST, FEWEST = 48, 4
"""Rows that are asked one by one: as many as there is time for, but not fewer."""
ROUNDING = {2: 1e-3, 4: 1e-6, 8: 1e-9}
"""By how much an answer may differ where only the neighbours do, by the bytes of its numbers."""

Answers = dict[str, NDArray[Any]]
Ask = Callable[[Rows], Answers]


def why_not_joined(runtime: Runtime, rows: Sequence[Rows], *, tolerance: float, seconds: float) -> str | None:
    """Why rows of several requests must not go to the model in one call, as a clause; None when they may.

    Args:
        runtime: that was warmed up.
        rows: one each, such as requests have them.
        tolerance: of numbers, relative, and to the largest of an answer or 1, whichever is less.
        seconds: that asking rows one by one may take, for each method.
    """
    for method in runtime.methods:
        ask = _asking(runtime, method)
        groups = [group for group in _alone(ask, rows, time.monotonic() + seconds) if len(group) > 1]
        if sum(map(len, groups)) < FEWEST:
            return f"{method} answers too few of the rows that it was tried with, or too slowly, to tell"
        for group in groups:
            why = _why(ask, group, tolerance)
            if why:
                return f"{method} {why}"
    return None


def _asking(runtime: Runtime, method: str) -> Ask:
    return lambda rows: runtime.call(method, rows.values, rows.count)


def _alone(ask: Ask, rows: Sequence[Rows], deadline: float) -> list[list[tuple[Rows, Answers]]]:
    """The answers to rows alone, those together that may go in one call; rows that the model refuses are left out."""
    groups: dict[Hashable, list[tuple[Rows, Answers]]] = {}
    for row in rows[:MOST]:
        kind = kind_of(row)
        if time.monotonic() > deadline:
            break
        try:
            answers = ask(row)
        except (InputError, PredictionFailed):
            continue
        if kind is not None:
            groups.setdefault(kind, []).append((row, answers))
    return list(groups.values())


def _why(ask: Ask, group: Sequence[tuple[Rows, Answers]], tolerance: float) -> str | None:
    """What of the answers to some rows depends on how they are asked, as a clause."""
    rows, alone = [row for row, _ in group], [answers for _, answers in group]
    try:
        together, again = _each(ask, rows), _each(ask, rows)
        turned = _each(ask, rows[::-1])[::-1]
        beside = _beside_others(ask, rows)
    except Exception as error:  # noqa: BLE001  (of rows that it answers alone)
        return f"refuses rows together that it answers alone ({describe(error)})"
    if not _alike(together, again, None):
        return "answers the same rows otherwise each time"
    if not _alike(together, beside, None):
        return "answers a row by the rows beside it"
    if not (_alike(alone, together, tolerance) and _alike(alone, turned, tolerance)):
        return "answers a row otherwise alone than among others"
    return None


def _beside_others(ask: Ask, rows: Sequence[Rows]) -> list[Answers]:
    """The answers to all rows at their places, with every second row of the call another one."""
    answers: list[Answers] = [{}] * len(rows)
    for kept in (0, 1):
        others = rows[kept::2]
        mixed = [row if index % 2 == kept else others[index % len(others)] for index, row in enumerate(rows)]
        for index, each in enumerate(_each(ask, mixed)):
            if index % 2 == kept:
                answers[index] = each
    return answers


def _each(ask: Ask, rows: Sequence[Rows]) -> list[Answers]:
    return unstack(ask(stack(rows)), [row.count for row in rows])


def _alike(ours: Sequence[Answers], theirs: Sequence[Answers], tolerance: float | None) -> bool:
    return all(
        one.keys() == other.keys() and all(_same(values, other[name], tolerance) for name, values in one.items())
        for one, other in zip(ours, theirs, strict=True)
    )


def _same(ours: NDArray[Any], theirs: NDArray[Any], tolerance: float | None) -> bool:
    """Whether two answers to a row are one: numbers within a tolerance, or a rounding where there is none."""
    if ours.dtype.kind != "f" or theirs.dtype.kind != "f":
        return bool(ours.tolist() == theirs.tolist())
    allowed = ROUNDING[ours.dtype.itemsize] if tolerance is None else tolerance
    largest = float(np.abs(ours[np.isfinite(ours)]).max(initial=0.0))
    return bool(np.allclose(theirs, ours, rtol=allowed, atol=allowed * min(largest, 1.0), equal_nan=True))
