"""Rows that say nothing about a metric decide nothing, and a width of zero is no evidence."""

from typing import Any

import numpy as np
import pytest

from modelway_server.errors import EvaluationFailed, InvalidDataset
from modelway_server.evaluation.answers import Answers
from modelway_server.evaluation.dataset import Dataset
from modelway_server.evaluation.gate import judge
from modelway_server.evaluation.report import Criterion, Outcome
from modelway_server.evaluation.wish import Wish


def criteria_of(
    limit: dict[str, Any], target: Any, candidate: Any, stable: Any = None, part: Any = None, **outputs: Any
) -> tuple[Criterion, ...]:
    members = {} if part is None else {"slices": ["part"]}
    wish = Wish.from_document({"target": "label", "metrics": [limit], **members})
    dataset = Dataset(
        columns={},
        textual=False,
        target=list(target),
        weights=None,
        slices={} if part is None else {"part": np.asarray(part)},
    )
    before = None if stable is None else answers(stable)
    return judge(wish, dataset, answers(candidate, **outputs), before, "seed").criteria


def answers(predicted: Any, **outputs: Any) -> Answers:
    array = np.asarray(predicted)
    arrays = {"predict": (array,)} | {name: (np.asarray(values),) for name, values in outputs.items()}
    return Answers(outputs=arrays, classes=None if array.dtype.kind == "f" else (0, 1), count=len(array))


def of_rare(criteria: tuple[Criterion, ...]) -> Criterion:
    return next(one for one in criteria if one.slice == "part=rare")


TARGET = np.r_[np.zeros(100, int), np.arange(1400) % 3 == 0].astype(int)
PART = ["rare"] * 100 + ["ok"] * 1400
FEW_WRONG = np.r_[np.ones(5, int), TARGET[5:]]
OF_CLASSES = (
    "average_precision",
    "balanced_accuracy",
    "f1",
    "f1_macro",
    "jaccard",
    "matthews_corrcoef",
    "precision",
    "recall",
    "recall_macro",
)


@pytest.mark.parametrize("predicted", [TARGET, FEW_WRONG], ids=["right", "few wrong"])
@pytest.mark.parametrize("name", OF_CLASSES)
def test_slice_without_positives_is_inconclusive(name: str, predicted: Any) -> None:
    scores = np.c_[1 - predicted, predicted] * 0.8 + 0.1
    one = of_rare(criteria_of({"name": name, "min": 0.6}, TARGET, predicted, part=PART, predict_proba=scores))
    assert (one.value, one.outcome) == (None, Outcome.INCONCLUSIVE)


@pytest.mark.parametrize("name", ["f1", "recall", "balanced_accuracy", "matthews_corrcoef"])
def test_comparison_without_positives_is_inconclusive(name: str) -> None:
    limit = {"name": name, "notWorseThanStableBy": 0.02}
    assert of_rare(criteria_of(limit, TARGET, TARGET, TARGET, PART)).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("name", OF_CLASSES[1:])
def test_dataset_without_positives_is_refused(name: str) -> None:
    with pytest.raises(InvalidDataset, match=f"{name} is not defined for this dataset: (no row has|its 50 rows have)"):
        criteria_of({"name": name, "min": 0.1}, [0] * 50, [0] * 50)


def test_macro_over_a_class_without_rows_is_refused() -> None:
    target = [0, 1] * 50
    wish = Wish.from_document({"target": "label", "metrics": [{"name": "f1_macro", "min": 0.1}]})
    dataset = Dataset(columns={}, textual=False, target=target, weights=None, slices={})
    predicted = Answers(outputs={"predict": (np.array([0, 1, 2, 1] * 25),)}, classes=(0, 1, 2), count=100)
    with pytest.raises(InvalidDataset, match="the model answers 2, which no row has"):
        judge(wish, dataset, predicted, None, "seed")


@pytest.mark.parametrize("name", ["recall", "f1", "recall_micro", "f1_weighted"])
def test_rows_of_one_class_all_right_have_a_width(name: str) -> None:
    (one,) = criteria_of({"name": name, "min": 0.9}, [1] * 12, [1] * 12)
    assert one.low is not None
    assert one.low < 0.9
    assert one.outcome is Outcome.INCONCLUSIVE


def test_constant_target_of_a_slice_is_inconclusive() -> None:
    numbers = np.random.default_rng(0).normal(size=1500)
    target = np.where(np.arange(1500) < 100, 0.1, numbers)
    one = of_rare(criteria_of({"name": "r2", "min": 0.8}, target, target + numbers / 100, part=PART))
    assert (one.value, one.outcome) == (None, Outcome.INCONCLUSIVE)


