"""One pass over one ModelDeployment: observe, accept, plan, build, apply, judge, report.

A pass knows nothing of events. It looks at the cluster as it is, brings it one step nearer to the spec, and writes the result to status,
also after a failure.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from modelway import policy
from modelway.api.v1alpha1 import ModelDeployment
from modelway.cluster.apply import Applier
from modelway.cluster.cache import Cache
from modelway.cluster.publish import Publisher
from modelway.cluster.refused_pods import RefusedPods
from modelway.cluster.revision_records import RevisionRecords
from modelway.cluster.rollouts import Progress, Rollouts, Standing
from modelway.desired.farewell import keep_while_routed
from modelway.desired.gate import without_job
from modelway.desired.plan import Plan
from modelway.desired.turns import Turns, is_at_work, is_rolling_out
from modelway.errors import (
    ChildContested,
    ClusterError,
    InvalidSpec,
    KindNotServed,
    NameConflict,
    RetryLater,
    Vanished,
)
from modelway.failures import History, hindrance_of, is_refusal, refusal_of_candidate, retry_seconds
from modelway.metrics import Metrics
from modelway.observed import Key, Observed, Owner
from modelway.planning import plan_of, records_to_read, served_before, stable_size
from modelway.rollout.state import is_on_trial
from modelway.settings import Settings
from modelway.status.report import Finding, next_look, status_of
from modelway.unknown_fields import UnknownFields

HELD_SECONDS = 5.0
"""Seconds between looks at what a Gateway may still send requests to: where it says nothing, no watch reports that its time is over."""


class Reconciler:
    """Runs passes.

    Args:
        cache: what the watches report.
        applier: carries plans out.
        publisher: writes status and Events.
        refused_pods: follows pods that the cluster refuses.
        records: reads records of revisions.
        rollouts: takes rollouts further.
        settings: what the platform decides.
        metrics: counts passes.
        wake: called with a model that needs a pass because another one has ended.
        now: the time, with a time zone.
    """

    def __init__(
        self,
        cache: Cache,
        applier: Applier,
        publisher: Publisher,
        refused_pods: RefusedPods,
        records: RevisionRecords,
        *,
        rollouts: Rollouts,
        settings: Settings,
        metrics: Metrics,
        wake: Callable[[Key], None] = lambda _: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._cache = cache
        self._applier = applier
        self._publisher = publisher
        self._refused_pods = refused_pods
        self._records = records
        self._rollouts = rollouts
        self._settings = settings
        self._metrics = metrics
        self._now = now
        self._turns = Turns(settings.follow_at_once, self._models_rolling_out, wake, time.monotonic)
        self._proofs = Turns(settings.preflight_max_concurrent, self._models_in_proof, wake, time.monotonic)
        self._histories: dict[Key, History] = {}
        self._unknown = UnknownFields(metrics.registry)

    async def __call__(self, key: Key) -> float | None:
        """Run one pass and measure it; the seconds until the next one is due, or None to wait for an event.

        Raises:
            ModelwayError: the pass did not reach its end and should be tried again.
        """
        begin, result = time.monotonic(), "error"
        try:
            due = await self.reconcile(key)
            history = self._histories.get(key)
            result = "error" if history is not None and history.spares else "ok"
        except RetryLater:
            result = "later"
            raise
        finally:
            self._metrics.reconciles.labels(result=result).inc()
            self._metrics.seconds.observe(time.monotonic() - begin)
        return due

    async def reconcile(self, key: Key) -> float | None:
        """Bring one ModelDeployment nearer to what it asks for, and report."""
        observed, begin = self._cache.observe(key), time.monotonic()
        if observed is None or observed.owner.deleting:
            self._forget(key)
            return None
        history = self._history_of(observed.owner)
        deployment, plan, failure = None, None, None
        try:
            deployment, unknown = ModelDeployment.parse_stored(observed.owner.document)
            self._unknown.note(key, unknown)
            policy.check(deployment, self._settings, is_on_trial=is_on_trial(observed.owner.status))
            plan = await self._make_plan(deployment, observed)
            if not deployment.spec.suspend:
                await self._applier.carry_out(plan, observed, spares_refused=is_on_trial(observed.owner.status))
                history.applied = observed.owner.wanted
        except (InvalidSpec, NameConflict, ChildContested, ClusterError, RetryLater, Vanished) as error:
            failure = error
        finally:
            self._turns.finish(key, waits=plan is not None and plan.waits)
            self._proofs.finish(key, waits=plan is not None and plan.queued)
        after = self._cache.observe(key)
        if after is None or _has_another_spec(after.owner, observed.owner):
            return None  # the change has queued a pass of its own
        suspended = bool(after.owner.document["spec"].get("suspend"))
        is_applied = failure is None or isinstance(failure, KindNotServed)  # as far as the cluster can
        retry = await self._refused_pods.look(plan, after) if plan and is_applied and not suspended else None
        after = self._refused_pods.correct(after)
        hindrance, now = hindrance_of(failure, after), time.monotonic()
        refusal = refusal_of_candidate(failure, hindrance, after.owner.key)
        hindrance = history.lasting(hindrance, begin, now)
        verdict = history.verdict_on(failure, after, begin, now)
        progress = await self._advance(deployment, plan, after, refusal)
        finding = Finding(plan, hindrance or verdict, progress.rollout)
        status = status_of(after, finding, service_port=self._settings.service_port, now=self._now())
        due = await self._publisher.publish(after.owner, status, now=self._now(), notices=progress.notices)
        look = _soonest(next_look(after, finding, self._now()), HELD_SECONDS if plan and plan.holds_back else None)
        history.spares = is_on_trial(observed.owner.status) and is_refusal(failure) and progress.due is not None
        own = None if history.spares else retry_seconds(failure)
        return own or _soonest(due, retry, self._turn(plan), look, progress.due)

    async def _advance(
        self, deployment: ModelDeployment | None, plan: Plan | None, observed: Observed, refusal: str
    ) -> Progress:
        """What becomes of the rollout, whose candidate may be refused; where there is no plan it stays as it is."""
        if deployment is None or plan is None:
            return Progress(observed.owner.status.get("rollout"))
        stable, size = served_before(observed), stable_size(deployment, observed)
        standing = Standing(stable=stable, size=size, refusal=refusal)
        return await self._rollouts.advance(deployment, plan, observed, standing, self._now())

    def _turn(self, plan: Plan | None) -> float | None:
        """Seconds after which a model that waits for its turn should look again."""
        if plan is None or not (plan.waits or plan.queued):
            return None
        return (self._turns if plan.waits else self._proofs).retry_seconds()

    @property
    def waiting_rollouts(self) -> int:
        """How many models wait for their turn to be rolled out because the platform changed."""
        return len(self._turns)

    async def _make_plan(self, deployment: ModelDeployment, observed: Observed) -> Plan:
        """Make the plan; only at the model's turn does it replace pods because the platform changed."""
        for record in records_to_read(deployment, observed, self._settings):
            observed = await self._records.fill(observed, record)
        plan = plan_of(deployment, observed, self._settings)
        key, is_suspended = observed.owner.key, deployment.spec.suspend
        if plan.follows and not is_suspended and not self._turns.take(key):
            plan = plan_of(deployment, observed, self._settings, may_follow=False)
        plan = keep_while_routed(plan, observed, self._now())
        if plan.starts_job and not is_suspended and not self._proofs.take(key):
            plan = without_job(plan)
        return plan

    def _models_rolling_out(self) -> Iterator[Key]:
        """The models whose pods are being replaced."""
        for model in self._cache.models():
            if model.deployment is not None and is_rolling_out(model.deployment):
                yield model.owner.key

    def _models_in_proof(self) -> Iterator[Key]:
        """The models with a Job that is at work."""
        now = self._now()
        return (key for key, job, pods in self._cache.proofs() if is_at_work(job, pods, now))

    def _history_of(self, owner: Owner) -> History:
        """What is known of a ModelDeployment; nothing of an earlier one whose name it took before anybody saw that one go."""
        history = self._histories.get(owner.key)
        if history is not None and history.uid != owner.uid:
            self._forget(owner.key)
            history = None
        if history is None:
            history = self._histories[owner.key] = History(owner.uid)
        return history

    def _forget(self, key: Key) -> None:
        self._histories.pop(key, None)
        self._turns.finish(key, waits=False)
        self._proofs.finish(key, waits=False)
        self._unknown.forget(key)
        self._applier.forget(key)
        self._publisher.forget(key)
        self._refused_pods.forget(key)
        self._records.forget(key)
        self._rollouts.forget(key)


def _has_another_spec(now: Owner, before: Owner) -> bool:
    """Whether another revision or size may be asked for, or another ModelDeployment took the name, since the pass began."""
    return (now.uid, now.wanted) != (before.uid, before.wanted)


def _soonest(*times: float | None) -> float | None:
    return min((time for time in times if time is not None), default=None)
