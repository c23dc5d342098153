"""Decide what becomes of a rollout: one call a pass, from the state in status and what is so, to the state to write. Pure.

A pass builds the children from the state that status holds already, and only then writes the next one. So whatever a crash interrupts, the
next pass begins at what was written, and does the same again.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from modelway.rollout import messages
from modelway.rollout.assessment import Assessment, assess
from modelway.rollout.orders import obey
from modelway.rollout.pace import await_pace, awaits_pace
from modelway.rollout.replay import describe
from modelway.rollout.replay_steps import (
    start_replay,
    step_by_replay,
    take_report,
    waits_for_replay,
    wants_replay,
    with_note,
)
from modelway.rollout.routing import FAREWELL, await_copies, has_copies, spare_clients, wait_for_route
from modelway.rollout.situation import Candidate, Situation, StablePods
from modelway.rollout.state import Cause, Pause, Phase, RolloutState
from modelway.rollout.steps import Step, steps_of
from modelway.rollout.transitions import (
    ask_for,
    begin,
    end_promotion,
    enter_step,
    hold,
    promote,
    resume,
    roll_back,
    start_clock,
    start_traffic,
)

UNSERVED_PATIENCE = timedelta(minutes=5)
"""How long no stable pod may be ready before the candidate takes over without evidence."""


def advance(state: RolloutState | None, situation: Situation, now: datetime) -> RolloutState | None:
    """The state to write after this pass; None where no rollout is needed, so that the wanted revision runs directly.

    Args:
        state: what status holds.
        situation: what is so.
        now: the time, with a time zone.
    """
    now = now.replace(microsecond=0)
    if situation.is_suspended:
        return _suspended(state, situation, now)
    if state is not None and state.pause is Pause.SUSPEND:
        return replace(resume(state, now), message=messages.RESUMED)
    present = _of_today(state, situation, now)
    present = obey(present, situation, now) if present is not None and present is state else present
    if present is None or not present.is_under_way or state is None or present.id != state.id:
        return present  # what is so tells nothing yet of a rollout that has just begun
    present = replace(present, honouring=situation.pods.honouring, pods=situation.pods.total)
    if present.phase is Phase.PROMOTING or situation.main.revision == present.revision:
        return _promote_on(present, situation, now)
    today = _follow_spec(present, situation, now)
    if (today.weight, today.mirror) != (present.weight, present.mirror):
        situation = replace(situation, pods=replace(situation.pods, honouring=0))  # they kept to what was asked before
    today, situation = take_report(today, situation, now)
    return with_note(_try_on(today, situation, now), now)


def _suspended(state: RolloutState | None, situation: Situation, now: datetime) -> RolloutState | None:
    """Hold what is on trial: its children stay as they are, and so does its share of the requests."""
    if state is None or not state.is_on_trial:
        return state
    state = _watch_stable_pods(state, situation, now)
    state = state if state.phase is Phase.PAUSED else hold(state, Pause.SUSPEND, now)
    return replace(state, message=messages.suspended(state))


def _of_today(state: RolloutState | None, situation: Situation, now: datetime) -> RolloutState | None:
    """The rollout that the spec of today asks for: this one, another that starts, or none."""
    if state is None:
        return None if situation.main.revision == situation.wanted else begin(None, situation, now)
    if situation.wanted != state.revision:
        return _of_another(state, situation, now)
    if not state.is_on_trial:
        return state
    if not situation.is_accepted:
        return None
    is_tried_alike = (situation.rollout.strategy, situation.rollout.by_gateway) == (
        state.strategy,
        state.routing is not None,
    )
    if not is_tried_alike or situation.stable not in {None, state.stable, state.revision}:
        return begin(state, situation, now)
    return state


def _of_another(state: RolloutState, situation: Situation, now: datetime) -> RolloutState | None:
    """The spec asks for another revision than before: a new change, or a return to the stable one."""
    if situation.is_accepted:
        return begin(state, situation, now)
    # It is not proved yet. What has begun to take over does so to its end; what is on trial ends, since nobody wants it.
    takes_over = state.phase is Phase.PROMOTING and situation.main.revision == state.revision
    return state if takes_over or state.phase is Phase.PROMOTED else None


def _follow_spec(state: RolloutState, situation: Situation, now: datetime) -> RolloutState:
    """Keep to the steps and to the pause of today's spec."""
    steps = steps_of(situation.rollout)
    number = min(state.step, len(steps) - 1)
    state = replace(state, step=number, steps=len(steps))
    step = steps[number]
    if state.weight > step.weight or state.mirror > step.mirror:
        state = ask_for(state, step, now)
    if situation.rollout.paused and state.phase is not Phase.PAUSED:
        return hold(state, Pause.SPEC, now)
    if not situation.rollout.paused and state.pause is Pause.SPEC:
        return resume(state, now)
    return state


