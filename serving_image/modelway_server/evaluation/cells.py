"""Scores of labels that scikit-learn alone knows: each kind of row is left out once, or added once."""

from dataclasses import dataclass

import numpy as np

from modelway_server.evaluation.influence import Influence, Part
from modelway_server.evaluation.scorers import Floats, Indices, Score

MAX_CELLS = 100
MAX_ADDED = 4
"""Kinds of targets, and of answers, of which one row more is tried: each costs a whole score."""


@dataclass(frozen=True)
class Cells:
    """The kinds of rows, which are pairs of target and answer.

    Attributes:
        score: of one model.
        part: the rows.
        places: of each cell the place of a row in the part.
        of_rows: the cell of each row.
        answers: one row of each kind of answer.
    """

    score: Score
    part: Part
    places: Indices
    of_rows: Indices
    answers: Indices

    @classmethod
    def of(cls, score: Score, part: Part) -> "Cells | None":
        """The cells; None where they are too many, or weights tell rows of one cell apart."""
        if not score.by_labels or score.target.ndim > 1 or part.weighted:
            return None
        response = score.response(part.rows)
        if response.ndim > 1:
            return None
        _, targets = np.unique(score.target[part.rows], return_inverse=True)
        _, first, answers, counts = np.unique(response, return_index=True, return_inverse=True, return_counts=True)
        cells, places, of_rows = np.unique(targets * len(counts) + answers, return_index=True, return_inverse=True)
        if len(cells) > min(MAX_CELLS, len(part.rows) - 1):
            return None
        most = np.argsort(-counts, kind="stable")[:MAX_ADDED]
        return cls(score, part, places, of_rows, part.rows[first[most]])

    def influence(self, value: float) -> Influence:
        """The influence of each row."""
        added = np.array(
            [[self._of_added(kind, answer, value) for answer in self.answers] for kind in self.part.kinds[:MAX_ADDED]]
        )
        return Influence(
            value=value,
            of_units=self._of_left_out(value)[self.of_rows],
            lowest=added.min(axis=1),
            highest=added.max(axis=1),
        )

    def _of_left_out(self, value: float) -> Floats:
        """How much each kind of row moves the score, by its absence."""
        rows = self.part.rows
        without = np.array([self.score.at_or_nan(np.delete(rows, place)) for place in self.places])
        slopes = (len(rows) - 1) * (value - without)
        counts = np.bincount(self.of_rows)
        return np.asarray(slopes - (counts * slopes).sum() / counts.sum())

    def _of_added(self, kind: int, answer: int, value: float) -> float:
        rows = self.part.rows
        moved = self.score.at_or_nan(np.append(rows, answer), None, np.append(rows, kind))
        return (len(rows) + 1) * (moved - value)
