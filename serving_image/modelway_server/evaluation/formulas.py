"""The influences on scores that are means over rows, smooth functions of means, or ranks.

Every formula is held against scikit-learn's own value before it is used, so that a wrong one costs time and no truth.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.evaluation.influence import Influence, Part, is_same, mean_of
from modelway_server.evaluation.losses import EXPLAINED, MEANS, ROOTS, SHARES, explained_influence
from modelway_server.evaluation.ranks import Ranks
from modelway_server.evaluation.scorers import Floats, Score

_RANKS = {"roc_auc": Ranks.roc_auc, "average_precision": Ranks.average_precision}
_ONE_AGAINST_REST = ("roc_auc_ovr", "roc_auc_ovr_weighted")


def influence_by_formula(score: Score, part: Part, value: float) -> Influence | None:
    """The influences; None where there is no formula, or scikit-learn's value is another.

    Args:
        score: of one model.
        part: the rows.
        value: the score of these rows, as scikit-learn gives it.
    """
    if score.name not in {*MEANS, *ROOTS, *EXPLAINED, *_RANKS, *_ONE_AGAINST_REST} or score.target.ndim > 1:
        return None
    target, response = score.target[part.rows], score.response(part.rows)
    if target.dtype.kind == response.dtype.kind == "b":
        target, response = target.astype(np.float64), response.astype(np.float64)  # booleans have no difference
    with np.errstate(all="ignore"):
        if score.name in _RANKS:
            return _of_ranks(score, part, value, target, response)
        if score.name in _ONE_AGAINST_REST:
            return _of_each_class(score, part, value, target, response)
        response = _of_last_class(score, target, response)
        if score.name in EXPLAINED:
            loss, of_constant = EXPLAINED[score.name]
            share, slopes = explained_influence(loss(target, response), of_constant(target, part.weights), part.weights)
            return _smooth(score, part, value, slopes) if is_same(share, value) else None
        losses = (MEANS.get(score.name) or ROOTS[score.name])(target, response)
        mean = mean_of(losses, part.weights)
        if score.name in MEANS:
            return _of_mean(score, part, value, losses) if is_same(mean, value) else None
        return _smooth(score, part, value, (losses - mean) / (-2 * value)) if is_same(-np.sqrt(-mean), value) else None


def _of_mean(score: Score, part: Part, value: float, losses: Floats) -> Influence:
    bounded, ones = score.name in SHARES, np.ones(len(part.kinds))
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
    ranks, compute = Ranks.of(target == positive, response), _RANKS[score.name]
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


def _of_each_class(
    score: Score, part: Part, value: float, target: NDArray[Any], response: NDArray[Any]
) -> Influence | None:
    """Of a mean of areas, each of one class against the rest."""
    classes, codes = np.unique(target, return_inverse=True)
    if response.ndim != 2 or response.shape[1] != len(classes):
        return None
    ranks = [Ranks.of(codes == place, scores) for place, scores in enumerate(response.T)]
    by_share = score.name.endswith("weighted")

    def mean_area(weights: Floats) -> tuple[float, Floats]:
        areas = [each.roc_auc(weights) for each in ranks]
        shares = np.bincount(codes, weights) / weights.sum() if by_share else np.ones(len(ranks)) / len(ranks)
        mean = float(sum(share * area[0] for share, area in zip(shares, areas, strict=True)))
        slopes = np.asarray(sum(share * area[1] for share, area in zip(shares, areas, strict=True)))
        own = np.array([area[0] for area in areas])[codes] - mean if by_share else 0.0
        return mean, slopes + own

    mean, slopes = mean_area(part.weights)
    if not is_same(mean, value):
        return None
    of_units = part.relative * slopes
    return Influence(value=value, of_units=of_units, at=lambda multiples: mean_area(part.weights * multiples)[0])


def _of_last_class(score: Score, target: NDArray[Any], response: NDArray[Any]) -> NDArray[Any]:
    """The probabilities of the last of two classes, also where the first one is the positive."""
    turned = response.ndim == 1 and score.positive is not None and score.name in {"neg_brier_score", "d2_brier_score"}
    return 1 - response if turned and score.positive == target.min() else response
