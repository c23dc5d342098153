"""One simulated rollout: the operator's planner and judge, and requests that are drawn."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Final

from modelway.api.rollout import SHADOW, Rollout
from modelway.cli.simulation.draws import binomial, clustered
from modelway.cli.simulation.traffic import Traffic
from modelway.rollout.judge import DISAGREEMENT, FAILED, REFUSED, SLOW, Counts, Outcome, judge
from modelway.rollout.measures import CANDIDATE, STABLE, Evidence, Series, measures_of
from modelway.rollout.planner import advance
from modelway.rollout.situation import Candidate, Main, Situation, StablePods
from modelway.rollout.state import Cause, Phase, RolloutState

START_SECONDS: Final = 60.0
"""How long the candidate's first pods take to be ready."""
SPREAD_SECONDS: Final = 60.0
"""How long a new share of requests takes to reach the stable pods; kubelets look every minute or so."""
LOOK_SECONDS: Final = 10.0
"""How often the judge looks at least; later it looks at every fiftieth part of the time so far."""
_PART: Final = 50
_BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_OLD, _NEW = "stable", "candidate"
_PATIENCE: Final = timedelta(hours=1)


class Ending(StrEnum):
    """How a simulated rollout ends."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolledBack"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one rollout.

    Attributes:
        ending: by evidence, or without any.
        seconds: from when the change was applied.
        measure: that was worse, of a rollback.
        step: in which it ended, counted from 1.
        requests: of all clients meanwhile.
        handed_over: of these, those that the candidate got.
        failed: requests that the candidate failed, and whose clients got its error.
        copied: requests of which the candidate got a copy.
        answered_by_stable: those that the candidate failed, so that the stable revision answered.
        disagreeing: answers of the candidate that clients got, other than the stable revision's.
        slow: answers of the candidate that clients got, slower than the stable revision's 95th percentile.
    """

    ending: Ending
    seconds: float
    measure: str | None
    step: int
    requests: int
    handed_over: int
    failed: int
    copied: int
    answered_by_stable: int
    disagreeing: int
    slow: int


