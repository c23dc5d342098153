"""When a server stops asking a candidate that fails."""

import random

import pytest

from modelway_server.traffic.breaker import Weighed, weigh
from modelway_server.traffic.shared import Shared


def trials_until_enough(allowed: float, rate: float, seed: int, most: int, good: int = 0) -> int | None:
    """How many requests a candidate of that rate of failures gets after `good` ones; None for more than `most`."""
    dice = random.Random(seed)
    weighed = Weighed()
    for _ in range(good):
        weighed = weigh(weighed, allowed, failed=False)
    for trial in range(1, most + 1):
        weighed = weigh(weighed, allowed, failed=dice.random() < rate)
        if weighed.is_enough:
            return trial
    return None


@pytest.mark.parametrize(
    ("allowed", "good", "expected"), [(0.001, 0, 3), (0.01, 0, 4), (0.0, 0, 3), (0.001, 10_000, 6)]
)
def test_candidate_that_fails_everything_is_stopped_at_once(allowed: float, good: int, expected: int) -> None:
    assert trials_until_enough(allowed, 1.0, 0, 100, good) == expected


def test_candidate_that_fails_as_often_as_it_may_goes_on() -> None:
    """The promise is one in 500,000; of 60 rollouts of 3,000 requests none may be stopped."""
    assert [trials_until_enough(0.01, 0.01, seed, 3_000) for seed in range(60)] == [None] * 60


def test_candidate_that_fails_a_tenth_is_stopped_soon() -> None:
    trials = sorted(trials_until_enough(0.001, 0.1, seed, 5_000) or 5_000 for seed in range(200))
    assert trials[100] <= 50
    assert trials[-1] <= 200


def test_evidence_is_that_of_one_rollout() -> None:
    shared = Shared(1)
    shared.begin("w-1")
    for _ in range(3):
        shared.weigh(0.001, failed=True)
    assert shared.is_stopped
    shared.begin("w-2")
    assert not shared.is_stopped
