"""What one call of the model costs, by its number of rows: measured after the warm-up, in the process that serves.

A call has a part that is the same for any number of rows and one that grows with it. Both decide how many requests are
worth a common call, and whether a call is so short that the event loop can make it itself.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from modelway_server.contract.row_batches import stack
from modelway_server.contract.rows import Rows

MANY_ROWS = 32
"""The second of the two sizes at which calls are measured."""
REPEATS = 15
BUDGET_SECONDS = 0.3
"""The measurement of one size ends after the call that exceeds this."""
SLOW_SECONDS = 0.5
"""A call that takes longer is not measured further: the server shall start soon."""
WORTHWHILE = 10.0
"""Rows stop being added to a call when they cost so many times what calling costs: little is left to be saved."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of one call.

    Attributes:
        fixed: for any number of rows.
        per_row: for each of them.
    """

    fixed: float
    per_row: float

    def of(self, rows: int) -> float:
        """Seconds of a call of so many rows, about."""
        return self.fixed + self.per_row * rows

    def worthwhile_rows(self, limit: int) -> int:
        """How many rows a common call should have at most: from there on waiting for it costs more than it saves.

        Args:
            limit: on the result; the result is not below MANY_ROWS unless the limit is.
        """
        if self.per_row <= 0.0:
            return limit
        return min(max(int(WORTHWHILE * self.fixed / self.per_row), MANY_ROWS), limit)


def measure(call: Callable[[Rows], object], row: Rows) -> Cost:
    """What a call costs: medians of calls with one row and with many; half of it for the row where it is slow.

    Args:
        call: the model's default method.
        row: one that the model answers.
    """
    first = _timed(call, row)
    if first > SLOW_SECONDS:
        return Cost(first / 2, first / 2)
    one, many = (_seconds(call, stack([row] * count)) for count in (1, MANY_ROWS))
    per_row = max(many - one, 0.0) / (MANY_ROWS - 1)
    return Cost(max(one - per_row, 0.0), per_row)


def _seconds(call: Callable[[Rows], object], rows: Rows) -> float:
    call(rows)  # the first call of a size may allocate, and is not like the others
    taken: list[float] = []
    while len(taken) < REPEATS and sum(taken) < BUDGET_SECONDS:
        taken.append(_timed(call, rows))
    return median(taken)


def _timed(call: Callable[[Rows], object], rows: Rows) -> float:
    begun = time.perf_counter()
    call(rows)
    return time.perf_counter() - begun
