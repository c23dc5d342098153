"""What each row contributes to scores that are means over rows, or smooth functions of such means."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

Floats = NDArray[np.float64]
Loss = Callable[[NDArray[Any], NDArray[Any]], Floats]
"""The contribution of each row to a mean, of targets and responses."""

SHARES = frozenset({"accuracy", "top_k_accuracy"})
"""Means of what is 0 or 1."""
_EPSILON = float(np.finfo(np.float64).eps)


def _squares(target: Floats, response: Floats) -> Floats:
    return -((target - response) ** 2)


def _log_squares(target: Floats, response: Floats) -> Floats:
    return -((np.log1p(target) - np.log1p(response)) ** 2)


def _poisson(target: Floats, response: Floats) -> Floats:
    return np.asarray(-2 * (xlogy(target, target / response) - target + response))


def _gamma(target: Floats, response: Floats) -> Floats:
    return np.asarray(-2 * (np.log(response / target) + target / response - 1))


def _log_loss(target: NDArray[Any], response: Floats) -> Floats:
    return np.asarray(np.log(_of_truth(target, response).clip(_EPSILON, 1 - _EPSILON)))


def _is_among_best(target: NDArray[Any], response: Floats) -> Floats:
    """Whether each row's own class has one of the two highest scores."""
    if response.ndim == 1:
        return np.full(len(target), np.nan)
    codes = np.unique(target, return_inverse=True)[1]
    best = np.argsort(response, axis=1, kind="mergesort")[:, ::-1][:, :2]
    return np.asarray((best == codes[:, np.newaxis]).any(axis=1), dtype=np.float64)


def _brier(target: NDArray[Any], response: Floats) -> Floats:
    """Half the sum over all classes, as scikit-learn has it for two of them."""
    if response.ndim == 1:
        return -((1 - _of_truth(target, response)) ** 2)
    classes = np.unique(target)
    truth = target[:, np.newaxis] == classes
    return -np.asarray(((truth - response) ** 2).sum(axis=1))


def _of_truth(target: NDArray[Any], response: Floats) -> Floats:
    """The probability that each row's own class has."""
    classes, codes = np.unique(target, return_inverse=True)
    if response.ndim == 1:
        return np.where(codes == len(classes) - 1, response, 1 - response)
    return response[np.arange(len(codes)), codes] if len(classes) == response.shape[1] else np.full(len(codes), np.nan)


MEANS: dict[str, Loss] = {
    "accuracy": lambda target, response: (target == response).astype(np.float64),
    "neg_mean_absolute_error": lambda target, response: -np.abs(target - response),
    "neg_mean_squared_error": _squares,
    "neg_mean_squared_log_error": _log_squares,
    "neg_mean_absolute_percentage_error": lambda target, response: (
        -np.abs(target - response) / np.abs(target).clip(_EPSILON)
    ),
    "neg_mean_poisson_deviance": _poisson,
    "neg_mean_gamma_deviance": _gamma,
    "neg_log_loss": _log_loss,
    "neg_brier_score": _brier,
    "top_k_accuracy": _is_among_best,
}
"""What is the mean of a loss."""

ROOTS: dict[str, Loss] = {"neg_root_mean_squared_error": _squares, "neg_root_mean_squared_log_error": _log_squares}
"""What is minus the root of minus the mean of a loss."""


def _null_squares(target: Floats, weights: Floats) -> Floats:
    return np.asarray(_squares(target, (weights * target).sum() / weights.sum()))


def _null_absolutes(target: Floats, weights: Floats) -> Floats:
    order = np.argsort(target, kind="stable")
    median = target[order][np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)]
    return np.asarray(-np.abs(target - median))


def _null_log_loss(target: NDArray[Any], weights: Floats) -> Floats:
    return np.asarray(np.log(_shares(target, weights)[1]))


def _null_brier(target: NDArray[Any], weights: Floats) -> Floats:
    shares, own = _shares(target, weights)
    return np.asarray(-((1 - own) ** 2 + (shares**2).sum() - own**2))


def _full_brier(target: NDArray[Any], response: Floats) -> Floats:
    """The sum over all classes, also of two."""
    return _brier(target, response) * (2 if response.ndim == 1 else 1)


def _shares(target: NDArray[Any], weights: Floats) -> tuple[Floats, Floats]:
    """The share of each class, and that of each row's own."""
    codes = np.unique(target, return_inverse=True)[1]
    shares = np.bincount(codes, weights) / weights.sum()
    return np.asarray(shares), np.asarray(shares[codes])


EXPLAINED: dict[str, tuple[Loss, Loss]] = {
    "r2": (_squares, _null_squares),
    "d2_absolute_error_score": (MEANS["neg_mean_absolute_error"], _null_absolutes),
    "d2_log_loss_score": (_log_loss, _null_log_loss),
    "d2_brier_score": (_full_brier, _null_brier),
}
"""What is 1 less the ratio of a mean loss to that of the best constant answer: the loss, and the other one by target and weights.

That answer is the best one, so that a little more weight on a row does not move the mean by way of it.
"""


def explained_influence(losses: Floats, of_constant: Floats, weights: Floats) -> tuple[float, Floats]:
    """The explained share, and how much each row of weight 1 moves it.

    Args:
        losses: of the model.
        of_constant: of the best constant answer.
        weights: of the rows.
    """
    total = weights.sum()
    lost, at_stake = (weights * losses).sum() / total, (weights * of_constant).sum() / total
    slopes = -(losses - lost) / at_stake + lost * (of_constant - at_stake) / at_stake**2
    return float(1 - lost / at_stake), np.asarray(slopes)
