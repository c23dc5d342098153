"""What a replay means for the steps of a rollout: clients' requests wait for it, and its evidence spares steps. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from modelway.rollout.judge import Judgement, Outcome
from modelway.rollout.replay import PATIENCE, ReplayPhase, begin_replay, describe, sum_of
from modelway.rollout.situation import Situation
from modelway.rollout.state import Phase, RolloutState
from modelway.rollout.steps import Step


def take_report(state: RolloutState, situation: Situation, now: datetime) -> tuple[RolloutState, Situation]:
    """The state and the situation with what the replay came to: from here on its counts are evidence as any other."""
    if state.replay is None:
        return state, situation
    if state.replay.is_running and situation.rollout.replay is None:
        return replace(state, replay=None), situation
    replaying = state.replay.take(situation.replay, now)
    evidence = sum_of(situation.evidence, replaying.evidence)
    return replace(state, replay=replaying), replace(situation, evidence=evidence)


def wants_replay(state: RolloutState, situation: Situation) -> bool:
    """Whether known rows are to be asked of a candidate that is ready."""
    return situation.rollout.replay is not None and state.replay is None


def start_replay(state: RolloutState, now: datetime) -> RolloutState:
    """The candidate has its pods: known rows are asked before clients' requests, and its time runs."""
    replaying = begin_replay(now)
    started = replace(state, phase=Phase.PROGRESSING, timeout_from=now, unready=None, replay=replaying)
    return replace(started, message=describe(replaying))


def waits_for_replay(state: RolloutState, now: datetime) -> bool:
    """Whether clients' requests wait for known rows. The time of a rollout began with them, and stands still in a pause."""
    if state.weight or state.mirror or state.replay is None or not state.replay.is_running:
        return False
    return state.timeout_from is not None and (state.paused or now) - state.timeout_from < PATIENCE


def step_by_replay(state: RolloutState, steps: Sequence[Step], judgement: Judgement) -> int:
    """The step at which clients' requests go on where a replay ended; the number of steps where they need not.

    Steps without `hold` pass that have their part of the evidence: all parts before clients' requests began, and later the whole of it.
    """
    number = state.step
    if state.replay is None or state.replay.phase is not ReplayPhase.DONE or state.unready is not None:
        return number
    is_enough, has_begun = judgement.outcome is Outcome.NOT_WORSE, bool(state.weight or state.mirror)
    while number < len(steps) and steps[number].hold is None:
        is_last = all(later.unseen for later in steps[number + 1 :])
        has_its_part = not is_last and judgement.progress >= (number + 1) / len(steps)
        if not is_enough and (has_begun or not has_its_part):
            break
        number += 1
        if number < len(steps) and steps[number].unseen:
            return number - 1  # no evidence comes after it: copies of clients' requests must come before
    return number


def with_note(state: RolloutState, now: datetime) -> RolloutState:
    """The state, whose message tells of the replay."""
    if state.replay is None or not state.is_on_trial or waits_for_replay(state, now):
        return state
    return replace(state, message=f"{state.message}; {describe(state.replay, is_awaited=False)}")
