"""The changes that a rollout can go through, each as a new state. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta
from string import ascii_lowercase, digits

from modelway.api.orders import Order
from modelway.api.status import LARGEST_COUNT
from modelway.rollout import messages
from modelway.rollout.situation import Situation
from modelway.rollout.state import Cause, Pause, Phase, RolloutState
from modelway.rollout.steps import Step, steps_of

_LETTERS = digits + ascii_lowercase


def begin(previous: RolloutState | None, situation: Situation, now: datetime) -> RolloutState | None:
    """The first state of a rollout to the wanted revision; None where it needs none and runs directly.

    Args:
        previous: what it takes the place of, or what is tried again.
        situation: what is so.
        now: the time, without microseconds.
    """
    stable, rollout = _stable(previous, situation), situation.rollout
    if not situation.is_accepted or not rollout.is_judged or stable in {None, situation.wanted}:
        return None
    attempt = previous.attempt + 1 if previous is not None and previous.revision == situation.wanted else 1
    return RolloutState(
        id=f"{situation.wanted}-{attempt}-{_in_letters(int(now.timestamp()))}",
        strategy=rollout.strategy,
        phase=Phase.STARTING,
        revision=situation.wanted,
        stable=str(stable),
        attempt=attempt,
        routing=rollout.traffic_routing if rollout.by_gateway else None,
        steps=len(steps_of(rollout)),
        started=now,
        unready=now,
        order=previous.order if previous is not None else None,
        message=messages.BEGUN,
    )


def _stable(previous: RolloutState | None, situation: Situation) -> str | None:
    """The revision that serves; a candidate that has just taken over does so before status names it."""
    if previous is not None and previous.phase is Phase.PROMOTED and situation.stable == previous.stable:
        return previous.revision
    return situation.stable


def _in_letters(number: int) -> str:
    """A number in few characters: an id tells an attempt from earlier ones with the same candidate, whose counters pods may still have."""
    letters = ""
    while number:
        number, index = divmod(number, len(_LETTERS))
        letters = _LETTERS[index] + letters
    return letters


def enter_step(state: RolloutState, number: int) -> RolloutState:
    """Begin a step: the candidate first gets its size, and then its share of the requests."""
    return replace(state, step=number, since=None)


def ask_for(state: RolloutState, step: Step, now: datetime) -> RolloutState:
    """Ask the stable pods for the share of a step. A Gateway is asked for more only after them: `routing` says when."""
    weight = step.weight if state.routing is None else min(state.weight, step.weight)
    return replace(state, weight=weight, mirror=step.mirror, since=None, honouring=0, share_from=now)


def start_traffic(state: RolloutState, step: Step, now: datetime) -> RolloutState:
    """The candidate has its pods: its first step begins, and its time runs."""
    return ask_for(replace(state, phase=Phase.PROGRESSING, timeout_from=now, unready=None), step, now)


def start_clock(state: RolloutState, situation: Situation, now: datetime) -> RolloutState:
    """All stable pods keep to the step: its time runs, and its requests count."""
    return replace(state, since=now, requests_before=min(state.client_requests(situation.evidence), LARGEST_COUNT))


def hold(state: RolloutState, pause: Pause, now: datetime, *, by: str | None = None) -> RolloutState:
    """Hold a rollout where it is."""
    paused = now if state.paused is None else state.paused
    return replace(state, phase=Phase.PAUSED, pause=pause, paused=paused, by=by)


def resume(state: RolloutState, now: datetime) -> RolloutState:
    """Let a held rollout go on; its clocks stood still meanwhile."""
    pause = max(now - (state.paused or now), timedelta())
    # Until there is a share, `share_from` times the wait for answers of the stable revision; later it says when the share was asked for.
    waits = () if state.weight or state.mirror else ("share_from",)
    clocks = ("timeout_from", "since", "unready", *waits)
    moved = {name: time + pause for name in clocks if (time := getattr(state, name))}
    if state.pause is Pause.TIMEOUT:
        moved["timeout_from"] = now
    phase = Phase.STARTING if state.timeout_from is None else Phase.PROGRESSING
    return replace(state, phase=phase, pause=None, paused=None, by=None, **moved)


def promote(state: RolloutState, message: str, *, by: str | None = None) -> RolloutState:
    """Let the candidate take over. Its share stays until then, but for copies, which serve nobody."""
    state = replace(state, pause=None, paused=None, unready=None, unserved=None)
    return replace(_without_running_replay(state), phase=Phase.PROMOTING, mirror=0, message=message, by=by)


def end_promotion(state: RolloutState, now: datetime) -> RolloutState:
    """All pods are of the candidate's revision: it is the stable one."""
    return replace(_end(state, now), phase=Phase.PROMOTED, message=messages.promoted(state))


def roll_back(state: RolloutState, cause: Cause, message: str, now: datetime, *, by: str | None = None) -> RolloutState:
    """End a rollout with the stable revision."""
    return replace(_end(state, now), phase=Phase.ROLLED_BACK, cause=cause, message=message, by=by)


def _end(state: RolloutState, now: datetime) -> RolloutState:
    state = _without_running_replay(state)
    ended = replace(state, weight=0, mirror=0, honouring=0, pods=0, since=None, unready=None)
    return replace(ended, pause=None, paused=None, unserved=None, share_from=None, ended=now)


def _without_running_replay(state: RolloutState) -> RolloutState:
    """The state of a rollout that waits for no replay any more."""
    return replace(state, replay=None) if state.replay is not None and state.replay.is_running else state


def note_order(state: RolloutState, order: Order) -> RolloutState:
    """Remember an order, so that it counts once."""
    return replace(state, order=order.at)
