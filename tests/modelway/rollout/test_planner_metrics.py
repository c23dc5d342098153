"""A metric of the spec ends a rollout, or holds it; one that tells nothing does neither by itself."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway.rollout.judge import Counts
from modelway.rollout.metrics import LOOKS, Reading
from modelway.rollout.notices import Notice, notices_of
from modelway.rollout.planner import advance
from modelway.rollout.state import Cause, Phase
from support.operator.rollout_world import BEGIN, NEW, World, spec

COUNTS = {"name": "app", "prometheus": {"bad": "b", "trials": "t"}, "maxBad": "1%"}
VALUE = {"name": "queue", "prometheus": {"query": "v"}, "max": 100}
BESIDE = {
    "name": "paid",
    "prometheus": {"bad": "a$(revision)", "trials": "b$(revision)"},
    "maxBad": "1%",
    "besideStable": True,
}
SILENT = Reading(BEGIN, problem="the query gives nothing: no series matches")


def counts(bad: int, trials: int) -> Reading:
    return Reading(BEGIN, candidate=Counts(bad, trials))


def value(number: float) -> Reading:
    return Reading(BEGIN, value=number)


def world(*metrics: dict[str, Any], says: dict[str, Reading], **fields: Any) -> World:
    it = World(spec(steps=[{"weight": 20}, {"weight": 50}], analysis={"metrics": list(metrics)}, **fields))
    it.metrics = says
    return it


def measure(it: World, name: str) -> Any:
    assert it.state is not None
    return next(one for one in it.state.measures if one.name == name)


def message(it: World) -> str:
    return it.state.message if it.state else ""


GOOD = [
    (COUNTS, counts(0, 10_000)),
    (VALUE, value(50)),
    (BESIDE, Reading(BEGIN, candidate=Counts(500, 10_000), stable=Counts(5000, 100_000))),
]
BAD = [
    (COUNTS, counts(900, 10_000)),
    (VALUE, value(150)),
    (BESIDE, Reading(BEGIN, candidate=Counts(900, 10_000), stable=Counts(5000, 100_000))),
]
IDS = ["counts", "value", "beside stable"]


@pytest.mark.parametrize(("metric", "reading"), GOOD, ids=IDS)
def test_candidate_that_keeps_to_a_metric_takes_over(metric: dict[str, Any], reading: Reading) -> None:
    it = world(metric, says={metric["name"]: reading})
    it.settle()
    assert it.phase is Phase.PROMOTED
    assert measure(it, metric["name"]).outcome == "NotWorse"


@pytest.mark.parametrize(("metric", "reading"), BAD, ids=IDS)
def test_candidate_beyond_a_metric_rolls_back(metric: dict[str, Any], reading: Reading) -> None:
    it = world(metric, says={metric["name"]: reading})
    it.settle()
    assert it.state is not None
    assert (it.phase, it.state.cause) == (Phase.ROLLED_BACK, Cause.ANALYSIS)
    assert f"metric {metric['name']}" in message(it)
    assert measure(it, metric["name"]).outcome == "Worse"


@pytest.mark.parametrize("metric", [COUNTS, VALUE, BESIDE], ids=IDS)
@pytest.mark.parametrize("holds", [False, True], ids=["evidence", "holds"])
def test_metric_that_tells_nothing_holds_and_is_named(metric: dict[str, Any], *, holds: bool) -> None:
    it = world(metric, says={metric["name"]: SILENT})
    if holds:
        steps = [{"weight": 20, "hold": "10s"}, {"weight": 50, "hold": "10s"}]
        it.rollout = spec(steps=steps, analysis={"metrics": [metric]})
    it.settle(rounds=60)
    assert it.state is not None
    assert (it.phase, it.state.step) == (Phase.PROGRESSING, 0)
    assert f"metric {metric['name']} tells nothing, so no step ends: the query gives nothing" in message(it)
    assert measure(it, metric["name"]).outcome == "Inconclusive"


def test_counts_alone_are_no_silence_but_hold_a_promotion() -> None:
    it = world(COUNTS, says={"app": counts(0, 0)})
    it.settle(rounds=60)
    assert it.phase is Phase.PROGRESSING
    assert "trials of metric app" in message(it)


def test_timeout_ends_what_a_silent_metric_holds() -> None:
    it = world(COUNTS, says={"app": SILENT}, timeout="10m")
    it.settle(rounds=100)
    assert it.state is not None
    assert it.state.cause is Cause.TIMEOUT


def test_value_beyond_its_limit_holds_until_it_is_within() -> None:
    it = world(VALUE, says={"queue": value(50)})
    while not (it.state and it.state.since):
        it.settle(rounds=1)
    it.metrics = {"queue": value(150)}
    it.settle(rounds=LOOKS - 2)
    assert "metric queue is 150, beyond its max of 100, at" in message(it)
    it.metrics = {"queue": value(99)}
    it.settle()
    assert it.phase is Phase.PROMOTED


def test_old_answer_is_none() -> None:
    it = world(VALUE, says={"queue": value(50)})
    while not (it.state and it.state.since):
        it.settle(rounds=1)
    state, situation = it.state, it.situation(it.state)
    after = advance(state, situation, it.now + timedelta(minutes=2))
    assert after is not None
    assert "metric queue is being asked" in after.message


def test_lasting_silence_is_told_once() -> None:
    it = world(COUNTS, says={"app": SILENT})
    notices: list[Notice] = []
    for _ in range(30):
        state, situation = it.state, it.situation(it.state)
        notices += notices_of(state, advance(state, situation, it.now), situation)
        it.settle(rounds=1)
    [notice] = [one for one in notices if one.reason == "RolloutInconclusive"]
    assert notice.is_warning
    assert "metric app tells nothing" in notice.message


def test_what_servers_count_is_no_metric_of_that_name() -> None:
    it = world(COUNTS, says={"app": counts(0, 50)})
    it.settle(rounds=8)
    assert it.state is not None
    assert all(series.measure != "app" for series in it.state.evidence)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([*GOOD, *BAD, (COUNTS, SILENT), (VALUE, SILENT)]),
    st.dictionaries(st.integers(0, 60), st.sampled_from(["observed", "applied", "forget"]), max_size=12),
)
def test_crashes_come_to_the_same_end_with_metrics(
    case: tuple[dict[str, Any], Reading], crashes: dict[int, str]
) -> None:
    metric, reading = case
    ends = []
    for broken in ({}, crashes):
        it = world(metric, says={metric["name"]: reading})
        it.live_through(broken)
        ends.append((it.phase, it.state.cause if it.state else None, it.main))
    assert ends[0] == ends[1]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([SILENT, None, counts(0, 0), value(50), value(150)]), min_size=1, max_size=40))
def test_no_promotion_without_a_good_look(looks: list[Reading | None]) -> None:
    it = world(VALUE, says={})
    for reading in looks:
        it.metrics = {} if reading is None else {"queue": reading}
        it.settle(rounds=1)
        if it.phase is Phase.PROMOTING:
            assert reading is not None
            assert reading.value == 50
            return
        assert it.main != NEW or it.phase is Phase.PROMOTED
