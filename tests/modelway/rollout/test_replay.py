"""Known rows are asked before clients' requests: what they spare, what a Job that fails changes, and that they count once."""

import random
from itertools import pairwise
from typing import Any

import pytest

from modelway.api.analysis import Analysis
from modelway.api.replay import REQUESTS
from modelway.rollout.judge import DISAGREEMENT, FAILED, REFUSED, SLOW, Counts, Outcome, judge
from modelway.rollout.measures import CANDIDATE, Evidence, Series, measures_of
from modelway.rollout.metrics import Reading
from modelway.rollout.notices import notices_of
from modelway.rollout.replay import PATIENCE, ReplayPhase, ReplayReport, evidence_in_report
from modelway.rollout.state import Cause, Phase, RolloutState
from support.operator.rollout_world import World, spec

CANARY: dict[str, Any] = {"steps": [{"weight": 20}, {"weight": 50}]}
SHAPES: dict[str, dict[str, Any]] = {"Canary": CANARY, "Shadow": {}}


def counts(trials: int, **bad: int) -> Evidence:
    return {Series(name, CANDIDATE): Counts(bad.get(name, 0), trials) for name in (FAILED, REFUSED, DISAGREEMENT)}


GOOD = ReplayReport(counts(1000, disagreement=30), "1000 of 1000 requests were answered by both revisions")
WRONG = ReplayReport(counts(200, disagreement=100))
FEW = ReplayReport(counts(150))
NONE = ReplayReport(message="there is no object at the URI")


def replaying(name: str = "Canary", **fields: Any) -> World:
    """A world whose candidate is ready, and whose Job has just been made."""
    it = World(spec(name, replay={}, **SHAPES.get(name, {}), **fields))
    for _ in range(3):
        it.operate()
        it.start_candidate()
    it.operate()
    assert it.replays is not None
    return it


def state(it: World) -> RolloutState:
    assert it.state is not None
    return it.state


def report(it: World, one: ReplayReport) -> None:
    """The Job ends, and the operator sees it."""
    it.report = one
    it.operate()


@pytest.mark.parametrize("name", SHAPES)
def test_good_rows_promote_without_one_request(name: str) -> None:
    it = replaying(name)
    report(it, GOOD)
    assert it.phase is Phase.PROMOTING
    it.settle(requests=0)
    assert (it.phase, it.main, it.answered_by_candidate) == (Phase.PROMOTED, "new", 0)


@pytest.mark.parametrize("name", SHAPES)
def test_good_rows_do_not_pass_over_a_silent_metric(name: str) -> None:
    queue = {"name": "queue", "prometheus": {"query": "v"}, "max": 100}
    it = replaying(name, analysis={"metrics": [queue]})
    it.metrics = {"queue": Reading(it.now, problem="no series matches")}
    report(it, GOOD)
    assert (it.phase, state(it).step) == (Phase.PROGRESSING, 0)
    it.metrics = {"queue": Reading(it.now, value=50.0)}
    it.operate()
    assert it.phase is Phase.PROMOTING


@pytest.mark.parametrize("name", [*SHAPES, "BlueGreen"])
def test_wrong_rows_roll_back_before_any_request(name: str) -> None:
    it = replaying(name)
    it.deliver()
    it.serve(1000)
    report(it, WRONG)
    assert (it.phase, state(it).cause, it.answered_by_candidate) == (Phase.ROLLED_BACK, Cause.ANALYSIS, 0)
    assert "100 of 200 requests" in state(it).message


def test_no_request_goes_to_a_candidate_whose_rows_are_asked() -> None:
    it = replaying()
    for _ in range(5):
        it.deliver()
        it.serve(100)
        it.operate()
    assert (state(it).weight, it.answered_by_candidate) == (0, 0)
    assert state(it).message == "known rows are asked of both revisions"


def test_pause_takes_nothing_of_the_time_of_known_rows() -> None:
    it = replaying()
    before = state(it).replay
    it.rollout = it.rollout.model_copy(update={"paused": True})
    it.operate()
    it.wait(seconds=2 * PATIENCE.total_seconds())
    it.operate()
    assert "do not wait" not in state(it).message
    it.rollout = it.rollout.model_copy(update={"paused": False})
    for _ in range(3):
        it.operate()
    assert (it.phase, state(it).weight, state(it).replay) == (Phase.PROGRESSING, 0, before)


