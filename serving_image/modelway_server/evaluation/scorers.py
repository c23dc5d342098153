"""Scikit-learn's scorers, fed from stored answers."""

import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer

from modelway_server.contract.names import enumerate_names
from modelway_server.errors import InvalidDataset, words
from modelway_server.evaluation.answers import Answers

Indices = NDArray[np.intp]


class StandIn(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator whose rows are numbers of rows, and whose answers are stored ones.

    Attributes:
        classes_: the labels, of a classifier.
    """

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.kind = _kind(answers)
        if answers.classes is not None:
            several = bool(answers.classes) and isinstance(answers.classes[0], tuple)
            self.classes_ = list(map(np.array, answers.classes)) if several else np.array(answers.classes)
        for method, arrays in answers.outputs.items():
            setattr(self, method, _method(method, tuple(map(_plain, arrays))))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.estimator_type = self.kind
        return tags


@dataclass(frozen=True)
class Score:
    """A scorer over the rows of a dataset.

    Attributes:
        name: of the scorer.
        takes_weights: whether rows may count more than once, or in parts.
    """

    name: str
    scorer: Any
    target: NDArray[Any]
    stand_in: StandIn
    takes_weights: bool

    def at(self, rows: Indices, weights: NDArray[np.float64] | None = None) -> float:
        """The score of some rows; NaN where it is not defined for these.

        Raises:
            InvalidDataset: scikit-learn refuses the answers or the targets.
        """
        extra = {} if weights is None else {"sample_weight": weights}
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # undefined scores are NaN here, or 0 as scikit-learn has it
            try:
                return float(self.scorer(self.stand_in, rows, self.target[rows], **extra))
            except Exception as error:
                raise InvalidDataset(f"metric {self.name} cannot be computed: {words(error)}") from error


def score_of(name: str, answers: Answers, target: NDArray[Any], positive_label: Any = None) -> Score:
    """The scorer of a name, over stored answers.

    Args:
        name: as `sklearn.metrics.get_scorer_names` has it.
        answers: of the model.
        target: the right answers, in the type of the model's classes.
        positive_label: the class that counts as positive, in that type; None for scikit-learn's own choice.

    Raises:
        InvalidDataset: there is no such scorer, or the model lacks the method that it takes.
    """
    if name not in get_scorer_names():
        raise InvalidDataset(f"there is no metric {name!r:.100}; scikit-learn has {enumerate_names(_similar(name))}")
    scorer = get_scorer(name)
    function = scorer._score_func  # noqa: SLF001  (nothing public tells)
    parameters = inspect.signature(function).parameters
    if positive_label is not None and "pos_label" in parameters and scorer._kwargs.get("pos_label", "") is not None:  # noqa: SLF001
        scorer = _with_positive(scorer, positive_label)
    return Score(name, scorer, target, StandIn(answers), "sample_weight" in parameters)


def _with_positive(scorer: Any, positive_label: Any) -> Any:
    options: Mapping[str, Any] = scorer._kwargs | {"pos_label": positive_label}  # noqa: SLF001
    return make_scorer(
        scorer._score_func,  # noqa: SLF001
        response_method=scorer._response_method,  # noqa: SLF001
        greater_is_better=scorer._sign > 0,  # noqa: SLF001
        **options,
    )


def _similar(name: str) -> list[str]:
    import difflib  # noqa: PLC0415  (for this message alone)

    known = list(get_scorer_names())
    return difflib.get_close_matches(name, known, 5, 0.5) or known


def _method(name: str, arrays: tuple[NDArray[Any], ...]) -> Callable[[Indices], Any]:
    def answer(rows: Indices) -> Any:
        parts = [array[rows] for array in arrays]
        return parts if len(parts) > 1 else parts[0]

    answer.__name__ = name
    return answer


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Texts among objects as an array of texts, which scikit-learn tells from other objects."""
    return np.array(values.tolist()) if values.dtype.kind == "O" else values


def _kind(answers: Answers) -> str | None:
    """The kind of estimator that gives such answers, as scikit-learn's tags call it."""
    if answers.classes is not None:
        return "classifier"
    predicted = answers.outputs.get("predict", (np.zeros(0),))[0]
    if "decision_function" in answers.outputs or "score_samples" in answers.outputs:
        return "outlier_detector"
    return "regressor" if predicted.dtype.kind == "f" else "clusterer"
