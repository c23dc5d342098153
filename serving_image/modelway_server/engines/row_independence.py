"""Decide whether requests of several callers may share one call: not if one caller's rows change another's answer.

The model answers rows one by one, together, in reverse order, and among other rows. Two rules judge the answers:

- Calls with the same number of rows do the same arithmetic for a row at the same place, to the last bit. If its answer
  changes with its neighbours, something leaks; only a last rounding is allowed.
- A row alone, or at another place, may go through other kernels of linear algebra, which add in another order. Its
  numbers may differ as much as an engine's may from the model's own. Its label must stay.
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
"""The most and the fewest rows that the model answers one by one, as time allows."""
ROUNDING = {2: 1e-3, 4: 1e-6, 8: 1e-9}
"""The relative difference that is allowed where only the neighbours change, by the bytes of a number."""

Answers = dict[str, NDArray[Any]]
Ask = Callable[[Rows], Answers]


def why_not_joined(runtime: Runtime, rows: Sequence[Rows], *, tolerance: float, seconds: float) -> str | None:
    """Say why rows of several requests must not go to the model in one call, as a clause; None if they may.

    Args:
        runtime: warmed up.
        rows: batches of one row, as requests send them.
        tolerance: the relative difference that numbers may have, also relative to the largest of an answer or 1,
            whichever is less.
        seconds: the time limit for rows one by one, for each method.
    """
    for method in runtime.methods:
        ask = _asker_of(runtime, method)
        groups = [group for group in _ask_alone(ask, rows, time.monotonic() + seconds) if len(group) > 1]
        if sum(map(len, groups)) < FEWEST:
            return f"{method} answers too few of the rows that it was tried with, or too slowly, to tell"
        for group in groups:
            why = _why(ask, group, tolerance)
            if why:
                return f"{method} {why}"
    return None


def _asker_of(runtime: Runtime, method: str) -> Ask:
    return lambda rows: runtime.call(method, rows.values, rows.count)


def _ask_alone(ask: Ask, rows: Sequence[Rows], deadline: float) -> list[list[tuple[Rows, Answers]]]:
    """Ask for each row alone, and group the rows that may go in one call. Leave out rows that the model refuses."""
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
    """Say how the answers to some rows depend on the call, as a clause; None if they do not."""
    rows, alone = [row for row, _ in group], [answers for _, answers in group]
    try:
        together, again = _ask_together(ask, rows), _ask_together(ask, rows)
        reversed_ = _ask_together(ask, rows[::-1])[::-1]
        among_others = _ask_among_others(ask, rows)
    except Exception as error:  # noqa: BLE001  (of rows that it answers alone)
        return f"refuses rows together that it answers alone ({describe(error)})"
    if not _are_alike(together, again, None):
        return "answers the same rows otherwise each time"
    if not _are_alike(together, among_others, None):
        return "answers a row by the rows beside it"
    if not (_are_alike(alone, together, tolerance) and _are_alike(alone, reversed_, tolerance)):
        return "answers a row otherwise alone than among others"
    return None


def _ask_among_others(ask: Ask, rows: Sequence[Rows]) -> list[Answers]:
    """Ask for each row at its own place, with other rows at every second place."""
    answers: list[Answers] = [{}] * len(rows)
    for parity in (0, 1):
        others = rows[parity::2]
        mixed = [row if index % 2 == parity else others[index % len(others)] for index, row in enumerate(rows)]
        for index, each in enumerate(_ask_together(ask, mixed)):
            if index % 2 == parity:
                answers[index] = each
    return answers


def _ask_together(ask: Ask, rows: Sequence[Rows]) -> list[Answers]:
    return unstack(ask(stack(rows)), [row.count for row in rows])


def _are_alike(ours: Sequence[Answers], theirs: Sequence[Answers], tolerance: float | None) -> bool:
    return all(
        one.keys() == other.keys() and all(_is_same(values, other[name], tolerance) for name, values in one.items())
        for one, other in zip(ours, theirs, strict=True)
    )


def _is_same(ours: NDArray[Any], theirs: NDArray[Any], tolerance: float | None) -> bool:
    """Whether two answers to a row are the same, within the tolerance or, without one, within a rounding."""
    if ours.dtype.kind != "f" or theirs.dtype.kind != "f":
        return bool(ours.tolist() == theirs.tolist())
    allowed = ROUNDING[ours.dtype.itemsize] if tolerance is None else tolerance
    largest = float(np.abs(ours[np.isfinite(ours)]).max(initial=0.0))
    return bool(np.allclose(theirs, ours, rtol=allowed, atol=allowed * min(largest, 1.0), equal_nan=True))
