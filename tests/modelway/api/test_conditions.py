"""The look-up of a condition, among views and in JSON."""

from modelway.api import conditions
from modelway.observed import Condition

READY = Condition("Ready", "True", "", "")


def test_condition_is_found_by_its_type() -> None:
    assert conditions.find([Condition("Available", "True", "", ""), READY], "Ready") is READY
    assert conditions.find([{"type": "Ready", "status": "True"}], "Ready") == {"type": "Ready", "status": "True"}


def test_missing_condition_is_none() -> None:
    assert conditions.find([READY], "Stalled") is None
    assert conditions.find([{}], "Ready") is None
    assert conditions.find(None, "Ready") is None
