"""A rollout whose requests a Gateway divides: when its route gets which share, and what is waited for. Pure.

The stable pods copy a share of their requests to the candidate, and evidence comes from these copies alone. The Gateway gets a step's share only
once they do so and a copy has been answered: then the candidate is reachable, and no client is the first one to find out.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from modelway.rollout.situation import Situation
from modelway.rollout.state import RolloutState
from modelway.rollout.steps import Step

FAREWELL = timedelta(minutes=5)
"""How long a Gateway that says nothing of its route keeps a candidate that nobody wants."""


class Turn(NamedTuple):
    """A step that may not begin yet."""

    state: RolloutState
    message: str


def has_copies(state: RolloutState, step: Step) -> bool:
    """Whether the stable pods are asked for the copies of a step, and the Gateway for no more than its share."""
    return state.mirror == step.mirror and state.weight <= step.weight


def spare_clients(state: RolloutState, situation: Situation) -> RolloutState:
    """Take the share back while the candidate has no ready pod: a Gateway answers with errors then, and no stable pod in its place."""
    if state.routing is None or not state.weight or situation.candidate.ready:
        return state
    return replace(state, weight=0, since=None)


def await_copies(state: RolloutState, step: Step, situation: Situation) -> RolloutState:
    """Take the share back while no stable pod copies any more: nothing would tell what clients get from the candidate."""
    pods = situation.pods
    may_copy = pods.honouring or pods.silent or not pods.total
    if state.routing is None or not 0 < state.weight == step.weight or step.unseen or may_copy:
        return state
    return replace(state, weight=0, since=None)


def wait_for_route(state: RolloutState, step: Step, situation: Situation, now: datetime) -> Turn | None:
    """What the clock of a step waits for, once all stable pods copy.

    Returns:
        The state to write, which may ask the Gateway for the share of the step; None where nothing is waited for.
    """
    if state.routing is None or state.since is not None:
        return None
    words = f"step {state.step + 1} of {state.steps}"
    if not situation.candidate.ready:
        return Turn(state, f"{words}: no pod of the candidate is ready, so the Gateway sends it no request")
    if state.weight < step.weight:
        if not state.client_requests(situation.evidence):
            copies = "no copy of a request has reached the candidate yet"
            return Turn(state, f"{words}: {copies}; the Gateway sends it {step.weight}% of the requests after that")
        with_share = replace(state, weight=step.weight, share_from=now)
        return Turn(
            with_share, f"{words}: the Gateway is asked to send {step.weight}% of the requests to the candidate"
        )
    if not situation.route.follows:
        why = situation.route.why or "the Gateway has not said yet that it follows the route"
        return Turn(state, f"{words}, {state.weight}% of the requests: {why}")
    return None
