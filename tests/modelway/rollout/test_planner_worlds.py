"""Whatever happens in whatever order: a share is never above its step's, and every path ends in one revision with nothing left over."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway.api.rollout import Rollout
from modelway.rollout.judge import DISAGREEMENT, FAILED, Counts
from modelway.rollout.state import Phase
from modelway.rollout.steps import steps_of
from support.operator.rollout_world import NEW, NEXT, OLD, World, spec

pytestmark = pytest.mark.slow

JUDGED = (
    spec(steps=[{"weight": 20}, {"weight": 50}]),
    spec(steps=[{"weight": 10, "hold": "1m"}, {"weight": 60, "hold": "30s"}], timeout="2h"),
    spec("BlueGreen", scaleDownDelay="1m", onTimeout="Pause"),
    spec("Shadow", mirror=50, onTimeout="Promote", timeout="1h"),
    spec(steps=[{"weight": 20}, {"weight": 50}], trafficRouting="Gateway"),
    spec("BlueGreen", scaleDownDelay="1m", trafficRouting="Gateway"),
)
SPECS = (*JUDGED, spec("Rolling"), JUDGED[0].model_copy(update={"paused": True}))
ACTIONS = ("promote", "abort", "retry", "pause", "resume")

Event = tuple[str, Any]
CLUSTER: list[st.SearchStrategy[Event]] = [
    st.tuples(st.just("deliver"), st.none() | st.just(1)),
    st.tuples(st.just("route"), st.none()),
    st.tuples(st.just("start"), st.none()),
    st.tuples(st.just("start"), st.none()),
    st.tuples(st.just("kill"), st.none()),
    st.tuples(st.just("roll"), st.none() | st.just(1)),
    st.tuples(st.just("lose"), st.none()),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("serve"), st.sampled_from([1, 30, 5000])),
    st.tuples(st.just("wait"), st.sampled_from([1, 20, 90, 600, 4000])),
]
OPERATOR: list[st.SearchStrategy[Event]] = [
    *[st.tuples(st.just("operate"), st.none())] * 4,
    st.tuples(st.just("operate"), st.sampled_from(["observed", "applied"])),
    st.tuples(st.just("forget"), st.none()),
]
PEOPLE: list[st.SearchStrategy[Event]] = [
    st.tuples(st.just("scale"), st.integers(1, 6)),
    st.tuples(st.just("want"), st.sampled_from([OLD, NEW, NEXT])),
    st.tuples(st.just("accept"), st.booleans()),
    st.tuples(st.just("spec"), st.integers(0, len(SPECS) - 1)),
    st.tuples(st.just("ask"), st.sampled_from(ACTIONS)),
    st.tuples(st.just("suspend"), st.booleans()),
    st.tuples(st.just("fail"), st.sampled_from(["", "", "container serve exits with code 1"])),
]


def _set(name: str) -> Callable[[World, Any], None]:
    return lambda it, value: setattr(it, name, value)


DO: dict[str, Callable[[World, Any], None]] = {
    "deliver": lambda it, pods: it.deliver(pods),
    "route": lambda it, _: it.answer_route(),
    "start": lambda it, _: it.start_candidate(),
    "kill": lambda it, _: it.kill_candidate(),
    "roll": lambda it, pods: it.roll(pods),
    "lose": lambda it, _: it.lose_pod(),
    "restart": lambda it, _: it.restart_pod(),
    "serve": lambda it, requests: it.serve(requests),
    "wait": lambda it, seconds: it.wait(seconds=seconds),
    "operate": lambda it, crash: it.operate(crash),
    "forget": _set("ledger"),
    "scale": lambda it, size: it.scale(size),
    "want": _set("wanted"),
    "accept": _set("is_accepted"),
    "spec": lambda it, number: setattr(it, "rollout", SPECS[number]),
    "ask": lambda it, action: it.ask(action),
    "suspend": _set("is_suspended"),
    "fail": _set("failure"),
}


WELL: list[Event] = [
    *[
        ("operate", None),
        ("start", None),
        ("deliver", None),
        ("route", None),
        ("roll", None),
        ("serve", 3000),
        ("wait", 10),
    ],
]


def lives(*events: st.SearchStrategy[Event]) -> st.SearchStrategy[list[Event]]:
    """Some rounds in which all goes well, and then anything."""
    rounds = st.integers(0, 12).map(lambda number: WELL * number)
    return st.builds(
        lambda well, anything: well + anything, rounds, st.lists(st.one_of(*events), min_size=15, max_size=40)
    )


def live(it: World, events: list[Event], check: Callable[[World], None]) -> None:
    for name, value in events:
        DO[name](it, value)
        check(it)


def holds_always(it: World) -> None:
    """What no state and no child may ever break."""
    state = it.state
    if state is not None:
        assert state.stable != state.revision
        assert state.routing or not (state.weight and state.mirror)
        assert state.step < state.steps
        assert (state.weight, state.mirror) == (0, 0) or state.phase not in {
            Phase.STARTING,
            Phase.PROMOTED,
            Phase.ROLLED_BACK,
        }
        assert (state.phase is Phase.PAUSED) == (state.pause is not None) == (state.paused is not None)
        assert (state.ended is None) == state.is_under_way
        assert (state.cause is not None) == (state.phase is Phase.ROLLED_BACK)
        assert state.message
    if state is not None and state.is_on_trial:
        assert it.main != state.revision


def share_is_never_above_the_steps(it: World, rollout: Rollout) -> None:
    state = it.state
    if state is None or not state.is_on_trial:
        return
    step = steps_of(rollout)[state.step]
    assert state.weight <= step.weight
    assert state.mirror <= step.mirror
    if it.traffic is not None:
        assert it.traffic["weight"] <= max(step.weight, step.mirror)


def counts_are_true(it: World) -> None:
    """No request counts twice, and none that was not there."""
    if it.ledger is not None:
        really = it.counted.get(it.ledger.rollout, Counter())
        for series, counts in it.ledger.totals().items():
            assert counts.bad <= really.get((series, True), 0)
            assert counts.trials <= really.get((series, False), 0)


def end(it: World) -> None:
    """Nobody interferes any more, and what waits for somebody is aborted."""
    it.is_suspended, it.is_accepted, it.failure = False, True, ""
    it.rollout = it.rollout.model_copy(update={"paused": False})
    it.settle(rounds=60, requests=3000)
    if it.state is not None and it.state.is_under_way:
        it.wait(seconds=1)
        it.ask("abort")
        it.settle(rounds=20)


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(SPECS), lives(*CLUSTER, *OPERATOR, *PEOPLE), st.sampled_from([{}, {FAILED: 0.3}]))
def test_every_path_ends_in_one_revision(rollout: Rollout, events: list[Event], faults: dict[str, float]) -> None:
    it = World(rollout, faults=faults)
    live(it, events, holds_always)
    end(it)
    assert (it.candidate, it.traffic) == (None, None)
    assert it.state is None or not it.state.is_under_way
    assert it.revisions == {it.main}
    assert it.main in {it.wanted, it.state.stable if it.state else it.wanted}
    if it.phase is Phase.PROMOTED:
        assert it.main == it.wanted


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(JUDGED), lives(*CLUSTER, *OPERATOR))
def test_share_is_never_above_its_step(rollout: Rollout, events: list[Event]) -> None:
    it = World(rollout)
    live(it, events, lambda it: share_is_never_above_the_steps(it, rollout))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(JUDGED[:2]), lives(*CLUSTER, *OPERATOR))
def test_bad_candidate_never_takes_over(rollout: Rollout, events: list[Event]) -> None:
    it = World(rollout, faults={FAILED: 0.5, DISAGREEMENT: 0.5})

    def check(it: World) -> None:
        assert it.main == OLD
        assert it.phase not in {Phase.PROMOTING, Phase.PROMOTED}

    live(it, events, check)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(JUDGED), lives(*CLUSTER, *OPERATOR))
def test_no_request_counts_twice_in_any_world(rollout: Rollout, events: list[Event]) -> None:
    # a pod that a new operator finds after its server restarted shows less than status knows of it, so no restarts here
    it = World(rollout, faults={FAILED: 0.001})
    live(it, events, counts_are_true)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(JUDGED),
    st.sampled_from([{}, {FAILED: 0.3}, {DISAGREEMENT: 0.6}]),
    st.dictionaries(st.integers(0, 60), st.sampled_from(["observed", "applied", "forget"]), max_size=12),
)
def test_crashes_at_any_pass_come_to_the_same_end(
    rollout: Rollout, faults: dict[str, float], crashes: dict[int, str]
) -> None:
    ends = []
    for broken in ({}, crashes):
        it = World(rollout, faults=faults)
        it.live_through(broken)
        state = it.state
        ends.append((it.phase, state.cause if state else None, it.main, it.candidate, it.revisions))
    assert ends[0] == ends[1]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(JUDGED), lives(*CLUSTER, *OPERATOR))
def test_silence_decides_nothing(rollout: Rollout, events: list[Event]) -> None:
    it = World(rollout)
    spent = timedelta()
    for name, value in events:
        if name in {"serve", "kill"}:
            continue
        spent += timedelta(seconds=value) if name == "wait" else timedelta()
        if spent >= min(rollout.most_time, timedelta(minutes=9)):
            return
        DO[name](it, value)
        assert it.phase not in {Phase.PROMOTING, Phase.PROMOTED, Phase.ROLLED_BACK}


def test_totals_are_those_of_all_pods() -> None:
    it = World(JUDGED[0])
    it.settle(rounds=12)
    assert it.ledger is not None
    really = it.counted[it.ledger.rollout]
    it.situation(it.state)
    assert it.ledger.totals() == {
        series: Counts(really[series, True], really[series, False]) for series, is_bad in really if not is_bad
    }
