"""Areas under curves of ranked scores, and how much each row moves them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelway_server.evaluation.scorers import Floats, Indices

Area = tuple[float, Floats, Floats, Floats]
"""The area; its slope at each row of weight 1; the lowest slopes of any row, negative and positive; the highest ones."""


@dataclass(frozen=True)
class Ranks:
    """Rows by the rank of their scores.

    Attributes:
        is_positive: whether each row is of the positive class.
        places: the rank of each row, equal scores on one place, the lowest first.
    """

    is_positive: NDArray[np.bool_]
    places: Indices

    @classmethod
    def of(cls, is_positive: NDArray[np.bool_], scores: Floats) -> "Ranks":
        """The ranks of scores."""
        return cls(is_positive, np.unique(scores, return_inverse=True)[1])

    def roc_auc(self, weights: Floats) -> Area:
        """The area under the ROC curve: how often a positive row has a higher score than a negative one."""
        negative, positive = self._masses(weights)
        below = np.cumsum(negative) - negative / 2
        above = positive.sum() - np.cumsum(positive) + positive / 2
        area = float((positive * below).sum() / (negative.sum() * positive.sum()))
        shares = np.array([negative.sum(), positive.sum()]) / weights.sum()
        won = np.where(self.is_positive, below[self.places] / negative.sum(), above[self.places] / positive.sum())
        slopes = (won - area) / shares[self.is_positive.astype(np.intp)]
        return area, slopes, (0 - area) / shares, (1 - area) / shares

    def average_precision(self, weights: Floats) -> Area:
        """The mean precision over the steps of recall."""
        negative, positive = (masses[::-1] / weights.sum() for masses in self._masses(weights))
        hits, all_above, share = np.cumsum(positive), np.cumsum(negative + positive), float(positive.sum())
        precision = np.divide(hits, all_above, out=np.zeros_like(hits), where=all_above > 0)
        area = float((positive * precision).sum() / share)
        steps = np.divide(positive, all_above**2, out=np.zeros_like(hits), where=all_above > 0)
        of_positive = (precision - area + _sums_from(steps * (all_above - hits))) / share
        of_negative = -_sums_from(steps * hits) / share
        slopes = np.where(self.is_positive, of_positive[::-1][self.places], of_negative[::-1][self.places])
        both = (of_negative, of_positive)
        lowest, highest = (np.array([pick(each) for each in both]) for pick in (np.min, np.max))
        return area, slopes, lowest, highest

    def _masses(self, weights: Floats) -> tuple[Floats, Floats]:
        """The mass of each place, of the negative class and of the positive one."""
        count = int(self.places.max()) + 1
        positive = np.asarray(np.bincount(self.places, weights * self.is_positive, count), dtype=np.float64)
        return np.asarray(np.bincount(self.places, weights * ~self.is_positive, count), dtype=np.float64), positive


def _sums_from(values: Floats) -> Floats:
    """The sum from each place to the end."""
    return np.cumsum(values[::-1])[::-1]
