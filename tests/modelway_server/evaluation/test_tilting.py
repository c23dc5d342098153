"""Properties of bounds that hold whatever the values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from modelway_server.evaluation.tilting import lower_tilt

VALUES = st.lists(st.floats(-1, 1, width=32), min_size=10, max_size=60).map(np.array)
LEVELS = st.floats(1e-5, 0.2)


def lower(values: np.ndarray, level: float) -> float:
    return lower_tilt(values, -1.0, level).shift


@given(VALUES, LEVELS)
@settings(max_examples=60, deadline=None)
def test_bound_is_between_the_worst_and_the_mean(values: np.ndarray, level: float) -> None:
    assert -1 - 1e-12 <= lower(values, level) <= values.mean() + 1e-12


@given(VALUES, LEVELS)
@settings(max_examples=60, deadline=None)
def test_bound_of_a_smaller_level_is_not_higher(values: np.ndarray, level: float) -> None:
    assert lower(values, level / 3) <= lower(values, level) + 1e-9


@given(VALUES, LEVELS, st.floats(0.01, 100), st.floats(-10, 10))
@settings(max_examples=60, deadline=None)
def test_bound_moves_with_the_scale(values: np.ndarray, level: float, scale: float, shift: float) -> None:
    moved = lower_tilt(values * scale + shift, -scale + shift, level).shift
    assert moved == pytest.approx(lower(values, level) * scale + shift, abs=1e-6 * scale + 1e-9 * abs(shift))


@given(VALUES, LEVELS)
@settings(max_examples=60, deadline=None)
def test_multiples_weigh_to_the_bound(values: np.ndarray, level: float) -> None:
    tilt = lower_tilt(values, -1.0, level)
    mean = (tilt.multipliers * values).sum() / len(values) - tilt.share
    assert mean == pytest.approx(tilt.shift, abs=1e-9)


@pytest.mark.parametrize(("rows", "hits"), [(50, 45), (500, 450), (1000, 1000), (2000, 40), (10_000, 9_990)])
def test_bound_of_a_share_is_near_clopper_and_pearsons(rows: int, hits: int) -> None:
    exact = beta.ppf(0.001, hits, rows - hits + 1)
    bound = lower_tilt((np.arange(rows) < hits).astype(float), 0.0, 0.001).shift
    assert hits / rows - bound == pytest.approx(hits / rows - exact, rel=0.25)
