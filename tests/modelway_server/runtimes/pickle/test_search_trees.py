"""A search tree, or its metric, that leads out of itself is refused."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import DistanceMetric
from sklearn.neighbors import BallTree, KDTree

from modelway_server.errors import UnsafeArtifact
from modelway_server.runtimes.pickle.structure import check_state
from support.files.states import state_of
from support.models import WINE


@pytest.mark.parametrize("kind", [KDTree, BallTree])
@pytest.mark.parametrize("part", [1, 2, 3, 4, 5, 6])
def test_search_tree_that_leads_out_of_itself_is_refused(kind: Any, part: int) -> None:
    name, state = state_of(kind(WINE[:40], leaf_size=5))
    check_state(name, state)
    wrong = {1: state[1] + 40, 2: state[2][:3], 3: state[3][:, :2], 4: 0, 5: 70, 6: 99}[part]
    with pytest.raises(UnsafeArtifact, match="rule structure"):
        check_state(name, (*state[:part], wrong, *state[part + 1 :]))


METRICS: dict[str, tuple[str, dict[str, Any]]] = {
    "weights": ("minkowski", {"w": np.ones(13)}),
    "variances": ("seuclidean", {"V": np.ones(13)}),
    "an inverse covariance": ("mahalanobis", {"VI": np.eye(13)}),
}


@pytest.mark.parametrize("what", METRICS)
def test_metric_of_fewer_columns_than_its_tree_is_refused(what: str) -> None:
    metric, parameters = METRICS[what]
    name, state = state_of(BallTree(WINE, metric=metric, **parameters))
    check_state(name, state)
    narrow = DistanceMetric.get_metric(metric, **{key: np.eye(4) if key == "VI" else np.ones(4) for key in parameters})
    with pytest.raises(UnsafeArtifact, match="the metric measures other columns"):
        check_state(name, (*state[:11], narrow, *state[12:]))


def test_distance_on_a_globe_takes_two_columns() -> None:
    name, state = state_of(BallTree(WINE[:, :2], metric="haversine"))
    check_state(name, state)
    wide = state_of(BallTree(WINE))[1]
    with pytest.raises(UnsafeArtifact, match="the metric measures other columns"):
        check_state(name, (*wide[:11], state[11], *wide[12:]))


def test_metric_whose_matrix_is_not_square_is_refused() -> None:
    name, (power, vector, matrix) = state_of(DistanceMetric.get_metric("mahalanobis", VI=np.eye(4)))
    check_state(name, (power, vector, matrix))
    with pytest.raises(UnsafeArtifact, match="not square"):
        check_state(name, (power, vector, matrix[:, :1]))


@pytest.mark.parametrize("part", [0, 1])
def test_search_tree_of_boxes_has_both_corners(part: int) -> None:
    name, state = state_of(KDTree(WINE))
    with pytest.raises(UnsafeArtifact, match="bounds are not those"):
        check_state(name, (*state[:3], state[3][part : part + 1], *state[4:]))
