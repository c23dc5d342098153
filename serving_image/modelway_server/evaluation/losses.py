"""What each row contributes to scores that are means over rows, or smooth functions of such means."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

Floats = NDArray[np.float64]
Loss = Callable[[NDArray[Any], NDArray[Any]], Floats]
"""The contribution of each row to a mean, of targets and responses."""

ACCURACY = "accuracy"
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
    ACCURACY: lambda target, response: (target == response).astype(np.float64),
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
}
"""What is the mean of a loss."""

ROOTS: dict[str, Loss] = {"neg_root_mean_squared_error": _squares, "neg_root_mean_squared_log_error": _log_squares}
"""What is minus the root of minus the mean of a loss."""


def explained_influence(target: Floats, response: Floats, weights: Floats, *, centred: bool) -> Floats:
    """How much each row moves the share of the variance that is explained, for a row of weight 1.

    Args:
        target: the right answers.
        response: the model's.
        weights: of the rows.
        centred: whether the mean error is no error.
    """
    total = weights.sum()
    error = target - response
    squares = (error - ((weights * error).sum() / total if centred else 0.0)) ** 2
    away = (target - (weights * target).sum() / total) ** 2
    unexplained, variance = (weights * squares).sum() / total, (weights * away).sum() / total
    return np.asarray(-(squares - unexplained) / variance + unexplained * (away - variance) / variance**2)
