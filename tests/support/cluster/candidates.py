"""Candidates of rollouts that are as good as the stable model, or worse in a known way. A server process can import this module.

The stable model doubles the first number of each row. Requests are whole numbers from 0 on, so that a candidate can be bad for a share of them.
"""

import itertools
import os
import sys
import threading
import time
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

CRASH_CODE = 70
"""Which no reason of a server has, so that the end is told as that of the model's own."""
LEAK_BYTES = 224 << 20
SLOW_SECONDS = 0.05


def _serves() -> bool:
    """Whether this process serves, rather than trying the model beforehand."""
    return "serve" in sys.argv


class Doubling(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The stable model."""

    n_features_in_ = 1

    def predict(self, rows: Any) -> Any:
        return 2 * rows[:, 0]


class Wrong(Doubling):
    """Answers something else."""

    def predict(self, rows: Any) -> Any:
        return 3 * rows[:, 0] + 1


class WrongSegment(Doubling):
    """Answers something else for three of a hundred requests."""

    def predict(self, rows: Any) -> Any:
        numbers = rows[:, 0]
        return np.where(numbers % 100 < 3, -2 * numbers - 1000, 2 * numbers)


class Breaking(Doubling):
    """Tries to end its process at every tenth request, which its server makes a status of 500."""

    def predict(self, rows: Any) -> Any:
        if (rows[:, 0] % 10 == 5).any():
            raise SystemExit("a number ends with five")
        return super().predict(rows)


class Refusing(Doubling):
    """Raises at every tenth request, which its server makes a status of 400, since it answers others."""

    def predict(self, rows: Any) -> Any:
        if (rows[:, 0] % 10 == 5).any():
            raise RuntimeError("a number ends with five")
        return super().predict(rows)


class Slow(Doubling):
    """Takes its time for every fourth request."""

    def predict(self, rows: Any) -> Any:
        if (rows[:, 0] % 4 == 1).any():
            time.sleep(SLOW_SECONDS)
        return super().predict(rows)


class Crashing(Doubling):
    """Ends its server's process at the first prediction, so that no pod is ever ready."""

    def predict(self, rows: Any) -> Any:
        if _serves():
            os._exit(CRASH_CODE)
        return super().predict(rows)


class Dying(Doubling):
    """Ends its server's process at every twentieth request."""

    def predict(self, rows: Any) -> Any:
        if _serves() and (rows[:, 0] % 20 == 7).any():
            os._exit(CRASH_CODE)
        return super().predict(rows)


class Leaking(Doubling):
    """Keeps memory after every twentieth request, until the kernel ends it; no answer waits for that, so that few are slow."""

    hoard: list[Any] = []  # noqa: RUF012 - the leak itself

    def predict(self, rows: Any) -> Any:
        if _serves() and (rows[:, 0] % 20 == 7).any():
            threading.Thread(target=self._keep, daemon=True).start()
        return super().predict(rows)

    def _keep(self) -> None:
        self.hoard.append(np.ones(LEAK_BYTES // 8))


NUMBERS = range(1000)
"""What requests hold."""


def requests() -> "itertools.cycle[int]":
    """All numbers over and over, in an order in which no kind of them follows another by rule."""
    order = np.random.default_rng(7).permutation(len(NUMBERS))
    return itertools.cycle(int(one) for one in order)
