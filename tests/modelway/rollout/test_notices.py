"""Each change of a rollout is told once, and who asked for it."""

import pytest

from modelway.rollout.judge import FAILED
from modelway.rollout.notices import Notice, notices_of
from modelway.rollout.planner import advance
from support.operator.rollout_world import NEXT, OLD, World, spec


def told_by(it: World, rounds: int = 40, requests: int = 200) -> list[Notice]:
    """What the passes of a world tell, one after the other."""
    notices: list[Notice] = []
    for _ in range(rounds):
        state, situation = it.state, it.situation(it.state)
        notices += notices_of(state, advance(state, situation, it.now), situation)
        it.operate()
        it.start_candidate()
        it.deliver()
        it.roll()
        it.serve(requests)
        it.wait(seconds=10)
    return notices


def test_promotion_is_told_from_its_start_to_its_end() -> None:
    notices = told_by(World(spec(steps=[{"weight": 20}, {"weight": 50}])), rounds=150)
    assert [one.reason for one in notices] == [
        "RolloutStarted",
        "RolloutStep",
        "RolloutStep",
        "RolloutPromoting",
        "RolloutPromoted",
    ]
    assert notices[0].message == "revision new is to take the place of old: Canary, 2 steps"
    assert notices[2].message == "step 2 of 2, 50% of the requests"
    assert not any(one.is_warning for one in notices)


def test_rollback_is_a_warning_with_its_cause() -> None:
    *_, last = told_by(World(spec(), faults={FAILED: 1.0}))
    assert (last.reason, last.is_warning) == ("RolledBack", True)
    assert "revision new failed" in last.message


@pytest.mark.parametrize(
    ("action", "reason", "text"),
    [
        ("pause", "RolloutSuspended", "held at 5% of the requests by bob"),
        ("promote", "RolloutPromoting", "promoted by bob"),
        ("abort", "RolledBack", "bob aborted the rollout of revision new"),
        ("retry", "RolloutOrderRefused", "asked by bob: `modelway retry` does nothing now: revision new is under way"),
    ],
)
def test_order_is_told_with_who_asked(action: str, reason: str, text: str) -> None:
    it = World(spec())
    told_by(it, 5, requests=0)
    it.ask(action, by="bob")  # type: ignore[arg-type]
    [notice] = told_by(it, 1)
    assert notice.reason == reason
    assert text in notice.message


def test_resumed_and_retried_rollouts_tell_who_asked() -> None:
    it = World(spec())
    told_by(it, 5, requests=0)
    it.ask("pause")
    told_by(it, 1)
    it.ask("resume", by="bob")
    assert told_by(it, 1) == [Notice("RolloutResumed", "the rollout of revision new goes on as bob asked")]
    it.ask("abort")
    told_by(it, 2)
    it.ask("retry", by="bob")
    [notice] = told_by(it, 1)
    assert notice.message == "revision new is to take the place of old as bob asked: Canary, 3 steps, attempt 2"


@pytest.mark.parametrize(("wanted", "reasons"), [(OLD, ["RolloutEnded"]), (NEXT, ["RolloutEnded", "RolloutStarted"])])
def test_candidate_that_nobody_wants_is_told_to_end(wanted: str, reasons: list[str]) -> None:
    it = World(spec())
    told_by(it, 5, requests=0)
    it.wanted = wanted
    assert [one.reason for one in told_by(it, 1)] == reasons
