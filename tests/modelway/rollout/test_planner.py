"""Each strategy comes to its end, whatever the order of events, and every change on the way has a defined one."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from modelway.rollout.judge import DISAGREEMENT, FAILED, REFUSED, SLOW, Counts
from modelway.rollout.measures import CANDIDATE, STABLE, Series
from modelway.rollout.planner import UNSERVED_PATIENCE, advance
from modelway.rollout.situation import StablePods
from modelway.rollout.state import Cause, Pause, Phase, RolloutState
from modelway.rollout.steps import steps_of
from support.operator.rollout_world import BEGIN, NEW, NEXT, OLD, PATIENCE, World, spec

STRATEGIES: dict[str, dict[str, Any]] = {
    "Canary": {"steps": [{"weight": 20}, {"weight": 50}]},
    "Canary held": {"strategy": "Canary", "steps": [{"weight": 20, "hold": "1m"}, {"weight": 50, "hold": "1m"}]},
    "BlueGreen": {"scaleDownDelay": "2m"},
    "Shadow": {},
}
FAULTS = {
    "wrong": {DISAGREEMENT: 0.5},
    "failing": {FAILED: 0.2},
    "refusing": {REFUSED: 0.2},
    "slow": {SLOW: 0.5},
}


def world(name: str = "Canary", **fields: Any) -> World:
    return World(spec(**{"strategy": name, **STRATEGIES[name]}), **fields)


def progressing(name: str = "Canary", **fields: Any) -> World:
    """A world in which the stable pods have just begun the first step."""
    it = world(name, **fields)
    go_on(it, requests=0)
    if it.phase is Phase.STARTING:  # for the pace of the stable revision
        it.wait(minutes=3)
        go_on(it, requests=0)
    assert it.phase is Phase.PROGRESSING
    assert it.state is not None
    assert it.state.since is not None
    return it


def go_on(it: World, rounds: int = 5, requests: int = 20, *, starts: bool = True) -> None:
    for _ in range(rounds):
        it.operate()
        if starts:
            it.start_candidate()
        it.deliver()
        it.roll()
        it.serve(requests)
        it.wait(seconds=10)


def ended(it: World) -> tuple[Phase | None, Cause | None, str | None]:
    """The end that a world has come to, and that nothing else is left of it."""
    assert it.state is None or not it.state.is_under_way, it.state
    assert (it.candidate, it.traffic) == (None, None)
    assert it.revisions == {it.main}
    return it.phase, it.state.cause if it.state else None, it.main


def message(it: World) -> str:
    return it.state.message if it.state else ""


# The two ends -----------------------------------------------------------------------------------------------------------------------------


def in_any_order(it: World) -> None:
    """Events in an order that the seed of the world decides, each again and again."""
    events: list[Any] = [
        *(it.operate, it.operate, it.start_candidate, it.deliver, it.roll),
        *(lambda: it.deliver(1), lambda: it.roll(1), lambda: it.serve(200), lambda: it.wait(seconds=7)),
    ]
    for _ in range(800):
        it.random.choice(events)()
        if it.phase in {Phase.PROMOTED, Phase.ROLLED_BACK}:
            break
    it.settle()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", STRATEGIES)
def test_good_candidate_takes_over(name: str, seed: int) -> None:
    it = world(name, seed=seed)
    in_any_order(it)
    assert ended(it) == (Phase.PROMOTED, None, NEW)
    assert it.serving == NEW


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", STRATEGIES)
def test_bad_candidate_rolls_back(name: str, fault: str) -> None:
    it = world(name, faults=FAULTS[fault], seed=len(name + fault))
    in_any_order(it)
    assert ended(it) == (Phase.ROLLED_BACK, Cause.ANALYSIS, OLD)
    measure, *_ = [one for one in it.state.measures if one.outcome == "Worse"] if it.state else []
    assert f"{measure.bad} of {measure.trials} requests" in message(it)


@pytest.mark.parametrize("name", STRATEGIES)
def test_weights_come_step_by_step(name: str) -> None:
    it = world(name)
    it.settle()
    on_trial = [one for one in it.history if one is not None and one.is_on_trial]
    seen_shares = [share for one in on_trial if (share := (one.weight, one.mirror)) != (0, 0)]
    steps = [(step.weight, step.mirror) for step in steps_of(it.rollout)]
    assert list(dict.fromkeys(seen_shares)) == steps
    assert seen_shares == sorted(seen_shares)


def test_shadow_answers_no_client() -> None:
    it = world("Shadow")
    it.settle()
    assert it.phase is Phase.PROMOTED
    assert it.answered_by_candidate == 0


def test_blue_green_switches_once_all_pods_are_ready() -> None:
    it = world("BlueGreen", size=4)
    go_on(it, 3, starts=False)
    it.candidate_ready = 3
    go_on(it, 3, starts=False)
    assert message(it) == "3 of 4 pods of the candidate are ready"
    it.candidate_ready = 4
    it.serve(200)
    it.operate()
    assert it.state is not None
    assert (it.phase, it.state.weight, it.candidate_size) == (Phase.PROGRESSING, 100, 4)


def test_all_requests_change_over_once_the_stable_pace_is_known() -> None:
    it = world("BlueGreen", faults=FAULTS["slow"])
    go_on(it, 3, requests=0)
    it.serve(150)
    it.operate()
    assert it.candidate_ready == 3
    assert "until 200 answers of the stable revision" in message(it)
    it.serve(150)
    it.operate()
    assert it.phase is Phase.PROGRESSING
    it.settle()
    assert ended(it) == (Phase.ROLLED_BACK, Cause.ANALYSIS, OLD)


def test_all_requests_change_over_in_minutes_where_none_come() -> None:
    it = world("BlueGreen")
    go_on(it, 3, requests=0)
    phases = [it.phase]
    it.wait(minutes=3)
    it.operate()
    assert [*phases, it.phase] == [Phase.STARTING, Phase.PROGRESSING]


def test_pause_takes_nothing_of_the_wait_for_the_stable_pace() -> None:
    it = world("BlueGreen")
    go_on(it, 3, requests=0)
    it.ask("pause")
    it.operate()
    it.wait(minutes=10)
    it.ask("resume")
    it.operate()
    it.operate()
    phases = [it.phase]
    it.wait(minutes=3)
    it.operate()
    assert [*phases, it.phase] == [Phase.STARTING, Phase.PROGRESSING]


def test_unready_stable_pods_do_not_end_the_wait_for_their_pace() -> None:
    it = world("BlueGreen")
    go_on(it, 3, requests=0)
    it.stable_serves = False
    it.operate()
    assert it.phase is Phase.STARTING


def test_larger_share_waits_for_the_candidate_to_grow() -> None:
    it = progressing(size=10)
    while it.state and it.state.step == 0:
        go_on(it, 1, 200, starts=False)
    it.operate()
    it.operate()
    assert (it.candidate_size, it.candidate_ready) == (10, 3)
    assert it.state is not None
    assert it.state.weight == 20
    assert "3 of 10 pods of the candidate are ready for 50% of the requests" in message(it)
    it.start_candidate()
    it.operate()
    assert it.state.weight == 50


def test_step_begins_when_all_stable_pods_keep_to_it() -> None:
    it = world()
    go_on(it, 3, 0)
    it.operate()
    it.deliver(2)
    it.wait(minutes=5)
    it.operate()
    assert it.state is not None
    assert (it.state.since, message(it).partition(",")[0]) == (it.state.since, "step 1 of 2")


def test_first_release_runs_at_once() -> None:
    it = World(spec(), serving=None, main=None)
    it.settle()
    assert ended(it) == (None, None, NEW)


def test_rolling_needs_no_candidate() -> None:
    it = World(spec("Rolling"))
    it.settle()
    assert ended(it) == (None, None, NEW)
    assert all(one is None for one in it.history)


# Silence and time -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STRATEGIES)
def test_silence_neither_promotes_nor_rolls_back(name: str) -> None:
    it = progressing(name)
    for _ in range(23):
        it.wait(hours=1)
        go_on(it, 1, 0)
        assert it.phase is Phase.PROGRESSING
    assert "silence is no evidence" in message(it)


@pytest.mark.parametrize(
    ("on_timeout", "phase", "cause"),
    [
        (None, Phase.ROLLED_BACK, Cause.TIMEOUT),
        ("RollBack", Phase.ROLLED_BACK, Cause.TIMEOUT),
        ("Promote", Phase.PROMOTED, None),
    ],
)
def test_timeout_ends_a_rollout_as_the_spec_says(on_timeout: str | None, phase: Phase, cause: Cause | None) -> None:
    it = progressing()
    it.rollout = it.rollout.model_copy(update={"on_timeout": on_timeout})
    it.wait(hours=24)
    it.settle(requests=0)
    assert ended(it)[:2] == (phase, cause)
    assert "spec.rollout.timeout (1 d) is over" in (
        message(it) if cause else str([one.message for one in it.history if one])
    )


def test_timeout_may_wait_for_somebody() -> None:
    it = progressing()
    it.rollout = it.rollout.model_copy(update={"on_timeout": "Pause"})
    it.wait(hours=24)
    it.operate()
    assert it.state is not None
    assert (it.phase, it.state.pause) == (Phase.PAUSED, Pause.TIMEOUT)
    it.ask("resume")
    it.operate()
    assert it.phase is Phase.PROGRESSING
    it.wait(hours=23)
    it.operate()
    assert it.phase is Phase.PROGRESSING
    it.wait(hours=1)
    it.operate()
    assert it.state.pause is Pause.TIMEOUT


def test_hold_is_the_least_time_of_a_step() -> None:
    it = progressing("Canary held")
    it.serve(500)
    it.wait(seconds=49)
    it.operate()
    assert it.state is not None
    assert it.state.step == 0
    it.wait(seconds=1)
    it.operate()
    assert it.state.step == 1


def test_hold_alone_ends_no_step() -> None:
    it = progressing("Canary held")
    it.wait(hours=1)
    it.operate()
    assert it.state is not None
    assert it.state.step == 0


def test_few_requests_and_time_do_not_promote() -> None:
    it = World(spec(steps=[{"weight": 20, "hold": "1m"}]))
    go_on(it, requests=0)
    it.serve(50)
    it.wait(hours=2)
    it.operate()
    assert it.phase is Phase.PROGRESSING
    assert "9 of about" in message(it)


# The candidate's pods ---------------------------------------------------------------------------------------------------------------------


def test_failing_pods_roll_back_with_their_reason() -> None:
    it = world()
    go_on(it, 2)
    it.kill_candidate()
    it.failure = "container serve exits with code 1"
    it.settle()
    assert ended(it) == (Phase.ROLLED_BACK, Cause.CANDIDATE_FAILED, OLD)
    assert message(it).startswith(
        "the pods of revision new fail: container serve exits with code 1; revision old serves."
    )


def test_pods_that_never_come_roll_back() -> None:
    it = world()
    go_on(it, 2, starts=False)
    it.wait(seconds=PATIENCE.total_seconds() - 21)
    it.operate()
    assert it.phase is Phase.STARTING
    it.hindrance = "no node has room."
    it.wait(seconds=1)
    it.operate()
    assert it.state is not None
    assert it.state.cause is Cause.CANDIDATE_NOT_READY
    assert "has 0 of 1 pod ready for 10 min: no node has room; revision old serves." in message(it)


def test_evicted_candidate_comes_again() -> None:
    it = progressing()
    it.kill_candidate()
    go_on(it, 3, starts=False)
    assert it.phase is Phase.PROGRESSING
    assert "no pod of the candidate is ready" in message(it)
    it.settle()
    assert ended(it) == (Phase.PROMOTED, None, NEW)


def test_step_does_not_end_while_the_candidate_has_no_pods() -> None:
    it = progressing()
    it.serve(9000)
    it.kill_candidate()
    it.operate()
    assert it.state is not None
    assert (it.phase, it.state.step) == (Phase.PROGRESSING, 0)
    it.start_candidate()
    it.operate()
    assert it.state.step == 1


def test_candidate_that_never_comes_again_rolls_back() -> None:
    it = progressing()
    it.kill_candidate()
    it.operate()
    it.wait(seconds=PATIENCE.total_seconds())
    it.operate()
    assert it.state is not None
    assert it.state.cause is Cause.CANDIDATE_NOT_READY


def test_candidate_that_all_stable_pods_gave_up_rolls_back() -> None:
    it = progressing()
    for pod in it.pods.values():
        pod.is_stopped = True
    it.operate()
    assert it.state is not None
    assert it.state.cause is Cause.CANDIDATE_FAILED
    assert "all 3 stable pods stopped handing over" in message(it)


def test_candidate_that_one_pod_gave_up_goes_on() -> None:
    it = progressing()
    it.pods["pod-0"].is_stopped = True
    it.operate()
    assert it.phase is Phase.PROGRESSING
    assert "1 of 3 stable pods stopped handing over" in message(it)


@pytest.mark.parametrize("fault", ["failure", "hindrance"])
def test_one_failing_pod_of_several_ends_nothing(fault: str) -> None:
    it = progressing()
    setattr(it, fault, "container serve exits with code 1")
    it.operate()
    assert it.phase is Phase.PROGRESSING
    assert "container serve exits with code 1" in message(it)


# The stable pods --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STRATEGIES)
def test_candidate_takes_over_if_no_stable_pod_serves(name: str) -> None:
    it = world(name, stable_serves=False)
    go_on(it, 3, 0)
    it.operate()
    assert "no stable pod is ready" in message(it)
    it.wait(seconds=UNSERVED_PATIENCE.total_seconds())
    it.operate()
    assert it.phase is Phase.PROMOTING
    assert "nothing is left to protect" in message(it)
    it.settle()
    assert ended(it) == (Phase.PROMOTED, None, NEW)


def test_stable_pods_that_come_back_in_time_serve_on() -> None:
    it = progressing()
    it.stable_serves = False
    it.operate()
    it.wait(seconds=50)
    it.stable_serves = True
    it.operate()
    it.stable_serves = False
    it.wait(seconds=50)
    it.operate()
    assert it.phase is Phase.PROGRESSING


@pytest.mark.parametrize("fields", [{"candidate_ready": 0}, {"size": 0}, {"rollout": spec(paused=True)}])
def test_nothing_takes_over_for_absent_stable_pods(fields: dict[str, Any]) -> None:
    it = progressing()
    it.stable_serves = False
    for name, value in fields.items():
        setattr(it, name, value)
    it.operate()
    it.wait(seconds=70)
    it.operate()
    assert it.phase in {Phase.PROGRESSING, Phase.PAUSED}


def test_candidate_waits_while_stable_pods_start() -> None:
    it = world(stable_serves=False)
    go_on(it, 2, 0, starts=False)
    it.wait(seconds=70)
    it.operate()
    assert it.phase is Phase.STARTING
    assert "no stable pod is ready" in message(it)


def message_of(it: World, **fields: Any) -> str:
    """What a pass says if the situation has these fields."""
    after = advance(it.state, replace(it.situation(it.state), **fields), it.now)
    return after.message if after else ""


def unheard() -> World:
    """A world whose stable pods have just been asked for a share, and do not know it yet."""
    it = world()
    go_on(it, 2, 0)
    it.operate()
    return it


def test_share_on_its_way_says_since_when() -> None:
    it = unheard()
    assert "0 of 3 stable pods keep to it, asked for since 12:00:20 UTC; that takes" in message(it)
    it.wait(minutes=3)
    it.operate()
    assert "`spec.server.imagePolicy` is Follow" in message(it)


@pytest.mark.parametrize("make", [unheard, progressing])
def test_silent_pods_are_told_with_the_likely_cause(make: Any) -> None:
    assert "2 of 3 stable pods do not answer the operator on port 8082 (a NetworkPolicy" in message_of(
        make(), pods=StablePods(total=3, honouring=1, silent=2)
    )


def test_unreachable_candidate_is_told_with_the_likely_cause() -> None:
    it = progressing()
    assert "cannot reach the candidate (340 requests): a NetworkPolicy may forbid egress to port 8083" in message_of(
        it, unreachable=337
    )
    it.serve(100)
    assert "cannot reach" not in message_of(it, unreachable=337)


def test_disagreement_at_its_bound_names_the_field() -> None:
    counts = {FAILED: Counts(0, 3000), DISAGREEMENT: Counts(390, 3000)}
    evidence = {Series(name, CANDIDATE): one for name, one in counts.items()}
    limits = spec(steps=[{"weight": 20}], analysis={"maxDisagreement": "12.5%", "tolerance": "0.001%"})
    it = progressing()
    it.rollout = limits
    assert "12.5% is the bound (spec.rollout.analysis.maxDisagreement)" in message_of(it, evidence=evidence)


def test_huge_counts_are_still_valid_in_status() -> None:
    it = progressing()
    huge = {
        Series(name, arm): Counts(2, 1 << 60) for name in (FAILED, SLOW, DISAGREEMENT) for arm in (CANDIDATE, STABLE)
    }
    after = advance(it.state, replace(it.situation(it.state), evidence=huge), it.now)
    assert after is not None
    assert after == RolloutState.from_status(after.to_status())


# Changes on the way -----------------------------------------------------------------------------------------------------------------------


def test_new_change_starts_over_with_it() -> None:
    it = progressing()
    it.wanted = NEXT
    it.operate()
    assert it.state is not None
    assert (it.phase, it.state.revision, it.state.stable, it.state.weight) == (Phase.STARTING, NEXT, OLD, 0)
    it.settle()
    assert ended(it) == (Phase.PROMOTED, None, NEXT)


def test_pods_of_the_change_before_do_not_start_the_next() -> None:
    it = progressing()
    it.wanted = NEXT
    it.operate()
    assert it.phase is Phase.STARTING
    it.operate()
    assert (it.phase, it.candidate) == (Phase.STARTING, NEXT)


@pytest.mark.parametrize("rounds", [1, 2, 5, 8])
def test_return_to_the_stable_revision_leaves_nothing(rounds: int) -> None:
    it = world()
    go_on(it, rounds)
    it.wanted = OLD
    it.settle()
    assert ended(it) == (None, None, OLD)


def test_return_while_the_candidate_takes_over_leaves_nothing() -> None:
    it = progressing()
    it.ask("promote")
    it.operate()
    it.operate()
    it.roll(1)
    assert it.revisions == {OLD, NEW}
    it.wanted = OLD
    it.settle()
    assert ended(it) == (None, None, OLD)


def test_change_while_the_candidate_takes_over_starts_from_stable() -> None:
    it = progressing()
    it.ask("promote")
    it.operate()
    it.operate()
    it.roll(1)
    it.wanted = NEXT
    it.operate()
    assert it.state is not None
    assert (it.state.revision, it.state.stable) == (NEXT, OLD)
    it.settle()
    assert ended(it) == (Phase.PROMOTED, None, NEXT)


def test_change_to_rolling_just_rolls() -> None:
    it = progressing()
    it.rollout = spec("Rolling")
    it.settle()
    assert ended(it) == (None, None, NEW)


def test_change_of_strategy_starts_over_with_it() -> None:
    it = progressing()
    before = it.state
    it.rollout = spec("Shadow")
    it.operate()
    assert before is not None
    assert it.state is not None
    assert (it.state.strategy, it.state.attempt, it.phase) == ("Shadow", 2, Phase.STARTING)
    assert it.state.id != before.id
    it.settle()
    assert ended(it) == (Phase.PROMOTED, None, NEW)


def test_lowered_weight_counts_at_once() -> None:
    it = progressing()
    it.rollout = spec(steps=[{"weight": 10}, {"weight": 50}])
    it.operate()
    assert it.state is not None
    assert (it.state.weight, it.state.since) == (10, None)


def test_removed_steps_leave_the_last_one() -> None:
    it = progressing()
    while it.state and it.state.step == 0:
        go_on(it, 1, 200)
    it.rollout = spec(steps=[{"weight": 10}])
    it.operate()
    assert it.state is not None
    assert (it.state.step, it.state.steps, it.state.weight) == (0, 1, 10)


def test_suspended_rollout_stays_as_it_is() -> None:
    it = progressing(faults={FAILED: 1.0})
    it.is_suspended = True
    before = it.state
    go_on(it, 10, 200)
    it.wait(days=2)
    it.operate()
    assert before is not None
    assert it.state is not None
    assert (it.phase, it.state.pause, it.state.weight, it.state.step) == (Phase.PAUSED, Pause.SUSPEND, 20, 0)
    assert it.state.since == before.since
    assert "20% of the requests go on to the candidate, unjudged" in message(it)


def test_suspension_holds_the_clocks() -> None:
    it = progressing()
    it.is_suspended = True
    it.operate()
    it.wait(hours=25)
    it.is_suspended = False
    go_on(it, 3, 0)
    assert it.phase is Phase.PROGRESSING
    it.settle()
    assert ended(it) == (Phase.PROMOTED, None, NEW)


def test_pause_by_order_outlasts_a_suspension() -> None:
    it = progressing()
    it.ask("pause")
    it.operate()
    it.is_suspended = True
    go_on(it, 3, 0)
    it.is_suspended = False
    go_on(it, 3, 0)
    assert it.state is not None
    assert (it.phase, it.state.pause) == (Phase.PAUSED, Pause.ORDER)


def test_candidate_ends_when_the_spec_asks_for_one_on_trial() -> None:
    it = progressing()
    it.wanted, it.is_accepted = NEXT, False
    it.settle()
    assert ended(it) == (None, None, OLD)
    it.is_accepted = True
    it.settle()
    assert ended(it) == (Phase.PROMOTED, None, NEXT)


@pytest.mark.parametrize(("passes", "phase"), [(1, None), (2, Phase.PROMOTING)])
def test_promotion_goes_on_if_it_is_applied(passes: int, phase: Phase | None) -> None:
    it = progressing()
    it.ask("promote")
    for _ in range(passes):
        it.operate()
    it.wanted, it.is_accepted = NEXT, False
    after = advance(it.state, it.situation(it.state), it.now)
    assert (after.phase if after else None) is phase


def test_candidate_that_is_on_trial_again_ends() -> None:
    it = progressing()
    it.is_accepted = False
    it.operate()
    assert it.state is None
    it.operate()
    assert (it.candidate, it.main) == (None, OLD)


def test_scale_keeps_a_rollout_under_way() -> None:
    it = progressing(size=2)
    it.scale(20)
    it.operate()
    assert (it.phase, it.candidate_size) == (Phase.PROGRESSING, 5)
    it.settle()
    assert ended(it) == (Phase.PROMOTED, None, NEW)


def test_main_that_runs_the_candidate_is_promoting() -> None:
    it = progressing()
    it.main = NEW
    after = advance(it.state, it.situation(it.state), it.now)
    assert after is not None
    assert after.phase is Phase.PROMOTING


def test_promotion_that_never_ends_keeps_the_candidate_at_its_share() -> None:
    it = progressing()
    it.ask("promote")
    it.operate()
    for _ in range(20):
        it.wait(hours=1)
        it.serve(100)
        it.operate()
    assert it.state is not None
    assert (it.phase, it.state.weight, it.candidate, it.candidate_ready) == (Phase.PROMOTING, 20, NEW, 1)
    it.ask("abort")
    it.settle()
    assert ended(it) == (Phase.ROLLED_BACK, Cause.ABORTED, OLD)


def test_next_rollout_starts_from_a_candidate_just_promoted() -> None:
    it = progressing()
    state = it.state
    assert state is not None
    promoted = replace(state, phase=Phase.PROMOTED, ended=BEGIN)
    it.wanted, it.main = NEXT, NEW
    after = advance(promoted, it.situation(promoted), it.now)
    assert after is not None
    assert (after.revision, after.stable) == (NEXT, NEW)


def test_rolled_back_candidate_stays_out() -> None:
    it = progressing(faults={FAILED: 1.0})
    it.settle()
    it.faults = {}
    for strategy in ("Canary", "Rolling", "Shadow"):
        it.rollout = spec(strategy)
        go_on(it, 3, 200)
        assert ended(it) == (Phase.ROLLED_BACK, Cause.ANALYSIS, OLD)
    it.wanted = NEXT
    it.settle()
    assert ended(it) == (Phase.PROMOTED, None, NEXT)


def test_pause_of_the_spec_holds_the_clock() -> None:
    it = progressing()
    it.rollout = it.rollout.model_copy(update={"paused": True})
    it.operate()
    it.wait(days=3)
    go_on(it, 3, 200)
    assert it.state is not None
    assert (it.phase, it.state.step, it.state.weight) == (Phase.PAUSED, 0, 20)
    assert "set it to false to go on" in message(it)
    it.rollout = it.rollout.model_copy(update={"paused": False})
    it.settle()
    assert ended(it) == (Phase.PROMOTED, None, NEW)


def test_pause_before_the_first_request_holds_the_candidate() -> None:
    it = world("BlueGreen")
    it.rollout = it.rollout.model_copy(update={"paused": True})
    go_on(it, 6)
    assert it.state is not None
    assert (it.phase, it.state.weight, it.candidate_ready) == (Phase.PAUSED, 0, 3)
    assert message(it).startswith("held before any request by spec.rollout.paused")


def test_worse_answers_roll_a_paused_rollout_back() -> None:
    it = progressing(faults={FAILED: 1.0})
    it.rollout = it.rollout.model_copy(update={"paused": True})
    it.settle()
    assert ended(it) == (Phase.ROLLED_BACK, Cause.ANALYSIS, OLD)


def test_message_tells_what_is_still_needed() -> None:
    it = progressing()
    go_on(it, 3, 30)
    share, _, evidence = message(it).partition(": ")
    assert share == "step 1 of 2, 20% of the requests"
    assert " of about " in evidence
    assert evidence.endswith("at this rate")


def test_step_clock_starts_when_it_is_kept_to() -> None:
    it = world()
    go_on(it, 2, 0)
    it.operate()
    asked_at = it.now
    it.wait(seconds=80)
    it.operate()
    assert it.state is not None
    assert it.state.since is None
    it.deliver()
    it.operate()
    assert it.state.since == asked_at + timedelta(seconds=80)
