"""Compute the answers of an estimator's methods from its scores, as scikit-learn does."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
"""An array of [rows, scores]. The one score of a binary classifier belongs to its second class."""
OutputFunction = Callable[[Scores], NDArray[Any]]

RULES = frozenset({"argmax", "positive", "not_negative"})
"""Names of functions that choose a class by its index."""


def output_function(name: str, *, labels: NDArray[Any] | None, flat: bool) -> OutputFunction:
    """Return a function by its name.

    Args:
        name: one of RULES, or of the functions below.
        labels: the classes that RULES choose from.
        flat: whether a single score per row is an array of [rows].
    """
    if name in RULES:
        assert labels is not None
        rule, known = _RULES[name], labels
        return lambda scores: known[rule(scores)]
    if name in _ARRAYS:
        function = _ARRAYS[name]
        return lambda scores: function(scores)[:, 0] if flat and scores.shape[1] == 1 else function(scores)
    return _PROBABILITIES[name]


def _sigmoid(scores: Scores) -> Scores:
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-scores)))


def _both(scores: Scores) -> Scores:
    second = _sigmoid(scores[:, 0])
    result = np.empty((len(scores), 2))
    result[:, 0] = 1.0 - second
    result[:, 1] = second
    return result


def _softmax(scores: Scores) -> Scores:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _one_against_the_rest(scores: Scores) -> Scores:
    each = _sigmoid(scores)
    total = each.sum(axis=1, keepdims=True)
    none = total[:, 0] == 0
    each[none], total[none] = 1.0, scores.shape[1]
    return np.asarray(each / total)


_RULES: dict[str, OutputFunction] = {
    "argmax": lambda scores: scores.argmax(axis=1),
    "positive": lambda scores: (scores[:, 0] > 0).astype(np.intp),
    "not_negative": lambda scores: (scores[:, 0] >= 0).astype(np.intp),
}
_ARRAYS: dict[str, Callable[[Scores], Scores]] = {"scores": lambda scores: scores, "exp": np.exp}
_PROBABILITIES: dict[str, OutputFunction] = {
    "both": _both,
    "both_of_double": lambda scores: _both(2.0 * scores),
    "one_against_the_rest": _one_against_the_rest,
    "shares": lambda scores: scores,
    "softmax": _softmax,
}
