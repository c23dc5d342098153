"""The right answers in the type of a model's own answers: a CSV has texts alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.names import enumerate_names
from modelway_server.errors import InvalidDataset
from modelway_server.evaluation.answers import Answers

_FIELD = "spec.preflight.evaluation"
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
    own = label_of(label, answers.classes or ())
    if own not in (answers.classes or ()):
        known = _sample(answers.classes) if answers.classes else "none"
        raise InvalidDataset(f"{_FIELD}.positiveLabel is {label!r}, and the model's classes are {known}")
    return own


def _number(value: Any) -> Any:
    """The number in a text, an integer where it is whole; the value itself where there is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return value
    return int(number) if number.is_integer() else number


def _numbers_or_texts(values: Sequence[Any], answers: Answers, column: str) -> NDArray[Any]:
    try:
        numbers = np.array([float(value) for value in values])
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