NUMBERS = np.random.default_rng(0).normal(size=400)
ABSOLUTE = "neg_mean_absolute_error"


def test_equal_errors_are_no_proof_of_a_loss() -> None:
    (one,) = criteria_of({"name": ABSOLUTE, "min": -1.0001}, np.arange(10.0), np.arange(10.0) + 1)
    assert one.outcome is Outcome.INCONCLUSIVE


def test_equal_answers_of_few_rows_are_no_proof_of_a_loss() -> None:
    target = NUMBERS[:50]
    (one,) = criteria_of({"name": ABSOLUTE, "notWorseThanStableBy": 0.0001}, target, target * 0, target * 0)
    assert one.outcome is Outcome.INCONCLUSIVE


def test_equal_answers_of_many_rows_are_a_proof() -> None:
    (one,) = criteria_of({"name": ABSOLUTE, "notWorseThanStableBy": 0.2}, NUMBERS, NUMBERS * 0, NUMBERS * 0)
    assert one.outcome is Outcome.PASSED


@pytest.mark.parametrize("rows", [1, 3, 10, 99])
def test_largest_error_of_few_rows_is_inconclusive(rows: int) -> None:
    (one,) = criteria_of({"name": "neg_max_error", "min": -1}, NUMBERS[:rows], NUMBERS[:rows] * 0.9)
    assert one.outcome is Outcome.INCONCLUSIVE


NO_NUMBER = np.r_[NUMBERS[:3], np.nan, NUMBERS[4:]]


def test_candidate_that_answers_no_number_fails() -> None:
    with pytest.raises(EvaluationFailed, match=r"the model answers nan \(predict\) to row 3"):
        criteria_of({"name": ABSOLUTE, "min": -1}, NUMBERS, NO_NUMBER)


def test_stable_that_answers_no_number_is_not_compared() -> None:
    limit = {"name": ABSOLUTE, "min": -1, "notWorseThanStableBy": 0.1}
    wish = Wish.from_document({"target": "label", "metrics": [limit]})
    dataset = Dataset(columns={}, textual=False, target=list(NUMBERS), weights=None, slices={})
    report = judge(wish, dataset, answers(NUMBERS + NUMBERS / 10), answers(NO_NUMBER), "seed")
    assert [one.rule for one in report.criteria] == ["min"]
    assert "because the stable revision answers nan (predict) to row 3" in report.skipped[0]


@pytest.mark.parametrize("rows", [5, 50, 300])
def test_same_answers_of_few_rows_say_how_many_tell(rows: int) -> None:
    limit = {"name": "accuracy", "notWorseThanStableBy": 0.02}
    target = np.arange(rows) % 2
    (one,) = criteria_of(limit, target, target, target)
    assert one.outcome is Outcome.INCONCLUSIVE
    assert one.rows_needed is not None
    enough = np.arange(one.rows_needed) % 2
    assert criteria_of(limit, enough, enough, enough)[0].outcome is Outcome.PASSED


def test_message_and_remedy_name_the_same_limit() -> None:
    wish = Wish.from_document(
        {"target": "label", "metrics": [{"name": name, "notWorseThanStableBy": 0.02} for name in ("accuracy", "f1")]}
    )
    target = np.arange(60) % 2
    dataset = Dataset(columns={}, textual=False, target=list(target), weights=None, slices={})
    report = judge(wish, dataset, answers(target), answers(target), "seed")
    foremost = max(report.criteria, key=lambda one: one.rows_needed or 0)
    assert report.message.startswith(f"{foremost.metric} is 1 and 1")
    assert f"about {foremost.rows_needed:,} would" in report.message
    assert f"about {foremost.rows_needed:,} rows for {foremost.metric}" in report.remedy


def test_stable_without_a_value_does_not_refuse_the_dataset() -> None:
    wish = Wish.from_document({"target": "label", "metrics": [{"name": "f1_macro", "notWorseThanStableBy": 0.1}]})
    target = np.arange(200) % 2
    dataset = Dataset(columns={}, textual=False, target=list(target), weights=None, slices={})
    stable = Answers(outputs={"predict": (np.r_[2, target[1:]],)}, classes=(0, 1, 2), count=200)
    report = judge(wish, dataset, answers(target), stable, "seed")
    assert report.outcome is Outcome.INCONCLUSIVE
    assert "not defined for the answers of the stable revision" in report.message
