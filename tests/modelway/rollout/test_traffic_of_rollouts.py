"""Stable pods are told which revision gets how much, and where it is."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from modelway.api.rollout import Rollout
from modelway.rollout.state import Phase, RolloutState
from modelway.rollout.traffic import traffic_of
from support.operator.rollout_world import BEGIN, NEW, OLD, spec

ADDRESS = "10.96.1.2"
UID = "0a1b"


def _state(phase: Phase = Phase.PROGRESSING, **fields: Any) -> RolloutState:
    state = RolloutState(
        id="new-1-a",
        strategy="Canary",
        phase=phase,
        revision=NEW,
        stable=OLD,
        attempt=1,
        steps=3,
        weight=5,
        started=BEGIN,
    )
    return replace(state, **fields)


@pytest.mark.parametrize("phase", [Phase.PROMOTED, Phase.ROLLED_BACK])
def test_nothing_is_told_after_the_end(phase: Phase) -> None:
    assert traffic_of(_state(phase), spec(), ADDRESS, UID) is None


def test_nothing_is_told_without_a_rollout() -> None:
    assert traffic_of(None, spec(), ADDRESS, UID) is None


def test_stable_pods_are_told_what_to_hand_over() -> None:
    rollout = spec(sticky={"header": "X-User-ID"}, analysis={"maxFailed": "0.5%", "numericTolerance": "1%"})
    assert traffic_of(_state(), rollout, ADDRESS, UID) == {
        "id": "new-1-a",
        "key": hashlib.sha256(b"0a1b new-1-a").hexdigest()[:32],
        "stable": OLD,
        "candidate": NEW,
        "mode": "handover",
        "weight": 5,
        "paceAhead": False,
        "http": "10.96.1.2:8083",
        "sticky": "x-user-id",
        "maxFailed": 0.005,
        "numericTolerance": 0.01,
    }


@pytest.mark.parametrize(
    ("rollout", "is_ahead"),
    [
        (spec("Canary"), False),
        (spec("Canary", steps=[{"weight": 100}]), True),
        (spec("Canary", steps=[{"weight": 5}, {"weight": 100}]), False),
        (spec("BlueGreen"), True),
        (spec("Shadow"), False),
        (spec("Rolling"), False),
    ],
)
def test_pace_is_measured_ahead_where_all_requests_go_at_once(rollout: Rollout, is_ahead: bool) -> None:  # noqa: FBT001
    traffic = traffic_of(_state(), rollout, ADDRESS, UID)
    assert traffic is not None
    assert traffic["paceAhead"] is is_ahead


def test_shadow_is_told_the_share_of_copies() -> None:
    traffic = traffic_of(_state(strategy="Shadow", weight=0, mirror=30), spec("Shadow", mirror=30), ADDRESS, UID)
    assert traffic is not None
    assert (traffic["mode"], traffic["weight"], traffic["sticky"]) == ("mirror", 30, None)


def test_address_of_version_6_stands_in_brackets() -> None:
    traffic = traffic_of(_state(), spec(), "fd00::1", UID)
    assert traffic is not None
    assert traffic["http"] == "[fd00::1]:8083"


@pytest.mark.parametrize("address", [None, ""])
def test_nothing_is_told_before_the_service_has_an_address(address: str | None) -> None:
    assert traffic_of(_state(), spec(), address, UID) is None
