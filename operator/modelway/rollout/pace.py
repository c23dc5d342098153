"""How fast the stable revision answers must be known before all requests go to a candidate: afterwards nobody can tell. Pure.

Where a Gateway divides the requests, the copies that come first tell it.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from modelway.rollout.judge import SLOW
from modelway.rollout.measures import NOTHING, STABLE, Series
from modelway.rollout.situation import Situation
from modelway.rollout.state import RolloutState
from modelway.rollout.steps import WHOLE, Step

ANSWERS: Final = 200
"""Of the stable revision, counted while the candidate stands by: a candidate that is slow in a quarter of its answers is then found out."""
PATIENCE: Final = timedelta(minutes=3)
"""How long they are waited for: stable pods learn of a rollout up to 90 s late, and requests may be few."""


def awaits_pace(state: RolloutState, step: Step, situation: Situation, now: datetime) -> bool:
    """Whether a step that gives the candidate all requests has to wait for answers of the stable revision.

    Args:
        state: of a rollout whose candidate is ready, and has got no request yet.
        step: the first one.
        situation: what is so.
        now: the time.
    """
    if step.weight < WHOLE or state.routing is not None or not situation.size or _answers(situation) >= ANSWERS:
        return False
    return state.share_from is None or now - state.share_from < PATIENCE


def await_pace(state: RolloutState, situation: Situation, now: datetime) -> RolloutState:
    """The state of a rollout that waits for that."""
    minutes = PATIENCE // timedelta(minutes=1)
    message = (
        f"the candidate stands by until {ANSWERS} answers of the stable revision show how fast it is, for {minutes} min at most; "
        f"{_answers(situation)} have come"
    )
    return replace(state, share_from=state.share_from or now, message=message)


def _answers(situation: Situation) -> int:
    return situation.evidence.get(Series(SLOW, STABLE), NOTHING).trials
