"""The right answers in the type of a model's own answers: a CSV has texts alone."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.names import enumerate_names
from modelway_server.errors import InvalidDataset
from modelway_server.evaluation.answers import Answers
from modelway_server.evaluation.dataset import float_of

_FIELD = "spec.preflight.evaluation"
_WHOLE = re.compile(r"[+-]?[0-9]+")
_MISSING = frozenset({"na", "n/a", "<na>", "null", "none"})
"""What programs write for a missing value; a class may be called so."""
_INLIERS_AND_OUTLIERS = (-1, 1)
_TRUTHS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}


def targets_of(values: Sequence[Any], answers: Answers, column: str) -> NDArray[Any]:
    """The targets as the model would give them.

    Args:
        values: as the file has them; none is missing.
        answers: of the model.
        column: the name of the target, for messages.

    Raises:
        InvalidDataset: they are of another kind, or none is a class of the model.
    """
    classes = answers.classes
    predicted = answers.outputs.get("predict", ())
    if len(predicted) > 1 or any(array.size != len(array) for array in predicted if classes is None):
        raise InvalidDataset(
            f"the model gives several values a row, and {_FIELD}.target names one column; evaluate a model of one target"
        )
    _refuse_missing(values, classes or (), column)
    if is_outlier_detector(answers):
        return _of_outliers(values, column)
    if classes is None:
        return _numbers_or_texts(values, answers, column)
    if classes and isinstance(classes[0], tuple):
        raise InvalidDataset(
            f"the model gives {len(classes)} targets a row, and {_FIELD}.target names one column; evaluate a model of one target"
        )
    labels = {value: label_of(value, classes) for value in _distinct(values, column)}
    targets = [labels[value] for value in values]
    if not set(targets) & set(classes):
        raise InvalidDataset(
            f"{_FIELD}.target: column {column!r} holds {_sample(values)}, of which none is a class of the model: {_sample(classes)}"
        )
    return _array(targets, classes)


def _refuse_missing(values: Sequence[Any], classes: Sequence[Any], column: str) -> None:
    for row, value in enumerate(values):
        if isinstance(value, str) and value.strip().lower() in _MISSING and value not in classes:
            raise InvalidDataset(
                f"column {column!r}, the target, is {value!r} in row {row}, which is no class of the model; leave rows without a target out of the dataset"
            )


def is_outlier_detector(answers: Answers) -> bool:
    """Whether a model tells outliers, which it answers with -1, from other rows, which it answers with 1."""
    scores = {"decision_function", "score_samples"} & answers.outputs.keys()
    if answers.classes is not None or not scores or "predict_proba" in answers.outputs:
        return False
    return all(bool(np.isin(array, _INLIERS_AND_OUTLIERS).all()) for array in answers.outputs.get("predict", ()))


def _of_outliers(values: Sequence[Any], column: str) -> NDArray[Any]:
    labels = {value: label_of(value, _INLIERS_AND_OUTLIERS) for value in _distinct(values, column)}
    if not set(labels.values()) <= set(_INLIERS_AND_OUTLIERS):
        raise InvalidDataset(
            f"{_FIELD}.target: column {column!r} holds {_sample(values)}, and the model is a detector of outliers; write -1 for an outlier and 1 for other rows"
        )
    return np.array([labels[value] for value in values])


def label_of(value: Any, classes: Sequence[Any]) -> Any:
    """A value as the class that it stands for; in the type of the classes, if it can be, where it is none of them."""
    if all(isinstance(known, bool) for known in classes):
        return _TRUTHS.get(str(value).strip().lower(), value)
    if all(isinstance(known, int | float) for known in classes):
        return _number(value)
    text = str(value)
    if text not in classes and isinstance(value, float) and value.is_integer():
        return str(int(value))
    return text


def positive_of(label: Any, answers: Answers) -> Any:
    """The positive label as a class of the model; None where none is wished.

    Raises:
        InvalidDataset: the model has no such class.
    """
    if label is None:
        return None
    classes = answers.classes or (_INLIERS_AND_OUTLIERS if is_outlier_detector(answers) else ())
    own = label_of(label, classes)
    if own not in classes:
        known = _sample(classes) if classes else "none"
        raise InvalidDataset(f"{_FIELD}.positiveLabel is {label!r}, and the model's classes are {known}")
    return own


def _number(value: Any) -> Any:
    """The number in a text, an integer where it is whole; the value itself where there is none."""
    try:
        if isinstance(value, int) or (isinstance(value, str) and _WHOLE.fullmatch(value.strip())):
            return int(value)  # a float holds no whole numbers beyond 2**53
        number = float_of(value)
    except (TypeError, ValueError):
        return value
    return int(number) if number.is_integer() else number


def _numbers_or_texts(values: Sequence[Any], answers: Answers, column: str) -> NDArray[Any]:
    try:
        numbers = np.array([float_of(value) for value in values])
    except (TypeError, ValueError):
        predicted = answers.outputs.get("predict", (np.zeros(0),))[0]
        if predicted.dtype.kind == "f":
            raise InvalidDataset(
                f"{_FIELD}.target: column {column!r} holds {_sample(values)}, and the model answers with numbers"
            ) from None
        return np.array([str(value) for value in values])
    wrong = ~np.isfinite(numbers)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InvalidDataset(f"column {column!r}, the target, is {numbers[row]:g} in row {row}; leave such rows out")
    is_whole = bool((numbers == np.rint(numbers)).all()) and bool((np.abs(numbers) < 2**53).all())
    predicted = answers.outputs.get("predict", (np.zeros(0),))[0]
    return numbers.astype(np.int64) if is_whole and predicted.dtype.kind != "f" else numbers


def _array(targets: list[Any], classes: Sequence[Any]) -> NDArray[Any]:
    """One array, of texts where a target is no number and the classes are."""
    kinds = {type(target) for target in targets}
    if str in kinds and not all(isinstance(known, str) for known in classes):
        odd = next(target for target in targets if isinstance(target, str))
        raise InvalidDataset(f"{_FIELD}.target holds {odd!r:.100}, and the model's classes are {_sample(classes)}")
    return np.array(targets)


def _distinct(values: Sequence[Any], column: str) -> set[Any]:
    try:
        return set(values)
    except TypeError:
        raise InvalidDataset(
            f"{_FIELD}.target: column {column!r} holds lists or objects; name one of plain values"
        ) from None


def _sample(values: Sequence[Any]) -> str:
    return enumerate_names(str(value)[:40] for value in dict.fromkeys(values))
