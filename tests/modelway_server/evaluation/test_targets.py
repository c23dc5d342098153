"""Right answers take the type of the model's own, or are refused in words."""

from typing import Any

import numpy as np
import pytest

from modelway_server.errors import InvalidDataset
from modelway_server.evaluation.answers import Answers
from modelway_server.evaluation.dataset import Dataset
from modelway_server.evaluation.gate import judge
from modelway_server.evaluation.report import Criterion
from modelway_server.evaluation.targets import targets_of
from modelway_server.evaluation.wish import Wish


def answers(predicted: Any, classes: tuple[Any, ...] | None, **outputs: Any) -> Answers:
    arrays = {"predict": (np.asarray(predicted),)} | {name: (np.asarray(values),) for name, values in outputs.items()}
    return Answers(outputs=arrays, classes=classes, count=len(predicted))


def criterion(name: str, target: list[Any], model: Answers, **members: Any) -> Criterion:
    wish = Wish.from_document({"target": "label", "metrics": [{"name": name, "min": -1}], **members})
    dataset = Dataset(columns={}, textual=True, target=target, weights=None, slices={})
    return judge(wish, dataset, model, None, "seed").criteria[0]


DETECTED = answers([1, -1] * 50, None, decision_function=[1.0, -1.0] * 50)


@pytest.mark.parametrize("as_text", [True, False])
def test_whole_numbers_beyond_floats_are_told_apart(as_text: bool) -> None:  # noqa: FBT001
    classes = (2**53, 2**53 + 1)
    target = [str(each) if as_text else each for each in classes]
    assert targets_of(target, answers(classes, classes), "label").tolist() == list(classes)


def test_outliers_may_be_the_positive_class() -> None:
    assert criterion("recall", ["1", "-1"] * 50, DETECTED, positiveLabel=-1).value == 1


def test_detector_of_outliers_refuses_other_labels() -> None:
    with pytest.raises(InvalidDataset, match="holds 1, 0, and the model is a detector of outliers; write -1"):
        criterion("accuracy", ["1", "0"] * 50, DETECTED)


def test_booleans_have_a_mean_error() -> None:
    predicted = answers([True, False] * 50, (False, True))
    assert criterion("neg_mean_absolute_error", ["true", "true"] * 50, predicted).value == -0.5


@pytest.mark.parametrize("text", ["NA", "null", "None"])
def test_missing_target_is_refused_unless_it_is_a_class(text: str) -> None:
    with pytest.raises(InvalidDataset, match=f"is '{text}' in row 1"):
        targets_of(["a", text], answers(["a", "b"], ("a", "b")), "label")
    assert targets_of(["a", text], answers(["a", text], ("a", text)), "label").tolist() == ["a", text]
