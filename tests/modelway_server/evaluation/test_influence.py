"""Influences by formula and by table are those that leaving rows out gives."""

from typing import Any

import numpy as np
import pytest

from modelway_server.evaluation.answers import Answers
from modelway_server.evaluation.influence import Influence, Part, part_of
from modelway_server.evaluation.measure import influence_of
from modelway_server.evaluation.scorers import Score, score_of

ROWS = 120
_CLASSES = (0, 1, 2)
_OF_TWO = (
    *("accuracy", "f1", "precision", "recall", "jaccard", "balanced_accuracy", "matthews_corrcoef", "roc_auc"),
    *("average_precision", "neg_log_loss", "neg_brier_score", "d2_log_loss_score", "d2_brier_score"),
)
_OF_THREE = (
    *("f1_macro", "f1_micro", "f1_weighted", "precision_macro", "recall_weighted", "jaccard_macro"),
    *("matthews_corrcoef", "roc_auc_ovr", "roc_auc_ovr_weighted", "neg_log_loss", "adjusted_rand_score"),
)
_OF_NUMBERS = (
    *("neg_mean_absolute_error", "neg_mean_squared_error", "neg_root_mean_squared_error", "r2"),
    *("neg_mean_squared_log_error", "neg_root_mean_squared_log_error", "neg_mean_absolute_percentage_error"),
    *("neg_mean_poisson_deviance", "neg_mean_gamma_deviance", "d2_absolute_error_score"),
)


def classified(count: int) -> tuple[Any, Answers]:
    draw = np.random.default_rng(count)
    target = draw.integers(0, count, ROWS)
    scores = draw.random((ROWS, count)) + 0.5 * np.eye(count)[target]
    scores /= scores.sum(axis=1, keepdims=True)
    outputs = {"predict": (scores.argmax(axis=1),), "predict_proba": (scores,)}
    return target, Answers(outputs=outputs, classes=_CLASSES[:count], count=ROWS)


def measured() -> tuple[Any, Answers]:
    draw = np.random.default_rng(9)
    target = draw.gamma(2, size=ROWS)
    return target, Answers(outputs={"predict": (target * draw.lognormal(0, 0.2, ROWS),)}, classes=None, count=ROWS)


CASES = [
    *((name, lambda: classified(2)) for name in _OF_TWO),
    *((name, lambda: classified(3)) for name in _OF_THREE),
    *((name, measured) for name in _OF_NUMBERS),
]


WEIGHING = [case for case in CASES if case[0] != "adjusted_rand_score"]
"""Those that scikit-learn computes with weights."""


def influence(name: str, target: Any, answers: Answers, *, weighted: bool) -> tuple[Score, Part, Influence]:
    score = score_of(name, answers, target)
    weights = np.random.default_rng(3).lognormal(0, 0.5, ROWS) if weighted and score.takes_weights else None
    part = part_of(np.arange(ROWS), weights, target, np.random.default_rng(0))
    return score, part, influence_of(score, part)


@pytest.mark.slow
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "draw"), CASES, ids=[f"{name}-{index}" for index, (name, _) in enumerate(CASES)])
def test_influence_is_what_leaving_a_row_out_shows(name: str, draw: Any, *, weighted: bool) -> None:
    score, part, result = influence(name, *draw(), weighted=weighted)
    rows = part.rows[:15]
    without = [np.delete(part.rows, row) for row in rows]
    moved = np.array([score.at(rest, part.weights[rest] if part.weighted else None) for rest in without])
    expected = (part.weights.sum() - part.weights[rows]) / part.weights.mean() * (result.value - moved)
    assert len(result.of_units) == ROWS
    assert np.corrcoef(result.of_units[rows], expected)[0, 1] > 0.995
    assert result.of_units[rows].std() == pytest.approx(expected.std(), rel=0.1)


@pytest.mark.parametrize(("name", "draw"), CASES, ids=[f"{name}-{index}" for index, (name, _) in enumerate(CASES)])
def test_mean_influence_is_zero(name: str, draw: Any) -> None:
    result = influence(name, *draw(), weighted=False)[2]
    assert abs(result.of_units.mean()) < 1e-3 * result.of_units.std()


@pytest.mark.parametrize(
    ("name", "draw"), WEIGHING, ids=[f"{name}-{index}" for index, (name, _) in enumerate(WEIGHING)]
)
def test_score_of_multiples_is_that_of_weights(name: str, draw: Any) -> None:
    score, part, result = influence(name, *draw(), weighted=False)
    multiples = np.random.default_rng(4).lognormal(0, 0.3, ROWS)
    assert result.at is not None
    assert result.at(multiples) == pytest.approx(score.at(part.rows, multiples), rel=1e-9)
