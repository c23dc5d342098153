"""How much each row moves a score: what a bound of any scorer is made of.

A score is a function of the rows' weights. Its slope at each row is the row's influence, and to first order a score is
the mean of its influences.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.evaluation.scorers import Floats, Indices

GROUPS = 128
"""Groups of rows that are left out in turn, for scorers whose slopes are not known."""
MAX_KINDS = 12
"""Kinds of targets, and of answers, that are tried as the worst row; of more, the most frequent."""
MAX_LABELS = 400
"""With more values than these, targets are numbers and not labels."""
_SAME = 1e-9


@dataclass(frozen=True, kw_only=True)
class Influence:
    """A score, and how much each unit of rows moves it.

    Attributes:
        value: the score, as scikit-learn gives it.
        of_units: the influence of each unit, a row or a group of rows; the mean of all is 0.
        lowest: for each kind of target, the influence of the worst row; None where the rows at hand must tell.
        highest: the same for the best row.
        of_labels: whether rows of the worst kind are always to be expected, as where answers are labels. The worst
            row that one may think of for a ranking is worse by far than any that occurs.
        at: the score where each unit counts a multiple; None where it can only be extrapolated.
    """

    value: float
    of_units: Floats
    lowest: Floats | None = None
    highest: Floats | None = None
    of_labels: bool = True
    at: Callable[[Floats], float] | None = None


@dataclass(frozen=True, kw_only=True)
class Part:
    """Rows that are judged together.

    Attributes:
        rows: their numbers.
        weights: of these rows; ones where all count alike.
        weighted: whether they do not.
        groups: of each row the number of its group.
        kinds: one row of each kind of target, the most frequent first.
    """

    rows: Indices
    weights: Floats
    weighted: bool
    groups: Indices
    kinds: Indices

    @property
    def sample_weights(self) -> Floats | None:
        """The weights as scikit-learn takes them."""
        return self.weights if self.weighted else None

    @property
    def relative(self) -> Floats:
        """The weights, 1 on the average."""
        return np.asarray(self.weights / (self.weights.sum() / len(self.weights)))

    @property
    def heavy(self) -> float:
        """The relative weight of a row that is added: the root of the mean square."""
        return float(np.sqrt((self.relative**2).sum() / len(self.weights)))


def part_of(rows: Indices, weights: Floats | None, target: NDArray[Any], draw: np.random.Generator) -> Part:
    """A part of the dataset, with groups drawn at random.

    Args:
        rows: their numbers, at least one.
        weights: of all rows of the dataset, positive for these; None where all count alike.
        target: of all rows of the dataset.
        draw: the source of chance.
    """
    _, first, counts = np.unique(target[rows], return_index=True, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:MAX_KINDS] if len(first) <= MAX_LABELS else np.array([0, -1])
    return Part(
        rows=rows,
        weights=np.ones(len(rows)) if weights is None else weights[rows],
        weighted=weights is not None,
        groups=draw.permutation(len(rows)) % min(GROUPS, len(rows)),
        kinds=rows[first[most]],
    )


def unknown_influence(part: Part) -> Influence:
    """The influence on a score that is not defined."""
    return Influence(value=float("nan"), of_units=np.full(len(part.rows), np.nan))


def mean_of(values: Floats, weights: Floats) -> float:
    """The weighted mean."""
    return float((values * weights).sum() / weights.sum())


def is_same(one: float, other: float) -> bool:
    """Whether two ways to compute a score gave the same, up to rounding."""
    return bool(abs(one - other) <= _SAME * max(abs(one), abs(other), 1.0))
