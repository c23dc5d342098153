"""An order counts once, about the rollout that it names, and only where it makes sense."""

from datetime import timedelta

import pytest

from modelway.rollout.judge import FAILED
from modelway.rollout.orders import refusal_of
from modelway.rollout.state import Cause, Pause, Phase
from support.operator.rollout_world import NEW, OLD, World, spec


def world(phase: Phase = Phase.PROGRESSING) -> World:
    it = World(spec(steps=[{"weight": 20}]))
    if phase is Phase.STARTING:
        it.operate()
        it.operate()
        return it
    for _ in range(5):
        it.operate()
        it.start_candidate()
        it.deliver()
        it.wait(seconds=10)
    if phase in {Phase.PROMOTING, Phase.PROMOTED}:
        it.ask("promote")
    elif phase is Phase.ROLLED_BACK:
        it.faults = {FAILED: 1.0}
    elif phase is Phase.PAUSED:
        it.ask("pause")
    if phase in {Phase.PROMOTING, Phase.PAUSED}:
        it.operate()
    else:
        it.settle(rounds=0 if phase is Phase.PROGRESSING else 100)
    it.wait(seconds=10)
    assert it.phase is phase
    return it


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.PROGRESSING, Phase.PAUSED])
def test_promote_takes_over_without_evidence(phase: Phase) -> None:
    it = world(phase)
    it.ask("promote", by="bob")
    it.operate()
    assert it.state is not None
    assert (it.phase, it.state.by) == (Phase.PROMOTING, "bob")
    it.settle(requests=0)
    assert (it.phase, it.main, it.candidate) == (Phase.PROMOTED, NEW, None)
    assert it.state is not None
    assert it.state.message == "revision new took the place of old, by bob"


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.PROGRESSING, Phase.PAUSED, Phase.PROMOTING])
def test_abort_returns_to_stable(phase: Phase) -> None:
    it = world(phase)
    it.ask("abort", by="bob")
    it.settle()
    assert it.state is not None
    assert (it.phase, it.state.cause, it.state.by) == (Phase.ROLLED_BACK, Cause.ABORTED, "bob")
    assert (it.main, it.revisions, it.candidate) == (OLD, {OLD}, None)


def test_retry_tries_the_candidate_anew() -> None:
    it = world(Phase.ROLLED_BACK)
    before = it.state
    it.faults = {}
    it.ask("retry")
    it.operate()
    assert before is not None
    assert it.state is not None
    assert (it.phase, it.state.attempt, it.state.measures) == (Phase.STARTING, 2, ())
    assert it.state.id != before.id
    it.settle()
    assert (it.phase, it.main) == (Phase.PROMOTED, NEW)


def test_retry_under_rolling_just_rolls() -> None:
    it = world(Phase.ROLLED_BACK)
    it.rollout = spec("Rolling")
    it.ask("retry")
    it.settle()
    assert (it.phase, it.main) == (None, NEW)


def test_retry_waits_until_the_candidate_has_gone() -> None:
    it = world(Phase.PROMOTING)
    it.operate()
    assert it.main == NEW
    it.ask("abort")
    it.operate()
    it.wait(seconds=10)
    it.ask("retry")
    situation = it.situation(it.state)
    assert refusal_of(it.state, situation) is None
    it.operate(crash="observed")
    it.settle()
    states = [one.phase for one in it.history if one is not None and one.attempt == 2]
    assert states[0] is Phase.STARTING
    assert Phase.PROGRESSING in states


def test_pause_holds_until_somebody_resumes() -> None:
    it = world()
    it.ask("pause", by="bob")
    for _ in range(5):
        it.operate()
        it.serve(500)
        it.wait(days=1)
    assert it.state is not None
    assert (it.phase, it.state.pause, it.state.step) == (Phase.PAUSED, Pause.ORDER, 0)
    assert it.state.message == "held at 20% of the requests by bob: `modelway resume` lets it go on"
    it.ask("resume")
    it.settle()
    assert it.phase is Phase.PROMOTED


def test_pause_of_the_spec_wins_over_resume() -> None:
    it = world(Phase.PAUSED)
    it.rollout = it.rollout.model_copy(update={"paused": True})
    it.ask("resume")
    refusal = refusal_of(it.state, it.situation(it.state))
    assert refusal is not None
    assert refusal.message == "spec.rollout.paused is true, which holds the rollout: set it to false"
    it.operate()
    assert it.phase is Phase.PAUSED
    assert refusal_of(it.state, it.situation(it.state)) is None


def test_ordered_pause_outlives_that_of_the_spec() -> None:
    it = world()
    it.rollout = it.rollout.model_copy(update={"paused": True})
    it.operate()
    it.ask("pause")
    it.operate()
    it.rollout = it.rollout.model_copy(update={"paused": False})
    it.operate()
    assert it.phase is Phase.PAUSED


@pytest.mark.parametrize(
    ("phase", "action", "remedy"),
    [
        (Phase.ROLLED_BACK, "promote", "`modelway retry` tries it again"),
        (Phase.ROLLED_BACK, "abort", "has rolled back"),
        (Phase.PROMOTED, "abort", "`modelway undo` asks for the revision before"),
        (Phase.PROMOTING, "pause", "`modelway abort` returns to the stable revision"),
        (Phase.PROGRESSING, "retry", "is under way"),
        (Phase.PROGRESSING, "resume", "is under way"),
    ],
)
def test_order_out_of_place_is_refused_once(phase: Phase, action: str, remedy: str) -> None:
    it = world(phase)
    it.ask(action)  # type: ignore[arg-type]
    refusal = refusal_of(it.state, it.situation(it.state))
    assert refusal is not None
    assert remedy in refusal.message
    it.operate()
    assert it.state is not None
    assert it.order is not None
    assert it.state.order == it.order.at
    assert refusal_of(it.state, it.situation(it.state)) is None


def test_order_counts_once() -> None:
    it = world()
    it.ask("pause")
    it.operate()
    it.rollout = it.rollout.model_copy(update={"paused": True})
    order = it.order
    it.wait(seconds=1)
    it.ask("abort")
    it.operate()
    assert it.phase is Phase.ROLLED_BACK
    it.order = order
    it.operate()
    assert it.phase is Phase.ROLLED_BACK


def test_order_about_another_revision_is_ignored() -> None:
    it = world()
    it.ask("abort", revision=OLD)
    it.operate()
    assert it.phase is Phase.PROGRESSING


def test_order_from_before_the_rollout_is_ignored() -> None:
    it = World(spec())
    it.ask("abort")
    it.wait(seconds=1)
    it.operate()
    it.operate()
    assert it.phase is Phase.STARTING
    assert it.state is not None
    assert it.order is not None
    assert it.state.started - it.order.at == timedelta(seconds=1)
