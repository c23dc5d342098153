"""Of which models integers are amounts."""

from types import SimpleNamespace
from typing import Any

import pytest
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.plane import DataPlane


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (DummyRegressor(), True),
        (make_pipeline(StandardScaler(), DummyRegressor()), True),
        (DummyClassifier(), False),
        (KMeans(), False),
        (object(), False),
    ],
)
def test_integers_of_regressors_alone_are_amounts(estimator: Any, *, expected: bool) -> None:
    holder: Any = SimpleNamespace(estimator=estimator, evaluate_by=None)
    assert DataPlane(holder, Identity(name="m")).gives_amounts is expected


def test_integers_of_a_model_without_such_an_object_are_labels() -> None:
    runtime: Any = SimpleNamespace()
    assert not DataPlane(runtime, Identity(name="m")).gives_amounts
