"""A metric, or the difference of two models' metrics on the same rows, with bounds of any level."""

from dataclasses import dataclass, replace

import numpy as np

from modelway_server.evaluation.influence import Influence, Part
from modelway_server.evaluation.scorers import Floats
from modelway_server.evaluation.tilting import lower_tilt

MIN_UNITS = 10
"""Of fewer rows nothing is said."""
MIN_WHOLE_SAMPLE = 100
"""Of fewer rows the largest error says too little: of 100, 93 % of all rows keep to it, with a confidence of 0.999."""
MIN_CARRIERS = 20
"""Of a ranking, as many rows must carry the variance that the worst of them tells what others may do."""
_FLAT = 1e-9
"""Influences below this share of the value are rounding."""
_WHOLE_SAMPLE = frozenset({"neg_max_error"})
"""Metrics of the rows at hand: what the largest error of all rows may be, no sample tells."""

_SHARES = (
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "f1",
    "jaccard",
    "precision",
    "recall",
    "roc_auc",
    "top_k",
)
"""What the names of metrics between 0 and 1 begin with."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """A value and how far it may be from the truth.

    Attributes:
        value: of the metric, or of the difference.
        of_units: how much each unit of rows moves it.
        candidate, stable: the influences that it is made of.
        rows: that the units hold.
        exact: whether it speaks of the rows at hand alone.
        is_share: whether the metric is between 0 and 1.
    """

    value: float
    of_units: Floats
    candidate: Influence
    stable: Influence | None
    rows: int
    exact: bool
    is_share: bool

    @property
    def is_known(self) -> bool:
        """Whether there are bounds: the metric is defined, here and near these rows, and the rows are not too few."""
        if not np.isfinite(self.value):
            return False
        if self.exact:
            return self.rows >= MIN_WHOLE_SAMPLE
        return len(self.of_units) >= MIN_UNITS and bool(np.isfinite(self.of_units).all()) and not self._is_blind

    @property
    def _is_blind(self) -> bool:
        """Whether all rows say the same, and nothing tells how far off another row may be."""
        return self._is_flat and self.candidate.lowest is None and self._scale_of_both <= 0

    @property
    def _is_flat(self) -> bool:
        sizes = [abs(each.value) for each in (self.candidate, self.stable) if each is not None]
        return float(np.abs(self.of_units).max()) <= _FLAT * max(sizes)

    @property
    def _scale_of_both(self) -> float:
        """How far two models that agree here may be apart in a row: by the worst row of one and the best of the other."""
        if self.stable is None:
            return 0.0
        largest = [float(np.abs(each.of_units).max()) for each in (self.candidate, self.stable)]
        return sum(
            size
            for size, each in zip(largest, (self.candidate, self.stable), strict=True)
            if size > _FLAT * abs(each.value)
        )

    @property
    def variance(self) -> float:
        """The variance of one row's influence."""
        units = len(self.of_units)
        return float((self.of_units**2).sum() / units * self.rows / units)

    def lower(self, level: float) -> float:
        """The lower bound, which is above the truth with the probability `level`."""
        return self._bound(level, 1.0)

    def upper(self, level: float) -> float:
        """The upper bound, which is below the truth with the probability `level`."""
        return self._bound(level, -1.0)

    def _bound(self, level: float, sign: float) -> float:
        if self.exact:
            return self.value
        bound = self._unlimited(level, sign)
        lowest = -1.0 if self.stable is not None else 0.0
        return min(max(bound, lowest), 1.0) if self.is_share else bound

    def _unlimited(self, level: float, sign: float) -> float:
        worst = self.extreme(sign)
        tilt = lower_tilt(sign * self.of_units, sign * worst, level)
        reweighted = self._at(tilt.multipliers)
        if np.isfinite(reweighted):
            return reweighted + tilt.share * worst
        return self.value + sign * tilt.shift

    def extreme(self, sign: float) -> float:
        """The influence of the worst row to be expected, or of the best for an upper bound."""
        is_blank = self._is_flat and self.candidate.lowest is None
        observed = -sign * (self._scale_of_both if is_blank else float(np.abs(self.of_units).max()))
        low, high = self.candidate.lowest, self.candidate.highest
        if low is None or high is None or (not self.candidate.of_labels and self._is_seen_enough):
            return observed
        if self.stable is not None:
            if self.stable.lowest is None or self.stable.highest is None:
                return observed
            low, high = low - self.stable.highest, high - self.stable.lowest
        extreme = sign * float((sign * (low if sign > 0 else high)).min())
        return extreme if np.isfinite(extreme) else observed

    @property
    def _is_seen_enough(self) -> bool:
        """Whether enough units carry the variance, or two models gave the same scores to all rows."""
        squares = self.of_units**2
        total = float((squares**2).sum())
        if total == 0:
            return self.stable is not None
        return float(squares.sum()) ** 2 / total >= MIN_CARRIERS

    def _at(self, multiples: Floats) -> float:
        if self.candidate.at is None or (self.stable is not None and self.stable.at is None):
            return float("nan")
        before = self.stable.at(multiples) if self.stable is not None and self.stable.at is not None else 0.0
        return self.candidate.at(multiples) - before


def estimate(name: str, candidate: Influence, stable: Influence | None, part: Part) -> Estimate:
    """The estimate of a metric, or of the difference if there is a stable revision.

    Args:
        name: of the metric.
        candidate: the influences on its score.
        stable: those on the score of the stable revision for the same rows.
        part: these rows.
    """
    if stable is not None and len(candidate.of_units) != len(stable.of_units):
        candidate, stable = _grouped(candidate, part), _grouped(stable, part)
    value, of_units = candidate.value, candidate.of_units
    if stable is not None:
        value, of_units = value - stable.value, of_units - stable.of_units
    return Estimate(value, of_units, candidate, stable, len(part.rows), name in _WHOLE_SAMPLE, name.startswith(_SHARES))


def _grouped(influence: Influence, part: Part) -> Influence:
    """The influences of the part's groups."""
    groups = int(part.groups.max()) + 1
    if len(influence.of_units) == groups:
        return influence
    of_groups = np.asarray(np.bincount(part.groups, influence.of_units, groups) * (groups / len(part.rows)))
    return replace(influence, of_units=of_groups, lowest=None, highest=None, at=None)
