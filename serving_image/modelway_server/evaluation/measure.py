"""The influence of each row on any scorer's score, by the best way that there is."""

import numpy as np

from modelway_server.evaluation.cells import Cells
from modelway_server.evaluation.definedness import why_undefined
from modelway_server.evaluation.formulas import influence_by_formula
from modelway_server.evaluation.influence import Influence, Part, unknown_influence
from modelway_server.evaluation.scorers import Score
from modelway_server.evaluation.tables import influence_of_table


def influence_of(score: Score, part: Part) -> Influence:
    """The score of some rows, and how much each of them moves it; unknown where the score is not defined.

    Args:
        score: of one model.
        part: the rows.

    Raises:
        InvalidDataset: scikit-learn refuses the answers or the targets.
    """
    value = score.at(part.rows, part.sample_weights)
    if not np.isfinite(value) or why_undefined(score, part):
        return unknown_influence(part)
    known = influence_by_formula(score, part, value) or influence_of_table(score, part, value)
    if known is not None:
        return known
    cells = Cells.of(score, part)
    return cells.influence(value) if cells is not None else _of_groups(score, part, value)


def _of_groups(score: Score, part: Part, value: float) -> Influence:
    """The influence of groups of rows, each left out once."""
    number = int(part.groups.max()) + 1
    without = np.full(number, np.nan)
    for group in range(number):
        rest = part.groups != group
        without[group] = score.at_or_nan(part.rows[rest], part.weights[rest] if part.weighted else None)
    return Influence(
        value=value,
        of_units=(number - 1) * (without.sum() / number - without),
        at=(lambda multiples: score.at_or_nan(part.rows, part.weights * multiples[part.groups]))
        if score.takes_weights
        else None,
    )
