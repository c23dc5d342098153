"""Models that use the processor, or tell how they would: for tests of scaling. A server process can import this module."""

import time
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from threadpoolctl import threadpool_info


class Burner(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Keeps the processor busy for as many milliseconds as the first number of a request's first row says, at most 100."""

    n_features_in_ = 1

    def predict(self, rows: Any) -> Any:
        end = time.thread_time() + min(float(rows[0, 0]), 100) / 1000
        while time.thread_time() < end:
            pass
        return np.zeros(len(rows))


class ThreadCount(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # as above
    """For each row the most threads that a pool would use: the OpenMP pools where the row is 0, those of BLAS where it is 1."""

    n_features_in_ = 1

    def predict(self, rows: Any) -> Any:
        pools = threadpool_info()
        counts = [max(p["num_threads"] for p in pools if p["user_api"] == kind) for kind in ("openmp", "blas")]
        return np.array([float(counts[int(row[0])]) for row in rows])


class Fragile(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # as above
    """Doubles the first number of each row, but for 5, at which it fails."""

    n_features_in_ = 1

    def predict(self, rows: Any) -> Any:
        if (rows[:, 0] == 5).any():
            raise RuntimeError("five is too much")
        return 2 * rows[:, 0]
