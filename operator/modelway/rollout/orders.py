"""What becomes of an order in each phase of a rollout. Pure."""

from dataclasses import dataclass
from datetime import datetime

from modelway.api.orders import Action, Order
from modelway.rollout import messages
from modelway.rollout.situation import Situation
from modelway.rollout.state import ON_TRIAL, UNDER_WAY, Cause, Pause, Phase, RolloutState
from modelway.rollout.transitions import begin, hold, note_order, promote, resume, roll_back

_PHASES: dict[Action, frozenset[Phase]] = {
    "promote": ON_TRIAL,
    "abort": UNDER_WAY,
    "retry": frozenset({Phase.ROLLED_BACK}),
    "pause": ON_TRIAL,
    "resume": frozenset({Phase.PAUSED}),
}
"""In which phases each order is followed."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An order that is not followed, and why."""

    order: Order
    message: str


def new_order(state: RolloutState | None, situation: Situation) -> Order | None:
    """The order about this very rollout that has neither been followed nor refused yet."""
    order = situation.order
    if state is None or order is None or order.revision != state.revision or order.at < state.started:
        return None
    if state.order is not None and order.at <= state.order:
        return None
    if situation.is_suspended or state.pause is Pause.SUSPEND:
        return None  # it waits, as all else does, until nothing is suspended
    if order.action == "retry" and situation.main.revision == state.revision:
        return None  # the roll back from its promotion is not applied yet: the order waits for that
    return order


def refusal_of(state: RolloutState | None, situation: Situation) -> Refusal | None:
    """Why a new order is not followed; None where there is none, or where it is."""
    order = new_order(state, situation)
    if order is None or state is None:
        return None
    if state.phase not in _PHASES[order.action]:
        return Refusal(order, messages.refused_order(order.action, state))
    if order.action == "resume" and situation.rollout.paused:
        return Refusal(order, messages.PAUSED_BY_SPEC)
    return None


def obey(state: RolloutState, situation: Situation, now: datetime) -> RolloutState | None:
    """The state after a new order, which counts once whether it is followed or refused; None where the candidate runs directly from now on."""
    order = new_order(state, situation)
    if order is None:
        return state
    noted = note_order(state, order)
    return noted if refusal_of(state, situation) is not None else _follow(noted, order, situation, now)


def _follow(state: RolloutState, order: Order, situation: Situation, now: datetime) -> RolloutState | None:
    match order.action:
        case "promote":
            return promote(state, messages.promoting_by(order.by), by=order.by)
        case "abort":
            return roll_back(state, Cause.ABORTED, messages.aborted(state, order.by), now, by=order.by)
        case "retry":
            return begin(state, situation, now)
        case "pause":
            return hold(state, Pause.ORDER, now, by=order.by)
        case "resume":
            return resume(state, now)
