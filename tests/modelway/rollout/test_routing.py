"""Rollouts whose requests a Gateway divides: evidence comes by copies, and no client is the first one whom the candidate answers."""

from datetime import timedelta
from typing import Any

import pytest

from modelway.rollout.judge import DISAGREEMENT, FAILED, REFUSED, SLOW
from modelway.rollout.measures import CANDIDATE, Series
from modelway.rollout.state import Cause, Phase, RolloutState
from support.operator.rollout_world import NEW, NEXT, OLD, PATIENCE, World, spec

STRATEGIES: dict[str, dict[str, Any]] = {
    "Canary": {"steps": [{"weight": 20}, {"weight": 50}]},
    "BlueGreen": {"scaleDownDelay": "2m"},
}
BEFORE_THE_SWITCH = "BlueGreen"


def world(strategy: str = "Canary", **fields: Any) -> World:
    return World(spec(strategy, trafficRouting="Gateway", **STRATEGIES[strategy]), **fields)


def present(it: World) -> RolloutState:
    assert it.state is not None
    return it.state


def go_on(it: World, rounds: int = 6, requests: int = 20, *, answers: bool = True) -> None:
    for _ in range(rounds):
        it.operate()
        it.start_candidate()
        it.deliver()
        if answers:
            it.answer_route()
        it.serve(requests)
        it.wait(seconds=10)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_good_candidate_takes_over_and_fails_no_client(strategy: str, seed: int) -> None:
    it = world(strategy, seed=seed)
    events: list[Any] = [
        *(it.operate, it.operate, it.start_candidate, it.deliver, it.roll, it.answer_route),
        *(lambda: it.deliver(1), lambda: it.roll(1), lambda: it.serve(200), lambda: it.wait(seconds=7)),
    ]
    for _ in range(800):
        it.random.choice(events)()
    it.settle()
    assert (it.phase, it.main, it.candidate, it.accepted_route) == (Phase.PROMOTED, NEW, None, 0)
    assert it.answered_by_gateway["answered"] > 0
    assert it.answered_by_gateway["failed"] == 0


@pytest.mark.parametrize("fault", [{DISAGREEMENT: 0.5}, {FAILED: 0.2}, {REFUSED: 0.2}, {SLOW: 0.5}], ids=str)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_bad_candidate_rolls_back_by_its_copies(strategy: str, fault: dict[str, float]) -> None:
    it = world(strategy, faults=fault)
    it.settle()
    assert (it.phase, present(it).cause, it.main, it.candidate) == (Phase.ROLLED_BACK, Cause.ANALYSIS, OLD, None)
    assert strategy != BEFORE_THE_SWITCH or not it.answered_by_gateway.total()


def test_candidate_that_fails_its_copies_answers_no_client() -> None:
    it = world(faults={FAILED: 1.0})
    it.settle()
    assert it.phase is Phase.ROLLED_BACK
    assert not it.answered_by_gateway.total()


def test_shares_come_step_by_step_after_the_copies() -> None:
    it = world()
    it.settle()
    shares = [(one.mirror, one.weight) for one in it.history if one is not None and one.is_on_trial and one.mirror]
    assert list(dict.fromkeys(shares)) == [(20, 0), (20, 20), (50, 20), (50, 50)]


def test_clock_waits_until_the_gateway_follows() -> None:
    it = world()
    go_on(it, answers=False)
    assert (present(it).weight, present(it).since) == (20, None)
    assert "the Gateway has not said yet" in present(it).message
    go_on(it, 2)
    assert present(it).since is not None


def test_silent_gateway_ends_by_the_timeout() -> None:
    it = world()
    go_on(it, answers=False)
    it.wait(hours=24)
    it.operate()
    assert (it.phase, present(it).cause) == (Phase.ROLLED_BACK, Cause.TIMEOUT)


def test_candidate_without_a_pod_gets_no_client() -> None:
    it = world()
    go_on(it)
    assert present(it).weight == 20
    it.kill_candidate()
    it.operate()
    assert (present(it).weight, present(it).mirror) == (0, 20)
    it.start_candidate()
    go_on(it, 3)
    assert present(it).weight == 20


def copy_nothing(it: World, pods: int) -> None:
    """Have so many stable pods say that they send no copies."""
    for name in sorted(it.pods)[:pods]:
        it.pods[name].traffic = {**(it.pods[name].traffic or {}), "weight": 0.0}


