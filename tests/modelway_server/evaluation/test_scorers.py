"""Scores of stored answers are scikit-learn's own, for every scorer that it has."""

import inspect
import math
import warnings
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, make_blobs, make_multilabel_classification
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import Ridge
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from modelway_server.errors import InvalidDataset
from modelway_server.evaluation.answers import Answers, answers_of
from modelway_server.evaluation.dataset import Dataset
from modelway_server.evaluation.scorers import score_of
from modelway_server.evaluation.targets import targets_of
from modelway_server.runtimes.estimators.runtime import METHODS, EstimatorRuntime


class Toy(NamedTuple):
    """A fitted model, and rows that it has not seen."""

    model: Any
    rows: NDArray[np.float64]
    target: NDArray[Any]
    answers: Answers


def toy(model: Any, rows: NDArray[Any], target: NDArray[Any]) -> Toy:
    model.fit(rows[::2], target[::2])
    methods = tuple(method for method in METHODS if callable(getattr(model, method, None)))
    runtime = EstimatorRuntime(model, methods, None)
    runtime.warm_up()
    rest = rows[1::2].astype(np.float64)
    columns = {f"x{index}": [repr(float(value)) for value in column] for index, column in enumerate(rest.T)}
    dataset = Dataset(columns=columns, textual=True, target=(), weights=None, slices={})
    return Toy(model, rest, target[1::2], answers_of(runtime, dataset))


def binary() -> Toy:
    return toy(DecisionTreeClassifier(max_depth=3), *load_breast_cancer(return_X_y=True))


def several_classes() -> Toy:
    return toy(LinearSVC(), *load_iris(return_X_y=True))


def several_labels() -> Toy:
    return toy(DecisionTreeClassifier(max_depth=3), *make_multilabel_classification(200, random_state=0))


def numbers() -> Toy:
    return toy(Ridge(), *load_diabetes(return_X_y=True))


def clusters() -> Toy:
    return toy(KMeans(3, n_init=1, random_state=0), *make_blobs(200, random_state=0))


def outliers() -> Toy:
    rows, _ = make_blobs(200, centers=1, random_state=0)
    rows[:20] *= 4
    return toy(IsolationForest(n_estimators=3, random_state=0), rows, np.where(np.arange(200) < 20, -1, 1))


TOYS = {make.__name__: cache(make) for make in (binary, several_classes, several_labels, numbers, clusters, outliers)}


def value_or_refusal(score: Callable[[], float]) -> float:
    """The score; infinity where it is refused."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return score()
        except (ValueError, TypeError, AttributeError, InvalidDataset):
            return math.inf


def target_of(example: Toy) -> NDArray[Any]:
    """The target as a CSV has it, brought to the type of the model's classes."""
    if example.target.ndim > 1:
        return example.target
    return targets_of([str(value) for value in example.target], example.answers, "target")


def stored_score(name: str, example: Toy, weights: NDArray[np.float64] | None) -> float:
    return score_of(name, example.answers, target_of(example)).at(np.arange(len(example.rows)), weights)


def takes_weights(name: str) -> bool:
    return "sample_weight" in inspect.signature(get_scorer(name)._score_func).parameters


@pytest.mark.slow
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", get_scorer_names())
def test_score_of_stored_answers_is_scikit_learns(name: str, *, weighted: bool) -> None:
    for kind, make in TOYS.items():
        example = make()
        weights = (
            np.random.default_rng(0).lognormal(size=len(example.rows)) if weighted and takes_weights(name) else None
        )
        extra = {} if weights is None else {"sample_weight": weights}
        theirs = value_or_refusal(partial(get_scorer(name), example.model, example.rows, example.target, **extra))
        ours = value_or_refusal(partial(stored_score, name, example, weights))
        assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-12, nan_ok=True), kind


@pytest.mark.slow
@pytest.mark.parametrize("name", get_scorer_names())
def test_every_scorer_applies_to_a_toy(name: str) -> None:
    assert min(value_or_refusal(partial(stored_score, name, make(), None)) for make in TOYS.values()) < math.inf


@pytest.mark.parametrize("name", ["f1", "average_precision", "precision", "jaccard", "neg_brier_score"])
@pytest.mark.parametrize("positive", ["benign", "malignant"])
def test_positive_label_is_the_one_that_is_wished(name: str, positive: str) -> None:
    rows, codes = load_breast_cancer(return_X_y=True)
    example = toy(DecisionTreeClassifier(max_depth=3), rows, np.array(["malignant", "benign"])[codes])
    own = get_scorer(name)
    theirs = make_scorer(
        own._score_func,
        response_method=own._response_method,
        greater_is_better=own._sign > 0,
        **own._kwargs | {"pos_label": positive},
    )
    ours = score_of(name, example.answers, target_of(example), positive)
    assert ours.at(np.arange(len(example.rows))) == pytest.approx(
        theirs(example.model, example.rows, example.target), rel=1e-12
    )