def test_few_rows_spare_the_steps_that_they_pay_for() -> None:
    it = replaying()
    report(it, FEW)
    it.operate()
    assert (state(it).step, state(it).weight) == (1, 0)
    it.start_candidate()
    it.operate()
    assert state(it).weight == 50
    assert "150 requests replayed" in state(it).message
    it.settle()
    assert it.phase is Phase.PROMOTED


def test_step_with_a_hold_takes_its_time_all_the_same() -> None:
    it = World(spec("Canary", replay={}, steps=[{"weight": 20, "hold": "1m"}, {"weight": 50}]))
    it.report = GOOD
    for _ in range(8):
        it.operate()
        it.start_candidate()
        it.deliver()
    assert (state(it).step, state(it).weight, it.phase) == (0, 20, Phase.PROGRESSING)
    it.settle()
    assert it.phase is Phase.PROMOTED


@pytest.mark.parametrize("name", [*SHAPES, "BlueGreen"])
def test_rows_that_cannot_be_asked_leave_it_to_requests(name: str) -> None:
    it = replaying(name)
    report(it, NONE)
    assert state(it).replay is not None
    assert "no rows were replayed: there is no object at the URI" in state(it).message
    assert state(it).is_on_trial
    it.settle(requests=500)
    assert it.phase is Phase.PROMOTED
    assert it.answered_by_candidate > 0 or name == "Shadow"


def test_job_that_never_ends_holds_requests_for_two_minutes() -> None:
    it = replaying()
    it.report = ReplayReport(message="no node has room", is_final=False)
    it.operate()
    assert "known rows cannot be asked yet: no node has room" in state(it).message
    it.wait(seconds=PATIENCE.total_seconds())
    it.operate()
    assert state(it).weight == 20
    assert it.replays is not None
    assert "do not wait for it any more" in state(it).message
    it.settle()
    assert it.phase is Phase.PROMOTED


def test_late_report_still_counts() -> None:
    it = replaying()
    it.wait(seconds=PATIENCE.total_seconds())
    it.operate()
    report(it, GOOD)
    assert it.phase is Phase.PROMOTING


@pytest.mark.parametrize("crash", ["observed", "applied"])
def test_killed_operator_enters_the_counts_once(crash: Any) -> None:
    it = replaying()
    it.report = FEW
    it.operate(crash)
    for _ in range(3):
        it.operate()
        it.ledger = None  # as that of an operator that begins anew
    assert state(it).evidence[Series(FAILED, CANDIDATE)] == Counts(0, 150)
    it.start_candidate()
    it.operate()
    it.deliver()
    it.operate()
    it.serve(60)
    before = it.answered_by_candidate
    for _ in range(3):
        it.operate()
        it.ledger = None
    assert state(it).evidence[Series(FAILED, CANDIDATE)] == Counts(0, 150 + before)


def test_replay_in_status_is_read_back_whole() -> None:
    it = replaying()
    report(it, FEW)
    written = state(it).to_status()
    later = {**written, "replay": {**written["replay"], "later": 1}}
    assert RolloutState.from_status(later) == state(it)
    assert state(it).replay is not None
    assert state(it).replay.phase is ReplayPhase.DONE  # type: ignore[union-attr]


def test_retried_candidate_is_asked_anew() -> None:
    it = replaying()
    report(it, WRONG)
    it.operate()
    it.report = None
    it.wait(seconds=1)
    it.ask("retry")
    for _ in range(4):
        it.operate()
        it.start_candidate()
    assert state(it).attempt == 2
    assert state(it).replay is not None
    assert state(it).replay.is_running  # type: ignore[union-attr]
    assert not state(it).evidence or state(it).evidence[Series(FAILED, CANDIDATE)].trials == 0


def test_spec_without_a_replay_waits_for_none() -> None:
    it = replaying()
    it.rollout = spec("Canary", **CANARY)
    it.operate()
    it.operate()
    assert (state(it).replay, it.replays, state(it).weight) == (None, None, 20)


