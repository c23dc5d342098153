"""Recorded counts by time, as a CSV file."""

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Final

from modelway.cli.simulation.traffic import Recorded, Shares
from modelway.errors import WrongUsage

STABLE: Final = ("stable_requests", "stable_failed", "stable_slow")
CANDIDATE: Final = ("candidate_requests", "candidate_failed", "candidate_slow", "candidate_disagreeing")
COLUMNS: Final = ("time", *STABLE, *CANDIDATE)


def read(path: Path, fault: Shares) -> tuple[Recorded, bool]:
    """The traffic of a file, and whether it has counts of a candidate.

    Args:
        path: a CSV file with `COLUMNS` in its first line, of which `time` and `stable_requests` must be there. A row holds what was counted
            from its time to that of the next row.
        fault: what is wrong with the candidate where the file has none.

    Raises:
        WrongUsage: it cannot be read; the text names the line, the value and what to write.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise WrongUsage(f"--counts {path}: cannot be read as CSV: {error}") from error
    rows = [(number, row) for number, row in enumerate(lines, 1) if any(cell.strip() for cell in row)]
    if not rows:
        raise WrongUsage(f"--counts {path}: is empty. Write the columns into the first line: {','.join(COLUMNS)}")
    names = _names(path, rows[0][1])
    if len(rows) < 3:
        raise WrongUsage(f"--counts {path}: needs two rows or more below the names, since a row lasts until the next")
    return _traffic(path, names, rows[1:], fault), "candidate_requests" in names


def _names(path: Path, cells: Iterable[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    strange = [name for name in names if name not in COLUMNS or names.count(name) > 1]
    missing = [name for name in ("time", "stable_requests") if name not in names]
    if "candidate_requests" not in names and any(name in CANDIDATE for name in names):
        missing.append("candidate_requests")
    if strange or missing:
        wrong = f"has a strange column {strange[0]!r}" if strange else f"lacks the column {missing[0]}"
        raise WrongUsage(f"--counts {path}:1: {wrong}. The columns are {', '.join(COLUMNS)}, each at most once")
    return names


def _traffic(path: Path, names: Sequence[str], rows: Sequence[tuple[int, list[str]]], fault: Shares) -> Recorded:
    times: list[float] = []
    columns: dict[str, list[float]] = {name: [] for name in names if name != "time"}
    for number, row in rows:
        where = f"--counts {path}:{number}"
        if len(row) != len(names):
            raise WrongUsage(f"{where}: has {len(row)} values, and the first line names {len(names)} columns")
        cells = dict(zip(names, (cell.strip() for cell in row), strict=True))
        times.append(_time(where, cells.pop("time")))
        if len(times) > 1 and times[-1] <= times[-2]:
            raise WrongUsage(
                f"{where}: time {row[names.index('time')]} is not after that of the row before. Sort the rows by time"
            )
        for name, text in cells.items():
            columns[name].append(_count(where, name, text))
        _check(where, {name: values[-1] for name, values in columns.items()})
    nothing = [0.0] * len(times)
    of = {name: columns.get(name, nothing) for name in (*STABLE, *CANDIDATE)}
    columns["requests"] = [
        stable - failed + candidate
        for stable, failed, candidate in zip(
            of["stable_requests"], of["stable_failed"], of["candidate_requests"], strict=True
        )
    ]
    if not sum(columns["requests"]):
        raise WrongUsage(f"--counts {path}: counts no request at all, so no verdict could ever come")
    return Recorded([*times, 2 * times[-1] - times[-2]], columns, fault)


def _time(where: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        try:
            time = datetime.fromisoformat(text)
        except ValueError as error:
            raise WrongUsage(
                f"{where}: time {text!r} is neither a number of seconds nor a time such as 2026-11-30T12:00:00Z"
            ) from error
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    if not isfinite(number):
        raise WrongUsage(f"{where}: time {text!r} is no number of seconds")
    return number


def _count(where: str, name: str, text: str) -> float:
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise WrongUsage(f"{where}: {name} {text!r} is no count. Write a whole number, 0 or more")
    return float(text)


def _check(where: str, row: dict[str, float]) -> None:
    for name, value in row.items():
        requests = f"{name.partition('_')[0]}_requests"
        if value > row[requests]:
            raise WrongUsage(f"{where}: {name} {value:.0f} is more than {requests} {row[requests]:.0f}")
