"""A model is asked the methods that metrics take, and answers as if it were asked all of them."""

from typing import Any

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.metrics import get_scorer, get_scorer_names

from modelway_server.evaluation.answers import Answers, answers_of
from modelway_server.evaluation.dataset import Dataset
from modelway_server.evaluation.responses import RESPONSES
from modelway_server.runtimes.estimators.runtime import EstimatorRuntime
from support.models import WINE, WINE_KINDS

METHODS = ("predict", "decision_function", "predict_proba")


def response_of(name: str) -> tuple[str, ...]:
    """The methods that scikit-learn's scorer takes, the first of them before others."""
    response: Any = get_scorer(name)._response_method
    return (response,) if isinstance(response, str) else tuple(response)


def test_methods_of_scorers_are_those_of_scikit_learn() -> None:
    assert {name: response_of(name) for name in RESPONSES} == RESPONSES
    others = {response_of(name) for name in get_scorer_names() if name not in RESPONSES}
    assert others == {("predict",)}, "each that takes more than labels is known"


def answers(scorers: list[str]) -> Answers:
    """What a classifier answers to rows for some scorers."""
    runtime = EstimatorRuntime(LinearDiscriminantAnalysis().fit(WINE, WINE_KINDS), METHODS, None)
    runtime.warm_up()
    columns = {f"x{index}": values for index, values in enumerate(WINE.T.tolist())}
    return answers_of(runtime, Dataset(columns=columns, textual=False, target=(), weights=None, slices={}), scorers)


@pytest.mark.parametrize(
    ("scorers", "methods"),
    [
        (["accuracy", "f1_macro"], ["predict"]),
        (["neg_log_loss"], ["predict_proba"]),
        (["roc_auc", "recall_macro"], ["predict", "decision_function"]),
        (["accuracy", "r2"], list(METHODS)),
        ([], list(METHODS)),
    ],
)
def test_classifier_is_asked_what_its_metrics_take(scorers: list[str], methods: list[str]) -> None:
    some, everything = answers(scorers), answers([])
    assert set(some.outputs) == set(methods)
    assert some.classes == everything.classes == (0, 1, 2)
    for method in methods:
        assert np.array_equal(some.outputs[method], everything.outputs[method])


def test_metric_that_the_model_cannot_have_leaves_all_methods() -> None:
    runtime = EstimatorRuntime(Ridge().fit(WINE, WINE_KINDS), ("predict",), None)
    runtime.warm_up()
    columns = {f"x{index}": values for index, values in enumerate(WINE.T.tolist())}
    dataset = Dataset(columns=columns, textual=False, target=(), weights=None, slices={})
    assert list(answers_of(runtime, dataset, ["neg_log_loss"]).outputs) == ["predict"]