class _World:
    """A ModelDeployment, its pods and its clients."""

    def __init__(self, rollout: Rollout, size: int, traffic: Traffic, seed: str) -> None:
        self.rollout, self.size, self.traffic = rollout, size, traffic
        self.random = Random(seed)  # noqa: S311 -- a simulation is to be repeatable
        self.seconds = 0.0
        self.state: RolloutState | None = None
        self.honoured = (0, 0)
        self.target_since = 0.0
        self.routed: Counter[str] = Counter()
        """Requests that a Gateway sent to the candidate, and what was wrong with the answers."""
        self.bad: Counter[Series] = Counter()
        self.trials: Counter[Series] = Counter()
        self.requests = 0
        self._rest = self._share_rest = self._routed_rest = 0.0

    @property
    def evidence(self) -> Evidence:
        return {series: Counts(self.bad[series], trials) for series, trials in self.trials.items()}

    def operate(self) -> RolloutState:
        """A pass of the operator."""
        target = self._target()
        ready = self.size if self.seconds >= START_SECONDS else 0
        situation = Situation(
            rollout=self.rollout,
            wanted=_NEW,
            stable=_OLD,
            main=Main(_OLD, is_rolled_out=True),
            size=self.size,
            candidate=Candidate(ready=ready),
            pods=StablePods(total=self.size, honouring=self.size if self.honoured == target else 0),
            evidence=self.evidence,
            patience=_PATIENCE,
        )
        after = advance(self.state, situation, _BEGIN + timedelta(seconds=self.seconds))
        assert after is not None
        self.state = after
        if self._target() != target:
            self.target_since = self.seconds
        return after

    def go_on(self) -> None:
        """Let time pass until the next look, and requests come."""
        assert self.state is not None
        end = self.seconds + max(LOOK_SECONDS, self.seconds / _PART)
        spread = self.target_since + SPREAD_SECONDS
        target = self._target()
        if self.honoured != target and self.seconds < spread <= end:
            self._serve(spread)
            self.honoured = target
        self._serve(end)

    def _target(self) -> tuple[int, int]:
        """What the stable pods are asked for: the share that they hand over, and that of copies."""
        if self.state is None:
            return 0, 0
        return 0 if self.state.routing else self.state.weight, self.state.mirror

    def _route(self, requests: int, end: float) -> int:
        """Have a Gateway send the candidate its share; how many requests that are. It follows within seconds, which are not counted."""
        assert self.state is not None
        if not self.state.routing or not self.state.weight:
            return 0
        share = self._routed_rest + requests * self.state.weight / 100
        taken = int(share)
        self._routed_rest = share - taken
        shares = self.traffic.shares(self.seconds, end)
        failed = binomial(self.random, taken, shares.failed)
        self.routed["all"] += taken
        self.routed[FAILED] += failed
        self.routed[DISAGREEMENT] += clustered(self.random, taken - failed, shares.disagreeing, shares.run)
        self.routed[SLOW] += binomial(self.random, taken - failed, shares.slow)
        return taken

    def _serve(self, end: float) -> None:
        exact = self._rest + self.traffic.between(self.seconds, end)
        requests = int(exact)
        self._rest = exact - requests
        self.requests += requests
        requests -= self._route(requests, end)
        weight, mirror = self.honoured
        share = self._share_rest + requests * (weight or mirror) / 100
        taken = min(int(share), requests)
        self._share_rest = share - taken
        if weight or mirror:
            self._count(taken, requests - (taken if weight else 0), end)
        elif self.state is not None and self.state.share_from is not None:
            self._count(0, requests, end)  # the candidate stands by
        self.seconds = end

    def _count(self, taken: int, stable: int, end: float) -> None:
        shares = self.traffic.shares(self.seconds, end)
        failed = binomial(self.random, taken, shares.failed)
        answered = taken - failed
        for series, trials, bad in (
            (Series(FAILED, CANDIDATE), taken, failed),
            (Series(REFUSED, CANDIDATE), taken, 0),
            (
                Series(DISAGREEMENT, CANDIDATE),
                answered,
                clustered(self.random, answered, shares.disagreeing, shares.run),
            ),
            (Series(SLOW, CANDIDATE), answered, binomial(self.random, answered, shares.slow)),
            (Series(SLOW, STABLE), stable, binomial(self.random, stable, shares.stable_slow)),
        ):
            self.trials[series] += trials
            self.bad[series] += bad


def run(rollout: Rollout, size: int, traffic: Traffic, seed: str) -> Trial:
    """Simulate one rollout until the candidate takes over, goes, or its time is over.

    Args:
        rollout: as the spec asks for it; judged, and not paused.
        size: the number of stable pods.
        traffic: of all clients.
        seed: of the draws.
    """
    world = _World(rollout, size, traffic, seed)
    state = world.operate()
    while state.phase in {Phase.STARTING, Phase.PROGRESSING}:
        world.go_on()
        state = world.operate()
    return _result(world, state)


def _result(world: _World, state: RolloutState) -> Trial:
    taken = world.trials[Series(FAILED, CANDIDATE)]
    by_copies = world.rollout.strategy == SHADOW or world.rollout.by_gateway
    answers, routed = 0 if by_copies else 1, world.routed  # a copy answers nobody
    return Trial(
        ending=_ending(world, state),
        seconds=world.seconds,
        measure=next((one.name for one in state.measures if one.outcome == Outcome.WORSE.value), None),
        step=state.step + 1,
        requests=world.requests,
        handed_over=taken * answers + routed["all"],
        failed=routed[FAILED],
        copied=taken * (1 - answers),
        answered_by_stable=world.bad[Series(FAILED, CANDIDATE)] * answers,
        disagreeing=world.bad[Series(DISAGREEMENT, CANDIDATE)] * answers + routed[DISAGREEMENT],
        slow=world.bad[Series(SLOW, CANDIDATE)] * answers + routed[SLOW],
    )


def _ending(world: _World, state: RolloutState) -> Ending:
    """What the evidence came to; a promotion or a rollback that the timeout alone brought is none."""
    if state.cause is Cause.ANALYSIS:
        return Ending.ROLLED_BACK
    judgement = judge(measures_of(world.rollout.limits, world.evidence))
    is_promoted = state.phase is Phase.PROMOTING and judgement.outcome is Outcome.NOT_WORSE
    return Ending.PROMOTED if is_promoted else Ending.UNDECIDED
