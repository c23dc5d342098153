"""What status holds is the state, and the definition accepts it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway.api.crd import custom_resource_definition
from modelway.api.status import RolloutMeasure
from modelway.cli.admission.rules import matches
from modelway.cli.admission.structural import unknown_fields, violations
from modelway.rollout.judge import SLOW, Counts
from modelway.rollout.measures import CANDIDATE, STABLE, Series
from modelway.rollout.state import Cause, Pause, Phase, RolloutState

ROOT = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
SCHEMA = ROOT["status"]["properties"]["rollout"]
SECONDS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 -- they get their zone
    lambda it: it.replace(microsecond=0)
)
MILLISECONDS = st.builds(lambda it, ms: it.replace(microsecond=ms * 1000), SECONDS, st.integers(0, 999))
NUMBERS = st.integers(0, 1000)
MEASURES = st.builds(
    lambda bad, good, stable, share: RolloutMeasure.model_construct(
        name=SLOW,
        bad=bad,
        trials=bad + good,
        share=share,
        bound=0.1,
        outcome="Undecided",
        needed=None,
        evidence=-1.5,
        stable_bad=None if stable is None else 0,
        stable_trials=stable,
    ),
    *(NUMBERS, NUMBERS, st.none() | NUMBERS, st.none() | st.floats(0, 1)),
)
STATES = st.builds(
    RolloutState,
    id=st.just("bcdfghjklm-1-t5xk2a"),
    strategy=st.sampled_from(["Canary", "BlueGreen", "Shadow"]),
    phase=st.sampled_from(Phase),
    revision=st.just("bcdfghjklm"),
    stable=st.just("nopqrstvwx"),
    attempt=st.integers(1, 9),
    step=st.integers(0, 2),
    steps=st.just(3),
    weight=st.integers(0, 100),
    mirror=st.integers(0, 100),
    honouring=st.integers(0, 3),
    pods=st.just(3),
    started=SECONDS,
    timeout_from=st.none() | SECONDS,
    since=st.none() | SECONDS,
    unready=st.none() | SECONDS,
    paused=st.none() | SECONDS,
    pause=st.none() | st.sampled_from(Pause),
    ended=st.none() | SECONDS,
    message=st.text(max_size=20),
    cause=st.none() | st.sampled_from(Cause),
    by=st.none() | st.just("alice"),
    order=st.none() | MILLISECONDS,
    requests_before=NUMBERS,
    measures=st.lists(MEASURES, max_size=2).map(tuple),
)
STARTED: dict[str, Any] = {
    "id": "w-1-a",
    "strategy": "Canary",
    "phase": "Starting",
    "revision": "w",
    "stable": "s",
    "attempt": 1,
    "step": 0,
    "steps": 3,
    "weight": 0,
    "mirror": 0,
    "started": "2026-11-30T12:00:00Z",
}


@settings(max_examples=40)
@given(STATES)
def test_state_is_read_as_it_was_written(state: RolloutState) -> None:
    written = state.to_status()
    assert list(unknown_fields(written, SCHEMA)) == list(violations(written, SCHEMA, matches)) == []
    assert RolloutState.from_status(written) == state


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {**STARTED, "phase": "Dreaming"},
        {**STARTED, "started": "now"},
        {**STARTED, "started": "2026-11-30T12:00:00"},
    ],
)
def test_unreadable_status_is_no_state(document: dict[str, Any] | None) -> None:
    assert RolloutState.from_status(document) is None


def test_long_message_is_cut_to_what_status_takes() -> None:
    state = RolloutState.from_status(STARTED)
    assert state is not None
    assert list(violations(replace(state, message="m" * 9999).to_status(), SCHEMA, matches)) == []


def test_fields_of_a_later_release_are_ignored() -> None:
    measure = {"name": SLOW, "bad": 0, "trials": 1, "bound": 0.1, "outcome": "Undecided", "evidence": 0, "later": 1}
    newer = {**STARTED, "later": {"x": 1}, "measures": [measure]}
    state = RolloutState.from_status(newer)
    assert state is not None
    assert [one.trials for one in state.measures] == [1]


@settings(max_examples=40)
@given(STATES)
def test_state_remembers_what_was_counted(state: RolloutState) -> None:
    for one in state.measures[-1:]:
        assert state.evidence[Series(one.name, CANDIDATE)] == Counts(one.bad, one.trials)
        assert (Series(one.name, STABLE) in state.evidence) >= (one.stable_trials is not None)
