"""The gate as a whole: labelled rows, two models' answers, a verdict."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from modelway_server.errors import EvaluationFailed, EvaluationInconclusive, InvalidDataset
from modelway_server.evaluation.answers import Answers, answers_of
from modelway_server.evaluation.dataset import Dataset, read_dataset
from modelway_server.evaluation.gate import judge
from modelway_server.evaluation.report import Outcome, Report
from modelway_server.evaluation.wish import OnInconclusive, Wish
from modelway_server.runtimes.estimators.runtime import EstimatorRuntime

ROWS = 1000


def wish_of(*metrics: dict[str, Any], **members: Any) -> Wish:
    return Wish.from_document({"target": "label", "metrics": list(metrics), **members})


def dataset_of(target: Any, slices: dict[str, Any] | None = None, weights: Any = None) -> Dataset:
    columns = {name: np.array(values) for name, values in (slices or {}).items()}
    return Dataset(columns={}, textual=True, target=[str(each) for each in target], weights=weights, slices=columns)


def labels(predicted: Any, classes: tuple[Any, ...] | None = (0, 1), **outputs: Any) -> Answers:
    arrays = {"predict": (np.asarray(predicted),)} | {name: (np.asarray(values),) for name, values in outputs.items()}
    return Answers(outputs=arrays, classes=classes, count=len(predicted))


def drawn(share: float = 0.9) -> tuple[Any, Any]:
    """Targets, and answers of which this share is right."""
    draw = np.random.default_rng(0)
    target = draw.integers(0, 2, ROWS)
    return target, np.where(draw.random(ROWS) < share, target, 1 - target)


def verdict(metric: dict[str, Any], share: float = 0.9, **members: Any) -> Report:
    target, predicted = drawn(share)
    return judge(wish_of(metric, **members), dataset_of(target), labels(predicted), None, "seed")


def test_file_and_model_give_scikit_learns_value(tmp_path: Path) -> None:
    rows, target = load_breast_cancer(return_X_y=True, as_frame=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows[::2].to_numpy(), target[::2])
    rows.assign(label=target).to_csv(tmp_path / "rows.csv", index=False)
    wish = wish_of({"name": "accuracy", "min": 0.9})
    dataset = read_dataset(tmp_path, wish)
    runtime = EstimatorRuntime(model, ("predict", "predict_proba"), None)
    runtime.warm_up()
    report = judge(wish, dataset, answers_of(runtime, dataset), None, "seed")
    assert report.criteria[0].value == model.score(rows.to_numpy(), target)


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [
        ({"min": 0.8}, Outcome.PASSED),
        ({"min": 0.9}, Outcome.INCONCLUSIVE),
        ({"min": 0.97}, Outcome.FAILED),
        ({"max": 0.97}, Outcome.PASSED),
        ({"max": 0.8}, Outcome.FAILED),
        ({"min": 0.8, "max": 0.97}, Outcome.PASSED),
    ],
)
@pytest.mark.parametrize("name", ["accuracy", "f1", "precision_macro"])
def test_limit_ends_by_the_whole_interval(name: str, limit: dict[str, float], outcome: Outcome) -> None:
    assert verdict({"name": name, **limit}).outcome is outcome


def test_interval_holds_the_value() -> None:
    (one,) = verdict({"name": "f1", "min": 0.9}).criteria
    assert one.low is not None
    assert one.value is not None
    assert one.high is not None
    assert one.low < one.value < one.high


def test_interval_of_a_share_is_between_0_and_1() -> None:
    wish = wish_of({"name": "precision", "min": 0.5})
    (one,) = judge(wish, dataset_of([0, 1] * 50), labels([0] * 100), None, "seed").criteria
    assert (one.low, one.high, one.outcome) == (0.0, 1.0, Outcome.INCONCLUSIVE)


def test_failure_has_the_reason_of_its_outcome() -> None:
    assert isinstance(verdict({"name": "accuracy", "min": 0.97}).failure(), EvaluationFailed)
    assert isinstance(verdict({"name": "accuracy", "min": 0.9}).failure(), EvaluationInconclusive)
    assert verdict({"name": "accuracy", "min": 0.8}).failure() is None


def test_inconclusive_is_accepted_where_it_may_be() -> None:
    report = verdict({"name": "accuracy", "min": 0.9}, onInconclusive="Accept")
    assert report.on_inconclusive is OnInconclusive.ACCEPT
    assert report.failure() is None


def test_inconclusive_message_says_how_many_rows_tell() -> None:
    report = verdict({"name": "accuracy", "min": 0.88})
    needed = report.criteria[0].rows_needed
    assert needed is not None
    assert needed > ROWS
    assert f"about {needed:,}" in report.message


def test_comparison_without_stable_is_skipped_and_said() -> None:
    report = verdict({"name": "accuracy", "notWorseThanStableBy": 0.01})
    assert report.outcome is Outcome.PASSED
    assert report.skipped == ("accuracy: notWorseThanStableBy is not judged, because no stable revision serves yet.",)


def test_same_answers_are_not_worse_by_one_point() -> None:
    target, predicted = drawn()
    wish = wish_of({"name": "accuracy", "notWorseThanStableBy": 0.01})
    report = judge(wish, dataset_of(target), labels(predicted), labels(predicted), "seed")
    assert report.outcome is Outcome.PASSED
    assert report.criteria[0].difference == 0


def test_stable_may_have_classes_of_another_type() -> None:
    target, predicted = drawn()
    wish = wish_of({"name": "f1_macro", "notWorseThanStableBy": 0.05})
    stable = labels(np.array(["0", "1"])[predicted], ("0", "1"))
    (one,) = judge(wish, dataset_of(target), labels(predicted), stable, "seed").criteria
    assert one.difference == 0


@pytest.mark.parametrize("name", ["accuracy", "f1", "roc_auc", "average_precision", "d2_log_loss_score"])
def test_numbers_are_the_same_whatever_the_threads(name: str) -> None:
    draw = np.random.default_rng(1)
    target = draw.integers(0, 2, ROWS)
    scores = np.clip(target * 0.3 + draw.random(ROWS) * 0.7, 0.01, 0.99)
    answers = labels((scores > 0.5).astype(int), predict_proba=np.c_[1 - scores, scores])
    wish = wish_of({"name": name, "min": 0.5, "notWorseThanStableBy": 0.01})
    reports = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            reports.append(judge(wish, dataset_of(target), answers, answers, "seed").document())
    assert reports[0] == reports[1]


def test_perfect_ranking_of_few_rows_is_no_proof() -> None:
    target = np.arange(40) % 2
    answers = labels(target, predict_proba=np.c_[1 - target, target] * 0.8 + 0.1)
    report = judge(wish_of({"name": "roc_auc", "min": 0.99}), dataset_of(target), answers, None, "seed")
    assert report.outcome is Outcome.INCONCLUSIVE


def test_slice_fails_where_the_whole_passes() -> None:
    target, predicted = drawn(0.99)
    country = np.where(np.arange(ROWS) < 100, "LU", "DE")
    predicted = np.where(country == "LU", 1 - target, predicted)
    wish = wish_of({"name": "accuracy", "min": 0.6}, slices=["country"])
    report = judge(wish, dataset_of(target, {"country": country}), labels(predicted), None, "seed")
    assert {one.slice: str(one.outcome) for one in report.criteria} == {
        None: "passed",
        "country=DE": "passed",
        "country=LU": "failed",
    }
    assert report.compact()[0]["slice"] == "country=LU"


def test_slice_of_one_row_is_inconclusive() -> None:
    target, predicted = drawn(0.99)
    country = np.where(np.arange(ROWS) < 1, "LU", "DE")
    wish = wish_of({"name": "accuracy", "min": 0.6}, slices=["country"])
    report = judge(wish, dataset_of(target, {"country": country}), labels(predicted), None, "seed")
    assert report.outcome is Outcome.INCONCLUSIVE
    assert "country=LU" in report.message


def test_slice_without_a_class_is_inconclusive() -> None:
    target, predicted = drawn(0.99)
    country = np.where(target == 1, "LU", "DE")
    scores = predicted * 0.8 + 0.1
    answers = labels(predicted, predict_proba=np.c_[1 - scores, scores])
    wish = wish_of({"name": "roc_auc", "min": 0.6}, slices=["country"])
    report = judge(wish, dataset_of(target, {"country": country}), answers, None, "seed")
    assert [one.value for one in report.criteria if one.slice] == [None, None]
    assert "roc_auc of country=DE is not defined" in report.message


def test_one_row_is_inconclusive() -> None:
    report = judge(wish_of({"name": "accuracy", "min": 0.5}), dataset_of([1]), labels([1]), None, "seed")
    assert report.outcome is Outcome.INCONCLUSIVE
    assert "1 row is too few" in report.message


def test_rows_of_weight_zero_count_for_nothing() -> None:
    target, predicted = drawn()
    weights = (np.arange(ROWS) < ROWS // 2).astype(float)
    wish = wish_of({"name": "accuracy", "min": 0.5}, weight="w")
    (one,) = judge(wish, dataset_of(target, weights=weights), labels(predicted), None, "seed").criteria
    half = judge(wish_of({"name": "accuracy", "min": 0.5}), dataset_of(target[:500]), labels(predicted[:500]), None, "")
    assert (one.rows, one.value, one.low) == (500, half.criteria[0].value, half.criteria[0].low)


def test_largest_error_speaks_of_these_rows_alone() -> None:
    target = np.linspace(0, 1, ROWS)
    wish = wish_of({"name": "neg_max_error", "min": -0.2})
    (one,) = judge(wish, dataset_of(target), labels(target + 0.1, None), None, "seed").criteria
    assert (one.low, one.high, one.outcome) == (one.value, one.value, Outcome.PASSED)


REFUSED: dict[str, tuple[Wish, list[Any], Answers, str]] = {
    "wrong target": (wish_of({"name": "accuracy", "min": 0}), ["a"] * 20, labels([0] * 20), "none is a class"),
    "constant target": (
        wish_of({"name": "roc_auc", "min": 0}),
        [1] * 20,
        labels([1] * 20, predict_proba=np.full((20, 2), 0.5)),
        "roc_auc is not defined for this dataset: its 20 rows have 1 different value",
    ),
    "constant numbers": (
        wish_of({"name": "r2", "min": 0}),
        [1.5] * 20,
        labels(np.linspace(1, 2, 20), None),
        "r2 is not defined for this dataset: its 20 rows have 1 different value",
    ),
    "unknown scorer": (wish_of({"name": "f2", "min": 0}), [0, 1] * 10, labels([0] * 20), "there is no metric 'f2'"),
    "no probabilities": (
        wish_of({"name": "neg_log_loss", "min": 0}),
        [0, 1] * 10,
        labels([0] * 20),
        "takes predict_proba, and the model has predict",
    ),
    "several targets": (
        wish_of({"name": "accuracy", "min": 0}),
        [0, 1] * 10,
        labels(np.zeros((20, 2)), ((0, 1), (0, 1))),
        "2 targets a row",
    ),
    "several numbers": (
        wish_of({"name": "r2", "min": 0}),
        [0.5, 1.5] * 10,
        labels(np.zeros((20, 2)), None),
        "several values a row",
    ),
    "texts for numbers": (
        wish_of({"name": "r2", "min": 0}),
        ["a"] * 20,
        labels([0.5] * 20, None),
        "answers with numbers",
    ),
    "infinite target": (wish_of({"name": "r2", "min": 0}), ["inf"] * 20, labels([0.5] * 20, None), "is inf in row 0"),
    "other label": (
        wish_of({"name": "f1", "min": 0}, positiveLabel="yes"),
        [0, 1] * 10,
        labels([0] * 20),
        "positiveLabel is 'yes', and the model's classes are 0, 1",
    ),
    "no label": (
        wish_of({"name": "f1", "min": 0}),
        ["n", "y"] * 10,
        labels(["n"] * 20, ("n", "y")),
        "set spec.preflight.evaluation.positiveLabel to one of the model's classes: n, y",
    ),
    "weights": (
        wish_of({"name": "rand_score", "min": 0}, weight="w"),
        [0, 1] * 10,
        labels([0] * 20),
        "takes no weights",
    ),
    "regression of labels": (wish_of({"name": "r2", "min": 0}), ["n", "y"] * 10, labels(["n"] * 20, ("n", "y")), "r2"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_evaluated_is_refused_in_words(case: str) -> None:
    wish, target, answers, words = REFUSED[case]
    dataset = dataset_of(target, weights=np.ones(len(target)) if wish.weight else None)
    with pytest.raises(InvalidDataset, match=words.replace("'", ".")):
        judge(wish, dataset, answers, None, "seed")


def test_answers_to_other_rows_are_refused() -> None:
    target, predicted = drawn()
    with pytest.raises(InvalidDataset, match="999 answers to 1000 rows"):
        judge(wish_of({"name": "accuracy", "min": 0}), dataset_of(target), labels(predicted[1:]), None, "seed")


def test_more_criteria_make_intervals_wider() -> None:
    target, predicted = drawn()
    few = judge(wish_of({"name": "accuracy", "min": 0.9}), dataset_of(target), labels(predicted), None, "")
    wish = replace(wish_of({"name": "accuracy", "min": 0.9}), slices=("part",))
    slices = {"part": [str(row % 5) for row in range(ROWS)]}
    many = judge(wish, dataset_of(target, slices), labels(predicted), None, "")
    assert many.criteria[0].low is not None
    assert few.criteria[0].low is not None
    assert many.criteria[0].low < few.criteria[0].low
