"""The steps of a rollout: what each strategy asks of the stable pods, and how large it wants the candidate. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction
from math import ceil

from modelway.api.duration import time_of
from modelway.api.rollout import BLUE_GREEN, CANARY, MIRROR, SCALE_DOWN_DELAY, SERVER, SHADOW, Rollout

DEFAULT_WEIGHTS = (5, 25, 50)
"""The steps of a canary where the spec names none; evidence alone ends each."""
WHOLE = 100


@dataclass(frozen=True, slots=True)
class Step:
    """What is asked of the stable pods for a while."""

    weight: int = 0
    """The percent of requests that they hand over."""
    mirror: int = 0
    """The percent of requests that they copy."""
    hold: timedelta | None = None
    """The least time; None where evidence alone ends the step."""
    full_size: bool = False
    """Whether the candidate has as many pods as the stable revision."""
    unseen: bool = False
    """Whether no evidence need come in it: a Gateway sends all requests to the candidate, and the stable pods get none to copy."""

    def size(self, stable_size: int) -> int:
        """The number of the candidate's pods beside that many stable ones.

        What is handed over relieves the stable pods, and the autoscaler takes some of them away. So the candidate has as many as carry its
        share at the load of a stable pod, and never more than those. Copies relieve nobody.
        """
        if self.full_size or self.weight >= WHOLE:
            return max(1, stable_size)
        share = Fraction(self.weight, WHOLE - self.weight) + Fraction(self.mirror, WHOLE)
        return max(1, min(stable_size, ceil(share * stable_size)))


def steps_of(rollout: Rollout) -> tuple[Step, ...]:
    """The steps that a spec asks for, of which there is at least one; none under a strategy without a candidate."""
    if rollout.by_gateway:
        return tuple(_steps_by_gateway(rollout))
    if rollout.strategy == CANARY:
        if rollout.steps is None:
            return tuple(Step(weight=weight) for weight in DEFAULT_WEIGHTS)
        return tuple(Step(weight=one.weight, hold=time_of(one.hold) if one.hold else None) for one in rollout.steps)
    if rollout.strategy == BLUE_GREEN:
        reserve = time_of(rollout.scale_down_delay or SCALE_DOWN_DELAY)
        return (Step(weight=WHOLE, hold=reserve, full_size=True),)
    if rollout.strategy == SHADOW:
        return (Step(mirror=rollout.mirror or MIRROR),)
    return ()


def _steps_by_gateway(rollout: Rollout) -> Iterator[Step]:
    """The steps where a Gateway divides the requests: stable pods copy as large a share of theirs, and all of them before a switch."""
    by_servers = steps_of(rollout.model_copy(update={"traffic_routing": SERVER}))
    if rollout.strategy == BLUE_GREEN:
        yield Step(mirror=WHOLE, full_size=True)
    for step in by_servers:
        yield replace(step, mirror=step.weight, unseen=step.weight >= WHOLE)