def test_no_client_gets_a_candidate_while_no_pod_copies() -> None:
    it = world()
    go_on(it)
    assert present(it).weight == 20
    copy_nothing(it, len(it.pods))
    it.operate()
    assert (it.phase, present(it).weight, present(it).mirror) == (Phase.PROGRESSING, 0, 20)
    assert f"0 of {len(it.pods)} stable pods keep to it" in present(it).message
    go_on(it, 3)
    assert present(it).weight == 20


def test_pod_that_copies_nothing_is_told_and_holds_no_other() -> None:
    it = world()
    go_on(it, 8)
    copy_nothing(it, 1)
    it.operate()
    assert present(it).weight == 20
    assert f"1 of {len(it.pods)} stable pods does not keep to it now" in present(it).message


def test_no_copies_no_share_of_clients() -> None:
    it = world()
    go_on(it, requests=0)
    assert (present(it).mirror, present(it).weight) == (20, 0)
    assert "no copy of a request has reached the candidate yet" in present(it).message


def test_switch_comes_after_the_verdict_and_lasts_its_time() -> None:
    it = world("BlueGreen")
    while it.phase is not Phase.PROMOTING:
        go_on(it, 1, 300)
    switch = next(one for one in it.history if one is not None and one.weight == 100)
    assert all(one.outcome == "NotWorse" for one in switch.measures)
    assert it.now - (present(it).since or it.now) >= timedelta(minutes=2)


def test_other_routing_begins_anew() -> None:
    it = world()
    go_on(it)
    before = present(it)
    it.rollout = spec("Canary", **STRATEGIES["Canary"])
    it.wait(seconds=1)
    it.operate()
    assert (present(it).id != before.id, present(it).weight, present(it).routing) == (True, 0, None)


def switched(**fields: Any) -> World:
    """A world whose Gateway sends all requests to the candidate."""
    it = world("BlueGreen", **fields)
    while it.accepted_route < 100:
        go_on(it, 1, requests=200)
    return it


def test_verdict_before_the_switch_stands_after_it() -> None:
    it = switched()
    disagreement = Series(DISAGREEMENT, CANDIDATE)
    for pod in it.pods.values():  # late copies, and no more after them
        pod.counters[disagreement, True] = pod.counters[disagreement, False] // 10
    it.settle()
    assert it.phase is Phase.PROMOTED


def test_reserve_is_not_cut_short_by_the_timeout() -> None:
    it = World(spec("BlueGreen", trafficRouting="Gateway", scaleDownDelay="10m", timeout="11m"))
    go_on(it, 12, requests=0)
    it.settle()
    assert it.phase is Phase.PROMOTED


def test_promotion_takes_the_share_from_a_candidate_without_pods() -> None:
    it = switched()
    it.ask("promote")
    it.operate()
    assert (it.phase, present(it).weight) == (Phase.PROMOTING, 100)
    it.kill_candidate()
    it.operate()
    assert present(it).weight == 0


def behind_another() -> World:
    """A world whose Gateway sends requests to a candidate that nobody wants any more, and says nothing."""
    it = world()
    go_on(it)
    assert it.accepted_route == 20
    it.wanted = NEXT
    go_on(it, 3, answers=False)
    return it


def test_time_of_the_next_candidate_begins_when_it_may_have_pods() -> None:
    it = behind_another()
    it.wait(seconds=3 * PATIENCE.total_seconds())
    it.operate()
    assert (it.phase, present(it).revision, it.candidate) == (Phase.STARTING, NEXT, NEW)
    assert "pods wait until the Gateway lets go of revision new" in present(it).message
    it.answer_route()
    it.operate()
    it.wait(seconds=PATIENCE.total_seconds() - 1)
    it.operate()
    assert it.phase is Phase.STARTING
    it.wait(seconds=20)
    it.operate()
    assert present(it).cause is Cause.CANDIDATE_NOT_READY


def test_pause_meanwhile_takes_no_time_of_the_next_candidate() -> None:
    it = behind_another()
    it.ask("pause")
    it.operate()
    it.wait(seconds=3 * PATIENCE.total_seconds())
    it.answer_route()
    it.operate()
    it.ask("resume")
    it.operate()
    assert (it.phase, it.candidate) == (Phase.STARTING, NEXT)
    it.settle()
    assert (it.phase, it.main) == (Phase.PROMOTED, NEXT)
