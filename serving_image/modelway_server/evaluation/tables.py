"""Scores of labels as functions of the table of targets by answers, for many tables at once."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.evaluation.influence import Influence, Part, is_same
from modelway_server.evaluation.scorers import Floats, Score

MAX_SIDE = 30
_STEP = 1e-6
TableScore = Callable[[Floats], Floats]
"""Tables of [..., targets, answers] to their scores."""


def influence_of_table(score: Score, part: Part, value: float) -> Influence | None:
    """The influence of each row, which is that of its cell; None where the score is not known as a function of the table.

    Args:
        score: of one model.
        part: the rows.
        value: the score of these rows, as scikit-learn gives it.
    """
    if not score.by_labels or score.target.ndim > 1:
        return None
    target, answers = score.target[part.rows], score.response(part.rows)
    if answers.ndim > 1 or answers.dtype.kind != target.dtype.kind:
        return None
    labels = _labels(score, target, answers)
    codes = np.searchsorted(labels, np.concatenate([target, answers]))
    of_table = _score_of_table(score, labels) if len(labels) <= MAX_SIDE else None
    if of_table is None:
        return None
    rows, side = len(target), len(labels)
    cells = codes[:rows] * side + codes[rows:]

    def table(weights: Floats) -> Floats:
        return np.asarray(np.bincount(cells, weights, side * side) / weights.sum()).reshape(side, side)

    here = table(part.weights)
    if not is_same(float(of_table(here)), value):
        return None
    kinds = np.searchsorted(labels, score.target[part.kinds])
    added = (rows + 1) * (of_table((here * rows + _each_cell(side)) / (rows + 1)) - value).reshape(side, side)[kinds]
    slopes = (of_table(here + _STEP * _each_cell(side)) - of_table(here)) / _STEP
    return Influence(
        value=value,
        of_units=part.relative * slopes[cells],
        lowest=part.heavy * added.min(axis=1),
        highest=part.heavy * added.max(axis=1),
        at=lambda multiples: float(of_table(table(part.weights * multiples))),
    )


def _labels(score: Score, target: NDArray[Any], answers: NDArray[Any]) -> NDArray[Any]:
    """The labels that occur; of one alone, the model's others too, as else no row could be wrong."""
    labels = np.unique(np.concatenate([target, answers]))
    others = np.asarray(
        getattr(score.stand_in, "classes_", [-1, 1] if score.stand_in.kind == "outlier_detector" else labels)
    )
    return np.union1d(labels, others) if len(labels) == 1 and others.dtype.kind == labels.dtype.kind else labels


def _each_cell(side: int) -> Floats:
    """One table for each cell, 1 there and 0 elsewhere."""
    return np.eye(side * side).reshape(side * side, side, side)


def _score_of_table(score: Score, labels: NDArray[np.generic]) -> TableScore | None:
    stem, _, averaging = score.name.rpartition("_")
    if score.name in _WHOLE:
        return _WHOLE[score.name]
    if score.name in _BY_LABEL:
        positive = np.flatnonzero(labels == score.positive)
        return None if len(positive) != 1 else _of_one(_BY_LABEL[score.name], int(positive[0]))
    if stem in _BY_LABEL and averaging in _AVERAGES:
        return _AVERAGES[averaging](_BY_LABEL[stem])
    return _of_two(score.name) if score.name in _OF_TWO and len(labels) == 2 else None


Parts = tuple[Floats, Floats, Floats]
"""Of each label, what was hit, what is true, and what was answered."""


def _parts(tables: Floats) -> Parts:
    return np.diagonal(tables, axis1=-2, axis2=-1), tables.sum(axis=-1), tables.sum(axis=-2)


def _ratio(above: Floats, below: Floats) -> Floats:
    """The ratio, 0 where it is not defined, as scikit-learn has it."""
    return np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below > 0)


_BY_LABEL: dict[str, Callable[[Parts], Floats]] = {
    "precision": lambda parts: _ratio(parts[0], parts[2]),
    "recall": lambda parts: _ratio(parts[0], parts[1]),
    "f1": lambda parts: _ratio(2 * parts[0], parts[1] + parts[2]),
    "jaccard": lambda parts: _ratio(parts[0], parts[1] + parts[2] - parts[0]),
}


def _of_one(score: Callable[[Parts], Floats], positive: int) -> TableScore:
    return lambda tables: score(_parts(tables))[..., positive]


def _macro(score: Callable[[Parts], Floats]) -> TableScore:
    return lambda tables: np.asarray(score(_parts(tables)).sum(axis=-1) / tables.shape[-1])


def _micro(score: Callable[[Parts], Floats]) -> TableScore:
    def of_tables(tables: Floats) -> Floats:
        hit, true, answered = (part.sum(axis=-1) for part in _parts(tables))
        return score((hit, true, answered))

    return of_tables


def _weighted(score: Callable[[Parts], Floats]) -> TableScore:
    def of_tables(tables: Floats) -> Floats:
        parts = _parts(tables)
        return np.asarray((score(parts) * parts[1]).sum(axis=-1) / parts[1].sum(axis=-1))

    return of_tables


_AVERAGES = {"macro": _macro, "micro": _micro, "weighted": _weighted}


def _balanced_accuracy(tables: Floats) -> Floats:
    hit, true, _ = _parts(tables)
    return np.asarray(_ratio(hit, true).sum(axis=-1) / (true > 0).sum(axis=-1))


def _matthews(tables: Floats) -> Floats:
    hit, true, answered = _parts(tables)
    total = true.sum(axis=-1)
    covariance = hit.sum(axis=-1) * total - (true * answered).sum(axis=-1)
    spread = (total**2 - (true**2).sum(axis=-1)) * (total**2 - (answered**2).sum(axis=-1))
    return _ratio(covariance, np.sqrt(spread.clip(0)))


_WHOLE: dict[str, TableScore] = {
    "accuracy": lambda tables: _parts(tables)[0].sum(axis=-1) / tables.sum(axis=(-1, -2)),
    "balanced_accuracy": _balanced_accuracy,
    "matthews_corrcoef": _matthews,
}
_OF_TWO = ("positive_likelihood_ratio", "neg_negative_likelihood_ratio")


def _of_two(name: str) -> TableScore:
    def of_tables(tables: Floats) -> Floats:
        rates = tables / tables.sum(axis=-1, keepdims=True)
        if name == "positive_likelihood_ratio":
            return np.asarray(rates[..., 1, 1] / rates[..., 0, 1])
        return np.asarray(-rates[..., 1, 0] / rates[..., 0, 0])

    return of_tables
