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
Floats = NDArray[np.float64]


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


@dataclass(frozen=True, eq=False)
class Score:
    """A scorer over the rows of a dataset.

    Attributes:
        name: of the scorer.
        scorer: scikit-learn's.
        target: the right answer of each row of the dataset, in the type of the model's classes.
        stand_in: the model's answers.
        takes_weights: whether rows may count more than once, or in parts.
    """

    name: str
    scorer: Any
    target: NDArray[Any]
    stand_in: StandIn
    takes_weights: bool

    def at(self, rows: Indices, weights: Floats | None = None, target_rows: Indices | None = None) -> float:
        """The score of some rows; NaN where it is not defined for these.

        Args:
            rows: whose answers are scored.
            weights: of these rows.
            target_rows: whose targets they are scored by; their own by default.

        Raises:
            InvalidDataset: scikit-learn refuses the answers or the targets.
        """
        extra = {} if weights is None else {"sample_weight": weights}
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # undefined scores are NaN here, or 0 as scikit-learn has it
            try:
                return float(
                    self.scorer(self.stand_in, rows, self.target[rows if target_rows is None else target_rows], **extra)
                )
            except Exception as error:
                raise InvalidDataset(f"metric {self.name} cannot be computed: {words(error)}") from error

    def at_or_nan(self, rows: Indices, weights: Floats | None = None, target_rows: Indices | None = None) -> float:
        """The score of some rows as `at` has it; NaN where scikit-learn refuses them, for lack of a class say."""
        try:
            return self.at(rows, weights, target_rows)
        except InvalidDataset:
            return float("nan")

    @property
    def by_labels(self) -> bool:
        """Whether it looks at nothing but what `predict` gives."""
        return bool(self.scorer._response_method == "predict")  # noqa: SLF001  (nothing public tells)

    @property
    def method(self) -> str:
        """The method whose answers it looks at."""
        wanted = self.scorer._response_method  # noqa: SLF001  (as above)
        methods = [wanted] if isinstance(wanted, str) else wanted
        return next(method for method in methods if method in self.stand_in.answers.outputs)

    @property
    def positive(self) -> Any:
        """The class that counts as positive, or None where that is left to scikit-learn."""
        return self.scorer._get_pos_label()  # noqa: SLF001  (as above)

    def response(self, rows: Indices) -> NDArray[Any]:
        """What the scorer holds against the targets: labels, or scores of the positive class, or of each class."""
        responses: list[NDArray[Any]] = []

        def catch(_: Any, response: NDArray[Any], pos_label: Any = None) -> float:  # noqa: ARG001  (a scorer has it)
            responses.append(response)
            return 0.0

        method = self.scorer._response_method  # noqa: SLF001  (as above)
        make_scorer(catch, response_method=method, pos_label=self.positive)(self.stand_in, rows, self.target[rows])
        response = np.asarray(responses[0])
        return response.reshape(len(rows)) if response.size == len(rows) else response


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
    _check_methods(name, scorer, answers)
    _check_positive(name, scorer, answers)
    return Score(name, scorer, target, StandIn(answers), "sample_weight" in parameters)


def _check_methods(name: str, scorer: Any, answers: Answers) -> None:
    method = scorer._response_method  # noqa: SLF001
    wanted = [method] if isinstance(method, str) else list(method)
    if not set(wanted) & answers.outputs.keys():
        raise InvalidDataset(
            f"metric {name} takes {' or '.join(wanted)}, and the model has {', '.join(answers.outputs)}; choose another metric, or another model"
        )


def _check_positive(name: str, scorer: Any, answers: Answers) -> None:
    """Refuse a metric of one class where nobody says which one.

    Raises:
        InvalidDataset: scikit-learn would take 1, and the model's two classes are others.
    """
    positive, classes = scorer._get_pos_label(), answers.classes or ()  # noqa: SLF001
    if positive is not None and len(classes) == 2 and not isinstance(classes[0], tuple) and positive not in classes:
        raise InvalidDataset(
            f"metric {name} takes one class as positive; set spec.preflight.evaluation.positiveLabel to one of the "
            f"model's classes: {enumerate_names(map(str, classes))}"
        )


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
