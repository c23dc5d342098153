"""Take a rollout one step further in a pass: ask the pods what they counted, and have the planner decide."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from modelway.api.labels import CANARY
from modelway.api.orders import order_in
from modelway.api.rollout import Rollout
from modelway.api.v1alpha1 import ModelDeployment
from modelway.cluster.metric_reader import MetricReader
from modelway.cluster.metric_sources import Sources
from modelway.cluster.scrape import Scraper
from modelway.desired.children.deployment import progress_deadline_seconds
from modelway.desired.plan import Plan
from modelway.observed import Key, Observed, PodView
from modelway.rollout import planner
from modelway.rollout.counts import Ledger, PodSample, enter, open_ledger, stable_pods, unreachable_in
from modelway.rollout.measures import Evidence
from modelway.rollout.metrics import Reading
from modelway.rollout.notices import Notice, notices_of
from modelway.rollout.questions import Subject
from modelway.rollout.situation import Candidate, Main, Route, Situation
from modelway.rollout.state import Phase, RolloutState
from modelway.settings import Settings
from modelway.status.exposure import route_of
from modelway.status.replay import replay_report
from modelway.status.rollout import failure_of_candidate

LOOK_SECONDS = 2.0
"""How often a rollout under way is looked at: no watch tells what pods count."""

PAUSED_SECONDS = 10.0
"""The same while it is held: nothing but a candidate that does worse ends it, and orders and changes of the spec are watched."""

NEXT_SECONDS = 0.1
"""When to act on what was just decided, which is written to status first."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a pass makes of a rollout."""

    rollout: Mapping[str, Any] | None
    """As status is to tell of it; None where there is none."""
    notices: tuple[Notice, ...] = ()
    """What is to be told as Events once that is written."""
    due: float | None = None
    """Seconds until the next look; None where none is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the plans of a pass know of the two revisions."""

    stable: str | None
    """The last revision that served all requests; None before the first."""
    size: int
    """The number of its pods."""
    refusal: str = ""
    """Why the cluster refuses the candidate's Deployment or Service, with what to do; empty where it does not."""


