"""Strategies become steps, and steps sizes."""

from datetime import timedelta
from typing import Any

import pytest

from modelway.rollout.steps import Step, steps_of
from support.operator.rollout_world import spec


@pytest.mark.parametrize(
    ("strategy", "fields", "steps"),
    [
        ("Rolling", {}, ()),
        ("Canary", {}, (Step(weight=5), Step(weight=25), Step(weight=50))),
        (
            "Canary",
            {"steps": [{"weight": 1, "hold": "2m"}, {"weight": 100}]},
            (Step(weight=1, hold=timedelta(minutes=2)), Step(weight=100)),
        ),
        ("BlueGreen", {}, (Step(weight=100, hold=timedelta(minutes=10), full_size=True),)),
        ("BlueGreen", {"scaleDownDelay": "0s"}, (Step(weight=100, hold=timedelta(), full_size=True),)),
        ("Shadow", {}, (Step(mirror=100),)),
        ("Shadow", {"mirror": 30}, (Step(mirror=30),)),
    ],
)
def test_strategy_becomes_steps(strategy: str, fields: dict[str, Any], steps: tuple[Step, ...]) -> None:
    assert steps_of(spec(strategy, **fields)) == steps


@pytest.mark.parametrize(
    ("step", "stable", "size"),
    [
        (Step(weight=5), 1, 1),
        (Step(weight=5), 19, 1),
        (Step(weight=5), 20, 2),
        (Step(weight=50), 3, 3),
        (Step(weight=10), 70, 8),
        (Step(weight=90), 7, 7),
        (Step(weight=100), 7, 7),
        (Step(mirror=30), 10, 3),
        (Step(mirror=100), 3, 3),
        (Step(weight=100, full_size=True), 7, 7),
        (Step(weight=5), 0, 1),
    ],
)
def test_candidate_has_pods_for_its_share(step: Step, stable: int, size: int) -> None:
    assert step.size(stable) == size