def test_abort_leaves_no_replay_behind() -> None:
    it = replaying()
    it.ask("abort")
    it.operate()
    it.operate()
    assert (it.phase, state(it).replay, it.replays) == (Phase.ROLLED_BACK, None, None)


@pytest.mark.parametrize(
    ("one", "reason"), [(GOOD, "ReplayDone"), (NONE, "ReplayFailed"), (ReplayReport(message="x", is_final=False), "")]
)
def test_event_tells_once_what_came_of_it(one: ReplayReport, reason: str) -> None:
    it = replaying()
    before, situation = it.state, it.situation(it.state)
    report(it, one)
    notices = notices_of(before, it.state, situation)
    assert [notice.reason for notice in notices if notice.reason.startswith("Replay")] == ([reason] if reason else [])
    assert "ReplayStarted" in [
        notice.reason for earlier, later in pairwise(it.history) for notice in notices_of(earlier, later, situation)
    ]


@pytest.mark.parametrize(
    "measures",
    [
        None,
        [{"name": FAILED, "bad": 2, "trials": 1}],
        [{"name": FAILED, "bad": 0, "trials": 1001}],
        [{"name": FAILED, "bad": False, "trials": 1}],
        [{"name": "slow", "bad": 0, "trials": 1}],
        [{"name": FAILED, "bad": 0, "trials": 1}] * 4,
        ["failed"],
    ],
)
def test_report_that_no_replay_writes_is_refused(measures: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        evidence_in_report(measures, 1000)


def _outcomes(share: float, replays: int, requests: int = 1000) -> dict[Outcome, int]:
    """What the judge says of replays of a dataset of which a share of the rows is answered otherwise; each row is drawn once."""
    drawn, rows = random.Random(20261130), [number < share * 4000 for number in range(4000)]
    outcomes = dict.fromkeys(Outcome, 0)
    for _ in range(replays):
        evidence = counts(requests, disagreement=sum(drawn.sample(rows, requests)))
        outcomes[judge(measures_of(Analysis(), evidence)).outcome] += 1
    return outcomes


def test_replays_of_a_candidate_at_its_budget_raise_no_alarm() -> None:
    assert _outcomes(0.10, replays=500)[Outcome.WORSE] == 0


def test_replays_beyond_budget_and_tolerance_hardly_ever_promote() -> None:
    assert _outcomes(0.12, replays=500)[Outcome.NOT_WORSE] <= 5


def test_usual_number_of_rows_is_enough_for_a_good_candidate() -> None:
    assert _outcomes(0.05, replays=200, requests=REQUESTS)[Outcome.NOT_WORSE] >= 190


BLUE_GREEN = {"scaleDownDelay": "2m"}
BY_GATEWAY = {**BLUE_GREEN, "trafficRouting": "Gateway"}


def test_good_rows_switch_no_gateway_without_copies() -> None:
    it = replaying("BlueGreen", **BY_GATEWAY)
    report(it, GOOD)
    it.settle(rounds=40, requests=0)
    assert (it.phase, state(it).step, state(it).weight) == (Phase.PROGRESSING, 0, 0)


@pytest.mark.parametrize("fields", [BLUE_GREEN, BY_GATEWAY], ids=["Server", "Gateway"])
def test_good_rows_do_not_hide_a_slow_candidate(fields: dict[str, Any]) -> None:
    it = replaying("BlueGreen", **fields)
    it.faults = {SLOW: 1.0}
    report(it, GOOD)
    for _ in range(6):  # stable pods learn of the rollout a minute late
        it.operate()
        it.start_candidate()
        it.serve(200)
        it.wait(seconds=10)
    it.settle()
    assert (it.phase, state(it).cause) == (Phase.ROLLED_BACK, Cause.ANALYSIS)


def test_rows_are_no_requests_that_a_hold_waits_for() -> None:
    it = replaying("BlueGreen", **BLUE_GREEN)
    it.wait(seconds=PATIENCE.total_seconds())
    it.settle(rounds=30, requests=0)
    report(it, GOOD)
    it.settle(rounds=60, requests=0)
    assert (it.phase, it.answered_by_candidate) == (Phase.PROGRESSING, 0)
