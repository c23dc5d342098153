"""Children follow the state in status: which revisions run, at what size, and what the stable pods are told."""

from dataclasses import replace
from typing import Any

import pytest

from modelway.rollout.course import Course, course_of, revisions_in_use, traffic_of
from modelway.rollout.situation import Main
from modelway.rollout.state import Phase, RolloutState
from support.operator.rollout_world import BEGIN, NEW, NEXT, OLD, World, spec

ADDRESS = "10.96.1.2"


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


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.PROGRESSING, Phase.PAUSED])
def test_candidate_runs_beside_the_stable_revision(phase: Phase) -> None:
    situation = World(spec(), size=30).situation(None)
    assert course_of(_state(phase), situation) == Course(OLD, NEW, 2)
    assert revisions_in_use(_state(phase)) == {OLD, NEW}


def test_candidate_stays_while_it_takes_over() -> None:
    situation = World(spec(), size=30).situation(None)
    assert course_of(_state(Phase.PROMOTING, step=2), situation) == Course(NEW, NEW, 15)


@pytest.mark.parametrize(("phase", "main"), [(Phase.PROMOTED, NEW), (Phase.ROLLED_BACK, OLD)])
def test_nothing_of_a_candidate_is_left_at_the_end(phase: Phase, main: str) -> None:
    assert course_of(_state(phase), World(spec()).situation(None)) == Course(main)
    assert traffic_of(_state(phase), spec(), ADDRESS) is None


@pytest.mark.parametrize(
    ("changes", "main"),
    [
        ({}, OLD),
        ({"wanted": OLD}, OLD),
        ({"stable": None}, NEW),
        ({"stable": None, "is_accepted": False}, NEW),
        ({"is_accepted": False}, OLD),
        ({"rollout": spec("Rolling")}, NEW),
        ({"main": Main(NEW)}, NEW),
        ({"main": Main(NEXT)}, OLD),
    ],
    ids=["waits", "stable", "first", "first of all", "on trial", "rolling", "rolls", "replaces what rolls"],
)
def test_without_a_rollout_the_wanted_revision_runs_if_it_may(changes: dict[str, Any], main: str) -> None:
    assert course_of(None, replace(World(spec()).situation(None), **changes)) == Course(main)


def test_stable_pods_are_told_what_to_hand_over() -> None:
    rollout = spec(sticky={"header": "X-User-ID"}, analysis={"maxFailed": "0.5%", "numericTolerance": "1%"})
    assert traffic_of(_state(), rollout, ADDRESS) == {
        "id": "new-1-a",
        "stable": OLD,
        "candidate": NEW,
        "mode": "handover",
        "weight": 5,
        "http": "10.96.1.2:8083",
        "sticky": "x-user-id",
        "maxFailed": 0.005,
        "numericTolerance": 0.01,
    }


def test_shadow_is_told_the_share_of_copies() -> None:
    traffic = traffic_of(_state(strategy="Shadow", weight=0, mirror=30), spec("Shadow", mirror=30), ADDRESS)
    assert traffic is not None
    assert (traffic["mode"], traffic["weight"], traffic["sticky"]) == ("mirror", 30, None)


def test_address_of_version_6_stands_in_brackets() -> None:
    traffic = traffic_of(_state(), spec(), "fd00::1")
    assert traffic is not None
    assert traffic["http"] == "[fd00::1]:8083"


@pytest.mark.parametrize("address", [None, ""])
def test_nothing_is_told_before_the_service_has_an_address(address: str | None) -> None:
    assert traffic_of(_state(), spec(), address) is None