def _promote_on(state: RolloutState, situation: Situation, now: datetime) -> RolloutState:
    if state.phase is not Phase.PROMOTING:
        state = promote(state, messages.PROMOTING)
    state = spare_clients(state, situation)
    main = situation.main
    return end_promotion(state, now) if main.revision == state.revision and main.is_rolled_out else state


def _try_on(state: RolloutState, situation: Situation, now: datetime) -> RolloutState:
    """One pass of a rollout that may still go either way."""
    situation = replace(situation, candidate=_as_a_whole(situation.candidate))
    state = spare_clients(_watch_stable_pods(state, situation, now), situation)
    step = steps_of(situation.rollout)[state.step]
    assessment = assess(state, situation, now)
    if state.timeout_from is not None:
        state = replace(state, measures=assessment.records)
        if assessment.is_worse:
            return roll_back(state, Cause.ANALYSIS, assessment.verdict(state), now)
    if state.phase is Phase.PAUSED:
        return replace(state, message=messages.paused(state, situation.candidate))
    state = _watch_pods(state, step, situation, now)
    if _is_needed(state, situation, now):
        return promote(state, messages.promoting_unserved(UNSERVED_PATIENCE))
    failure = _failure_of_pods(state, situation, now)
    if failure is not None:
        return roll_back(state, *failure, now)
    if state.phase is Phase.STARTING:
        state = _start(state, step, situation, now)
    else:
        state = _progress(state, step, situation, assessment, now)
    if state.unserved is None or state.phase not in {Phase.STARTING, Phase.PROGRESSING}:
        return state
    message = messages.unserved(situation.candidate, UNSERVED_PATIENCE)
    return replace(state, message=f"{message}; {state.message}" if situation.behind is not None else message)


# The stable pods --------------------------------------------------------------------------------------------------------------------------


def _watch_stable_pods(state: RolloutState, situation: Situation, now: datetime) -> RolloutState:
    """Note since when no stable pod serves, where there are to be any."""
    if situation.pods.total or not situation.size:
        return replace(state, unserved=None)
    return state if state.unserved is not None else replace(state, unserved=now)


def _is_needed(state: RolloutState, situation: Situation, now: datetime) -> bool:
    """Whether only the candidate can serve: waiting for evidence then protects nobody, and none can come."""
    return state.unserved is not None and now - state.unserved >= UNSERVED_PATIENCE and situation.candidate.ready > 0


# The candidate's pods ---------------------------------------------------------------------------------------------------------------------


def _as_a_whole(candidate: Candidate) -> Candidate:
    """The failure of one pod ends nothing while another one serves: it only hinders."""
    if not candidate.failure or not candidate.ready:
        return candidate
    return replace(candidate, failure="", hindrance=candidate.failure)


def _watch_pods(state: RolloutState, step: Step, situation: Situation, now: datetime) -> RolloutState:
    """Note since when the candidate lacks pods: those of a share that it does not have yet, later any at all.

    What may have none yet, because those of another candidate stay, lacks none: its time begins when it may.
    """
    if situation.behind is not None:
        return replace(state, unready=None)
    least = 1 if _has_its_share(state, step) else step.size(situation.size)
    if situation.candidate.ready >= least:
        return replace(state, unready=None)
    return state if state.unready is not None else replace(state, unready=now)


def _has_its_share(state: RolloutState, step: Step) -> bool:
    if state.routing is not None:
        return has_copies(state, step)
    return (state.weight, state.mirror) == (step.weight, step.mirror)


