"""Labelled rows with the answers of two models that differ in a known share of the rows."""

from dataclasses import dataclass

import numpy as np

from modelway_server.evaluation.answers import Answers
from modelway_server.evaluation.dataset import Dataset
from modelway_server.evaluation.gate import judge
from modelway_server.evaluation.report import Report
from modelway_server.evaluation.wish import Wish

RIGHT = 0.9
"""How often both are right where they agree."""


@dataclass(frozen=True)
class Pair:
    """Two models.

    Attributes:
        better: the share of rows that the candidate alone gets right.
        worse: the share of rows that the stable model alone gets right.
    """

    better: float
    worse: float

    def judge(self, rows: int, tolerance: float, seed: int) -> Report:
        """Draw a dataset, and judge the candidate on it."""
        draw = np.random.default_rng([rows, seed])
        kind, target = draw.random(rows), draw.integers(0, 2, rows)
        agreed = draw.random(rows) < RIGHT
        only_candidate, only_stable = kind < self.better, kind >= 1 - self.worse
        document = {"target": "y", "metrics": [{"name": "accuracy", "notWorseThanStableBy": tolerance}]}
        dataset = Dataset(columns={}, textual=False, target=target.tolist(), weights=None, slices={})
        candidate, stable = (
            Answers(outputs={"predict": (np.where(right, target, 1 - target),)}, classes=(0, 1), count=rows)
            for right in ((agreed | only_candidate) & ~only_stable, (agreed | only_stable) & ~only_candidate)
        )
        return judge(Wish.from_document(document), dataset, candidate, stable, str(seed))


EQUAL = Pair(better=0.02, worse=0.02)
"""An equally good model that was trained again: 4 % of the answers differ."""
TWO_POINTS_WORSE = Pair(better=0.01, worse=0.03)
"""A model that is wrong in two points more of the rows; 4 % of the answers differ."""
