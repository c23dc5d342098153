"""The cost of one call of the model by its number of rows, measured after the warm-up in the process that serves.

One part of the cost is the same for any number of rows, the other grows with it. Both decide how many requests are worth
a common call, and whether a call is so short that the event loop can make it itself.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

import numpy as np

from modelway_server.contract.row_batches import stack
from modelway_server.contract.rows import Rows
from modelway_server.dataplane.query import Arrays
from modelway_server.runtimes.base import Runtime

MANY_ROWS = 32
"""The second of the two sizes at which calls are measured."""
REPEATS = 15
BUDGET_SECONDS = 0.3
"""The measurement of one size ends after the call that exceeds this."""
SLOW_SECONDS = 0.5
"""A call that takes longer is not measured further: the server shall start soon."""
WORTHWHILE = 10.0
"""Rows stop being added to a call when they cost so many times what calling costs: little is left to be saved."""
INLINE_SECONDS = 0.0005
"""The event loop does not make a call that is expected to take longer."""
STEADY_ENGINES = frozenset({"onnx", "trees", "linear", "xgboost", "lightgbm"})
"""Engines that run no code of a model's author: the number of rows alone decides how long they take."""


@dataclass(frozen=True, slots=True)
class CallCost:
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

    def inline_rule(self, engine: str) -> Callable[[int], bool]:
        """Whether the event loop may make a call of so many rows itself, as a function of them.

        Args:
            engine: that evaluates the model.
        """
        if engine in STEADY_ENGINES:
            return lambda rows: self.of(rows) < INLINE_SECONDS
        return lambda _: False


def warm_up(runtime: Runtime) -> CallCost | Exception:
    """Let the model predict for the first time, and measure its calls; the exception where it cannot."""
    try:
        runtime.warm_up()
        example = runtime.example()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # made-up rows are odd on purpose
            return measure(partial(_call, runtime, runtime.methods[0]), example)
    except Exception as error:  # noqa: BLE001  (it ends the process, with its reason, in another thread)
        return error


def measure(call: Callable[[Rows], object], row: Rows) -> CallCost:
    """The cost of a call: medians of calls with one row and with many; half of it for the row where it is slow.

    Args:
        call: the model's default method.
        row: one that the model answers.
    """
    first = _time(call, row)
    if first > SLOW_SECONDS:
        return CallCost(first / 2, first / 2)
    one, many = (_seconds(call, stack([row] * count)) for count in (1, MANY_ROWS))
    per_row = max(many - one, 0.0) / (MANY_ROWS - 1)
    return CallCost(max(one - per_row, 0.0), per_row)


def _call(runtime: Runtime, method: str, rows: Rows) -> Arrays:
    return runtime.call(method, rows.values, rows.count)


def _seconds(call: Callable[[Rows], object], rows: Rows) -> float:
    call(rows)  # the first call of a size may allocate, and is not like the others
    taken: list[float] = []
    while len(taken) < REPEATS and sum(taken) < BUDGET_SECONDS:
        taken.append(_time(call, rows))
    return median(taken)


def _time(call: Callable[[Rows], object], rows: Rows) -> float:
    begun = time.perf_counter()
    call(rows)
    return time.perf_counter() - begun
