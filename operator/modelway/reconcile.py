"""One pass over one ModelDeployment: observe, accept, plan, build, apply, judge, report.

A pass knows nothing of events. It looks at the cluster as it is, brings it one step nearer to the spec, and writes the result to status,
also after a failure.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from modelway import policy
from modelway.api.labels import CANARY, name_on_track
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
    Leftover,
    ModelwayError,
    NameConflict,
    NotPermitted,
    RetryLater,
    Vanished,
)
from modelway.metrics import Metrics
from modelway.observed import Key, Observed, Owner
from modelway.planning import plan_of, records_to_read, served_before, stable_size
from modelway.rollout.state import is_on_trial
from modelway.settings import Settings
from modelway.status.pod_failures import LONGEST_QUOTE
from modelway.status.reasons import Reason, Topic
from modelway.status.rejections import explain_refused_child
from modelway.status.report import SUSPENDED, Finding, next_look, status_of
from modelway.status.verdict import Readiness, last_verdict
from modelway.unknown_fields import UnknownFields

CONFLICT_SECONDS = 5.0
"""Seconds between looks at a name that belongs to somebody else: no watch reports when that object goes."""

HELD_SECONDS = 5.0
"""Seconds between looks at what a Gateway may still send requests to: where it says nothing, no watch reports that its time is over."""

MOMENT_SECONDS = 3.0
"""Seconds for which a right may be missing, or a webhook silent, before status says so; retries come faster than that."""

_BEING_APPLIED = "The present spec is being applied."

_OFTEN_MOMENTARY = frozenset({Reason.OPERATOR_FORBIDDEN, Reason.WEBHOOK_FAILED})


@dataclass(slots=True)
class _History:
    """What earlier passes over one ModelDeployment came to."""

    uid: str
    momentary_since: float | None = None
    """When a hindrance appeared that is often gone within moments; None while there is none."""
    failing_since: float | None = None
    """When passes began not to reach their end; None while they do."""
    applied: tuple[int, str] | None = None
    """What was last applied whole, as `Owner.wanted` tells it apart."""
    spares: bool = False
    """Whether the last pass left refused children for later, since a candidate is judged meanwhile."""


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
        self._histories: dict[Key, _History] = {}
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
        hindrance = _hindrance(failure, after)
        refusal = _refusal_of_candidate(failure, hindrance, after.owner.key)
        hindrance = _lasting_hindrance(history, hindrance, begin)
        verdict = _verdict_on_failure(history, after, failure, begin)
        progress = await self._advance(deployment, plan, after, refusal)
        finding = Finding(plan, hindrance or verdict, progress.rollout)
        status = status_of(after, finding, service_port=self._settings.service_port, now=self._now())
        due = await self._publisher.publish(after.owner, status, now=self._now(), notices=progress.notices)
        look = _soonest(next_look(after, finding, self._now()), HELD_SECONDS if plan and plan.holds_back else None)
        history.spares = is_on_trial(observed.owner.status) and _is_refusal(failure) and progress.due is not None
        own = None if history.spares else _retry_seconds(failure)
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

    def _history_of(self, owner: Owner) -> _History:
        """What is known of a ModelDeployment; nothing of an earlier one whose name it took before anybody saw that one go."""
        history = self._histories.get(owner.key)
        if history is not None and history.uid != owner.uid:
            self._forget(owner.key)
            history = None
        if history is None:
            history = self._histories[owner.key] = _History(owner.uid)
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


def _lasting_hindrance(history: _History, hindrance: Readiness | None, begin: float) -> Readiness | None:
    """Return the hindrance of a pass that began at `begin`.

    It is None while it is young and of a kind that a starting API server makes for moments.
    """
    if hindrance is None or hindrance.reason not in _OFTEN_MOMENTARY:
        history.momentary_since = None
        return hindrance
    if history.momentary_since is None:
        history.momentary_since = begin
    return hindrance if time.monotonic() - history.momentary_since >= MOMENT_SECONDS else None


def _verdict_on_failure(
    history: _History, observed: Observed, failure: ModelwayError | None, begin: float
) -> Readiness | None:
    """The verdict on a pass that began at `begin` and failed without a cause for status: what hindered an earlier pass may do so still.

    Before a spec was applied whole, nothing that is seen of the children is about it.
    """
    if failure is None:
        history.failing_since = None
        return None
    if history.failing_since is None:
        history.failing_since = begin
    before, is_applied = last_verdict(observed), history.applied == observed.owner.wanted
    if before is None or (before.reason is Reason.PROGRESSING and not is_applied):
        lasts = time.monotonic() - history.failing_since >= MOMENT_SECONDS
        return Readiness(Reason.PROGRESSING, f"{_BEING_APPLIED}{_retry_note(failure) if lasts else ''}")
    return before if before.reason.topic in {Topic.RESOURCE, Topic.CLUSTER} else None


_REASON_OF_FAILURE: Mapping[type[ModelwayError], Reason] = {
    InvalidSpec: Reason.INVALID_SPEC,
    NotPermitted: Reason.NOT_PERMITTED,
    NameConflict: Reason.NAME_CONFLICT,
    ChildContested: Reason.CHILD_CONTESTED,
    KindNotServed: Reason.KIND_NOT_SERVED,
    Leftover: Reason.PROGRESSING,
}
"""Failures whose text is the message."""


def _hindrance(failure: ModelwayError | None, observed: Observed) -> Readiness | None:
    """What a failure means to the user; None when it passes by itself and what is observed says enough."""
    namespace = observed.owner.key.namespace
    if failure is not None and type(failure) in _REASON_OF_FAILURE:
        return Readiness(_REASON_OF_FAILURE[type(failure)], str(failure))
    match failure:
        case Vanished():
            return Readiness(Reason.NAMESPACE_TERMINATING, f"Namespace {namespace} is being deleted, and this with it.")
        case ClusterError(child=child, status=status) if child and status >= 400:
            verdict = explain_refused_child(str(failure), status, child=child, namespace=namespace)
            return None if status >= 500 and verdict.reason is Reason.APPLY_FAILED else verdict
        case _:
            return SUSPENDED if observed.owner.document["spec"].get("suspend") else None


def _has_another_spec(now: Owner, before: Owner) -> bool:
    """Whether another revision or size may be asked for, or another ModelDeployment took the name, since the pass began."""
    return (now.uid, now.wanted) != (before.uid, before.wanted)


def _retry_note(failure: ModelwayError) -> str:
    words = str(failure).strip().rstrip(".")[:LONGEST_QUOTE]
    return f" That has failed and is retried automatically: {words}."


def _soonest(*times: float | None) -> float | None:
    return min((time for time in times if time is not None), default=None)


def _is_refusal(failure: ModelwayError | None) -> bool:
    """Whether the cluster refused a child: the others are as they should be."""
    return isinstance(failure, ClusterError) and bool(failure.child) and failure.status >= 400


def _refusal_of_candidate(failure: ModelwayError | None, hindrance: Readiness | None, key: Key) -> str:
    """Why a candidate can have no pods, since the cluster refuses what would make them; empty where it does not."""
    if not isinstance(failure, ClusterError) or not _is_refusal(failure):
        return ""
    is_about_it = failure.child.endswith(f" {name_on_track(key.name, CANARY)}")
    return (hindrance.message if hindrance is not None else str(failure)) if is_about_it else ""


def _retry_seconds(failure: ModelwayError | None) -> float | None:
    match failure:
        case None | InvalidSpec() | Vanished() | KindNotServed():
            return None
        case NameConflict():
            return CONFLICT_SECONDS
        case ChildContested(seconds=seconds):
            return seconds
        case _:
            raise failure