def _failure_of_pods(state: RolloutState, situation: Situation, now: datetime) -> tuple[Cause, str] | None:
    candidate, pods = situation.candidate, situation.pods
    wanted = steps_of(situation.rollout)[state.step].size(situation.size)
    if candidate.failure:
        return Cause.CANDIDATE_FAILED, messages.failed(candidate.failure, state)
    if 0 < pods.total == pods.stopped and candidate.ready > 0:
        return Cause.CANDIDATE_FAILED, messages.stopped(pods.total, situation.evidence, state)
    if state.unready is not None and now - state.unready >= situation.patience:
        return Cause.CANDIDATE_NOT_READY, messages.not_ready(candidate, wanted, situation.patience, state)
    return None


# The steps --------------------------------------------------------------------------------------------------------------------------------


def _start(state: RolloutState, step: Step, situation: Situation, now: datetime) -> RolloutState:
    if situation.behind is not None:
        return replace(state, message=messages.behind(situation.behind, FAREWELL))
    if state.unready is None and wants_replay(state, situation):
        return start_replay(state, now)
    if state.unready is None:
        if awaits_pace(state, step, situation, now):
            return await_pace(state, situation, now)
        state = start_traffic(state, step, now)
        return replace(state, message=messages.waiting_for_pods(state, StablePods(situation.pods.total), now))
    return replace(state, message=messages.starting(situation.candidate, step.size(situation.size)))


def _progress(
    state: RolloutState, step: Step, situation: Situation, assessment: Assessment, now: datetime
) -> RolloutState:
    if state.replay is not None and waits_for_replay(state, now):
        return _at_timeout(replace(state, message=describe(state.replay)), situation, now)
    steps = steps_of(situation.rollout)
    number = state.step if assessment.waits else step_by_replay(state, steps, assessment.judgement)
    if number != state.step:
        return _go_on(state, assessment, number)
    state = await_copies(state, step, situation)
    if not _has_its_share(state, step):
        if state.unready is None:
            if not (state.weight or state.mirror) and awaits_pace(state, step, situation, now):
                return _at_timeout(await_pace(state, situation, now), situation, now)
            state = ask_for(state, step, now)
        message = messages.growing(state, step, situation)
    elif state.since is None and not 0 < situation.pods.total == situation.pods.honouring:
        message = messages.waiting_for_pods(state, situation.pods, now)
    elif (turn := wait_for_route(state, step, situation, now)) is not None:
        state, message = turn
    else:
        state = state if state.since is not None else start_clock(state, situation, now)
        if _is_complete(state, step, situation, assessment, now):
            return _go_on(state, assessment, state.step + 1)
        message = "; ".join([messages.progress(state, step, assessment.judgement, situation, now), *assessment.waits])
        if step.unseen and state.unready is None and not assessment.waits:
            return replace(state, message=message)  # the verdict is there, and the hold ends by itself
    return _at_timeout(replace(state, message=message), situation, now)


def _is_complete(state: RolloutState, step: Step, situation: Situation, assessment: Assessment, now: datetime) -> bool:
    """Whether a step has had its time and its evidence. Time alone is none: a request must have come in the step, enough in all at the end."""
    if state.unready is not None or assessment.waits:
        return False
    if state.client_requests(situation.evidence) <= state.requests_before and not step.unseen:
        return False
    if step.hold is not None and now - (state.since or now) < step.hold:
        return False
    if assessment.is_not_worse or step.unseen:
        return True  # a step without evidence begins with a verdict, which stands
    is_last = all(later.unseen for later in steps_of(situation.rollout)[state.step + 1 :])
    progress = assessment.judgement.progress
    return not is_last and (step.hold is not None or progress >= (state.step + 1) / state.steps)


def _go_on(state: RolloutState, assessment: Assessment, number: int) -> RolloutState:
    if number >= state.steps:
        return promote(state, messages.promoting(assessment.judgement))
    return replace(enter_step(state, number), message=messages.NEXT_STEP)


def _at_timeout(state: RolloutState, situation: Situation, now: datetime) -> RolloutState:
    rollout = situation.rollout
    if state.timeout_from is None or now - state.timeout_from < rollout.most_time:
        return state
    match rollout.on_timeout:
        case "Promote":
            return promote(state, messages.promoting_at_timeout(rollout.most_time))
        case "Pause":
            state = hold(state, Pause.TIMEOUT, now)
            return replace(state, message=messages.paused(state, situation.candidate))
        case _:
            return roll_back(state, Cause.TIMEOUT, messages.timeout(rollout.most_time, state), now)