class Rollouts:
    """Looks after the rollouts of one operator.

    Args:
        scraper: reads what pods count.
        settings: what the platform decides.
        metrics: asks the sources of the spec's metrics; by the settings where it is left out.
    """

    def __init__(self, scraper: Scraper, settings: Settings, metrics: MetricReader | None = None) -> None:
        self._scraper = scraper
        self._metrics = metrics or MetricReader(Sources(settings))
        self._settings = settings
        self._ledgers: dict[Key, Ledger] = {}

    async def advance(
        self, deployment: ModelDeployment, plan: Plan, observed: Observed, standing: Standing, now: datetime
    ) -> Progress:
        """Take the rollout of a ModelDeployment one step further.

        Args:
            deployment: what is asked for.
            plan: what was applied.
            observed: what exists since.
            standing: who serves.
            now: the time, with a time zone.
        """
        state = RolloutState.from_status(observed.owner.status.get("rollout"))
        if state is None and not (deployment.spec.rollout or Rollout()).is_judged:
            return Progress(None)
        samples = await self._ask(state, observed)
        situation = self._situation(deployment, plan, observed, standing)
        route = route_of(observed, state.weight) if state is not None and state.routing is not None else Route()
        pods = stable_pods(state, samples, _serving(observed.pods, state))
        unreachable = unreachable_in(state, samples) if state is not None else 0
        situation = replace(
            situation,
            pods=pods,
            route=route,
            evidence=self._evidence(observed.owner.key, state),
            unreachable=unreachable,
            readings=self._readings(state, observed, situation),
        )
        after = planner.advance(state, situation, now)
        if after is None or not after.is_on_trial:
            self.forget(observed.owner.key)
        document = after.to_status() if after is not None else None
        return Progress(document, notices_of(state, after, situation), _due(state, after, situation))

    def forget(self, key: Key) -> None:
        """No rollout of a ModelDeployment is on trial, or it is gone."""
        self._ledgers.pop(key, None)
        self._scraper.forget(key)
        self._metrics.forget(key)

    def _readings(self, state: RolloutState | None, observed: Observed, situation: Situation) -> Mapping[str, Reading]:
        """What the metrics of the spec said last, once requests go to the candidate."""
        if state is None or not state.is_on_trial or state.timeout_from is None or situation.is_suspended:
            return {}
        key = observed.owner.key
        subject = Subject(
            namespace=key.namespace,
            name=key.name,
            rollout=state.id,
            strategy=state.strategy,
            revision=state.revision,
            stable=state.stable,
            candidate_deployment=f"{key.name}-{CANARY}",
            step=state.step + 1,
            weight=state.mirror or state.weight,
            started=state.started,
        )
        return self._metrics.read(key, subject, situation.rollout.limits.metrics)

    async def _ask(self, state: RolloutState | None, observed: Observed) -> dict[str, PodSample]:
        """What the stable pods say, once requests go to the candidate or wait for their pace; it is entered into the ledger."""
        key = observed.owner.key
        if state is None or not state.is_on_trial or (state.timeout_from or state.share_from) is None:
            return {}
        pods = [pod for pod in observed.pods if pod.revision == state.stable]
        names = {pod.name for pod in pods}
        ledger = self._ledgers.get(key)
        if ledger is None or ledger.rollout != state.id:
            ledger = open_ledger(state, names)
        samples = await self._scraper.read(key, pods, state.id)
        self._ledgers[key] = enter(ledger, samples, names)
        return samples

    def _situation(
        self,
        deployment: ModelDeployment,
        plan: Plan,
        observed: Observed,
        standing: Standing,
    ) -> Situation:
        """What is so, but for what the pods say."""
        metadata = observed.owner.document.get("metadata") or {}
        return Situation(
            rollout=deployment.spec.rollout or Rollout(),
            wanted=plan.revision,
            is_accepted=not plan.closed,
            stable=standing.stable,
            main=_main(observed),
            size=standing.size,
            candidate=_candidate(observed, plan.revision, standing.refusal),
            behind=plan.behind,
            replay=replay_report(deployment, observed, plan),
            order=order_in(metadata.get("annotations")),
            is_suspended=deployment.spec.suspend,
            patience=timedelta(seconds=progress_deadline_seconds(deployment, self._settings)),
        )

    def _evidence(self, key: Key, state: RolloutState | None) -> Evidence:
        ledger = self._ledgers.get(key)
        return ledger.totals() if ledger is not None and state is not None and ledger.rollout == state.id else {}


def _main(observed: Observed) -> Main:
    deployment = observed.deployment
    if deployment is None or deployment.revision is None:
        return Main(None)
    all_serve = deployment.is_rolled_out(deployment.revision) and deployment.available >= deployment.size
    return Main(deployment.revision, all_serve)


def _candidate(observed: Observed, revision: str, refusal: str) -> Candidate:
    pods = [pod for pod in observed.canary_pods if not pod.deleting]
    # Until the pods of an earlier candidate are gone, the Service may still choose them.
    is_alone = all(pod.revision == revision for pod in pods)
    canary = observed.canary
    exists = canary is not None and canary.revision == revision
    # The pods tell, since the Deployment says nothing of them until its controller has seen a change of its size.
    ready = sum(pod.ready for pod in pods) if exists and is_alone else 0
    failure = failure_of_candidate(observed, revision)
    if failure is None:
        return Candidate(ready, hindrance=refusal)
    # A single pod may fail by its node; while another one answers, the candidate works.
    is_final = failure.stalled and ready == 0
    return Candidate(ready, failure=failure.message) if is_final else Candidate(ready, hindrance=failure.message)


def _serving(pods: Iterable[PodView], state: RolloutState | None) -> frozenset[str]:
    """The names of the stable pods that get requests."""
    stable = state.stable if state is not None else None
    return frozenset(pod.name for pod in pods if pod.ready and not pod.deleting and pod.revision == stable)


def _due(before: RolloutState | None, after: RolloutState | None, situation: Situation) -> float | None:
    """Seconds until the next look."""
    if situation.is_suspended:
        return None
    if _course(before) != _course(after):
        return NEXT_SECONDS
    if after is None or not after.is_under_way:
        return None
    return PAUSED_SECONDS if after.phase is Phase.PAUSED else LOOK_SECONDS


def _course(state: RolloutState | None) -> tuple[object, ...]:
    """What children are made of."""
    if state is None:
        return ()
    return (state.id, state.phase, state.step, state.weight, state.mirror, state.replay and state.replay.phase)
