"""A transformer of our own."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

Numbers = npt.NDArray[np.float64]


class Clip(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Holds every column to the range between two quantiles of the training data.

    Args:
        share: the share of rows that lie outside of the range, half of them on each side.
    """

    def __init__(self, share: float = 0.02) -> None:
        self.share = share

    def fit(self, rows: Any, y: object = None) -> Self:  # noqa: ARG002  (scikit-learn's own signature)
        """Learn the range of each column."""
        values = validate_data(self, rows, dtype=np.float64)
        self.low_, self.high_ = np.quantile(values, [self.share / 2, 1 - self.share / 2], axis=0)
        return self

    def transform(self, rows: Any) -> Numbers:
        """The rows, with what lies outside of the range moved to its border."""
        check_is_fitted(self)
        clipped: Numbers = np.clip(validate_data(self, rows, dtype=np.float64, reset=False), self.low_, self.high_)
        return clipped
