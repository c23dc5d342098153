"""Evidence is kept over pods that restart, vanish or do not answer, and over operators; nothing counts twice."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.api.status import RolloutMeasure
from modelway.rollout.counts import Ledger, PodSample, enter, open_ledger, stable_pods, unreachable_in
from modelway.rollout.judge import FAILED, Counts
from modelway.rollout.measures import CANDIDATE, Series
from modelway.rollout.state import Phase, RolloutState

ID = "w-1-a"
SERIES = Series(FAILED, CANDIDATE)


def _state(trials: int = 0, **fields: Any) -> RolloutState:
    measure = RolloutMeasure(name=FAILED, bad=0, trials=trials, bound=0.001, outcome="Undecided", evidence=0.0)
    state = RolloutState(
        id=ID,
        strategy="Canary",
        phase=Phase.PROGRESSING,
        revision="w",
        stable="s",
        attempt=1,
        steps=3,
        started=datetime(2026, 1, 1, tzinfo=UTC),
        measures=(measure,),
    )
    return replace(state, **fields)


def _sample(trials: int, **fields: Any) -> PodSample:
    return PodSample(**{"rollout": ID, "evidence": {SERIES: Counts(0, trials)}, **fields})


def _look(ledger: Ledger, pods: str, **trials: int) -> Ledger:
    return enter(ledger, {pod: _sample(number) for pod, number in trials.items()}, pods)


def _total(ledger: Ledger) -> int:
    return ledger.totals().get(SERIES, Counts(0, 0)).trials


def test_counts_of_all_pods_are_added() -> None:
    assert _total(_look(open_ledger(_state(), "ab"), "ab", a=3, b=4)) == 7


def test_pod_that_does_not_answer_keeps_its_last_counts() -> None:
    ledger = _look(open_ledger(_state(), "ab"), "ab", a=3, b=4)
    assert _total(_look(ledger, "ab", a=5)) == 9


def test_restarted_pod_adds_to_what_it_had_counted() -> None:
    ledger = _look(open_ledger(_state(), "a"), "a", a=30)
    assert _total(_look(ledger, "a", a=2)) == 32


def test_vanished_pod_keeps_its_counts() -> None:
    ledger = _look(open_ledger(_state(), "ab"), "ab", a=3, b=4)
    assert _total(_look(ledger, "ac", a=3, c=1)) == 8


def test_counters_of_another_rollout_are_not_read() -> None:
    ledger = enter(open_ledger(_state(), "a"), {"a": _sample(9, rollout="w-0-a")}, "a")
    assert _total(ledger) == 0


def test_new_operator_goes_on_from_status() -> None:
    ledger = _look(open_ledger(_state(trials=100), "ab"), "ab", a=30, b=50)
    assert _total(ledger) == 100
    assert _total(_look(ledger, "ab", a=31, b=60)) == 111


def test_pod_read_late_by_a_new_operator_counts_once() -> None:
    ledger = _look(open_ledger(_state(trials=100), "ab"), "ab", a=60)
    assert _total(ledger) == 100
    assert _total(_look(ledger, "ab", b=70)) == 130


def test_pod_that_came_after_a_new_operator_counts_in_full() -> None:
    ledger = _look(open_ledger(_state(trials=100), "a"), "a", a=100)
    assert _total(_look(ledger, "ac", a=100, c=5)) == 105


LIVES = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from(["count", "restart", "vanish", "look", "look at one", "new operator"])
    ),
    max_size=40,
)


@given(LIVES)
def test_no_request_counts_twice_whatever_happens(life: list[tuple[str, str]]) -> None:
    pods = {"a": 0, "b": 0, "c": 0}
    really, known = 0, 0
    ledger = open_ledger(_state(), pods)
    for number, (letter, event) in enumerate(life):
        pod = next(name for name in pods if name.startswith(letter))
        match event:
            case "count":
                pods[pod] += 10
                really += 10
            case "restart":
                pods[pod] = 0
            case "vanish":
                del pods[pod]
                pods[f"{letter}{number}"] = 0
            case "new operator":
                ledger = open_ledger(_state(trials=known), pods)
            case _:
                shown = pods if event == "look" else {pod: pods[pod]}
                ledger = enter(ledger, {name: _sample(trials) for name, trials in shown.items()}, pods)
                assert known <= _total(ledger) <= really
                known = _total(ledger)


@pytest.mark.parametrize(
    ("samples", "honouring", "stopped"),
    [
        ({"a": _sample(0, weight=5.0), "b": _sample(0, weight=5)}, 2, 0),
        ({"a": _sample(0, weight=5), "b": _sample(0, weight=1)}, 1, 0),
        ({"a": _sample(0, weight=5), "b": _sample(0, weight=5, rollout="w-0-a")}, 1, 0),
        ({"a": _sample(0, weight=0, is_stopped=True), "b": _sample(0, weight=5)}, 2, 1),
        ({"gone": _sample(0, weight=5)}, 0, 0),
    ],
    ids=["both", "other weight", "other rollout", "stopped by itself", "gone"],
)
def test_pods_that_keep_to_the_weight_are_counted(samples: dict[str, PodSample], honouring: int, stopped: int) -> None:
    pods = stable_pods(_state(weight=5), samples, "ab")
    assert (pods.total, pods.honouring, pods.stopped) == (2, honouring, stopped)
    assert pods.silent == 2 - len(samples.keys() & {"a", "b"})


def test_unreachable_requests_of_this_rollout_are_added() -> None:
    samples = {
        "a": _sample(0, unreachable=3),
        "b": _sample(0, unreachable=4),
        "c": _sample(0, rollout="x", unreachable=9),
    }
    assert unreachable_in(_state(), samples) == 7
