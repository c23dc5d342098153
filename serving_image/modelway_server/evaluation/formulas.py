"""The influences on scores that are means over rows, smooth functions of means, or ranks.

Every formula is held against scikit-learn's own value before it is used, so that a wrong one costs time and no truth.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.evaluation.influence import Influence, Part, is_same, mean_of
from modelway_server.evaluation.losses import ACCURACY, MEANS, ROOTS, explained_influence
from modelway_server.evaluation.ranks import Ranks
from modelway_server.evaluation.scorers import Floats, Score

_EXPLAINED = {"r2": False, "explained_variance": True}
"""Whether the error's own mean is taken off first."""
RANKS = {"roc_auc": Ranks.roc_auc, "average_precision": Ranks.average_precision}


def influence_by_formula(score: Score, part: Part, value: float) -> Influence | None:
    """The influences; None where there is no formula, or scikit-learn's value is another.

    Args:
        score: of one model.
        part: the rows.
        value: the score of these rows, as scikit-learn gives it.
    """
    if score.name not in {*MEANS, *ROOTS, *_EXPLAINED, *RANKS} or score.target.ndim > 1:
        return None
    target, response = score.target[part.rows], score.response(part.rows)
    with np.errstate(all="ignore"):
        if score.name in RANKS:
            return _of_ranks(score, part, value, target, response)
        if score.name in _EXPLAINED:
            slopes = explained_influence(target, response, part.weights, centred=_EXPLAINED[score.name])
            return _smooth(score, part, value, slopes)
        losses = (MEANS.get(score.name) or ROOTS[score.name])(target, _of_last_class(score, target, response))
        mean = mean_of(losses, part.weights)
        if score.name in MEANS:
            return _of_mean(score, part, value, losses) if is_same(mean, value) else None
        return _smooth(score, part, value, (losses - mean) / (-2 * value)) if is_same(-np.sqrt(-mean), value) else None


def _of_mean(score: Score, part: Part, value: float, losses: Floats) -> Influence:
    bounded, ones = score.name == ACCURACY, np.ones(len(part.kinds))
    return Influence(
        value=value,
        of_units=part.relative * (losses - mean_of(losses, part.weights)),
        lowest=part.heavy * (0 - value) * ones if bounded else None,
        highest=part.heavy * (1 - value) * ones if bounded else None,
        at=lambda multiples: mean_of(losses, part.weights * multiples),
    )


def _smooth(score: Score, part: Part, value: float, slopes: Floats) -> Influence | None:
    if not np.isfinite(slopes).all():
        return None
    return Influence(
        value=value,
        of_units=part.relative * slopes,
        at=lambda multiples: score.at_or_nan(part.rows, part.weights * multiples),
    )


def _of_ranks(score: Score, part: Part, value: float, target: NDArray[Any], response: Floats) -> Influence | None:
    classes = np.unique(target)
    if response.ndim != 1 or len(classes) != 2:
        return None
    positive = classes[1] if score.positive is None else score.positive
    ranks, compute = Ranks.of(target == positive, response), RANKS[score.name]
    area, slopes, lowest, highest = compute(ranks, part.weights)
    if not is_same(area, value):
        return None
    return Influence(
        value=value,
        of_units=part.relative * slopes,
        lowest=part.heavy * lowest,
        highest=part.heavy * highest,
        of_labels=False,
        at=lambda multiples: compute(ranks, part.weights * multiples)[0],
    )


def _of_last_class(score: Score, target: NDArray[Any], response: NDArray[Any]) -> NDArray[Any]:
    """The probabilities of the last of two classes, also where the first one is the positive."""
    turned = response.ndim == 1 and score.positive is not None and score.name == "neg_brier_score"
    return 1 - response if turned and score.positive == target.min() else response
