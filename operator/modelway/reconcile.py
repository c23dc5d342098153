"""One pass over one ModelDeployment: observe, accept, plan, build, apply, judge, report.

A pass knows nothing of events. It looks at the world as it is, brings it one step nearer to what is asked for, and says in status how far
that is, also when something went wrong.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from modelway import policy
from modelway.api.v1alpha1 import ModelDeployment
from modelway.cluster.apply import Applier
from modelway.cluster.cache import Cache
from modelway.cluster.publish import Publisher
from modelway.cluster.refused_pods import RefusedPods
from modelway.cluster.revision_records import RevisionRecords
from modelway.desired.pinning import record_to_read
from modelway.desired.plan import Plan, planned
from modelway.desired.rollout_budget import RolloutBudget, under_way
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
from modelway.settings import Settings
from modelway.status.pod_failures import LONGEST_QUOTE
from modelway.status.reasons import Reason, Topic
from modelway.status.rejections import child_refused
from modelway.status.report import SUSPENDED, Finding, next_look, status_of
from modelway.status.verdict import Readiness, last_verdict
from modelway.unknown_fields import UnknownFields

CONFLICT_SECONDS = 5.0
"""How often a name that belongs to somebody else is looked at again: no watch tells when a stranger's object goes."""

MOMENT_SECONDS = 3.0
"""How long a right may be missing, or a webhook silent, before status says so: the retries come faster than that."""

_APPLIED = "The present spec is being applied."

_OFTEN_MOMENTARY = frozenset({Reason.OPERATOR_FORBIDDEN, Reason.WEBHOOK_FAILED})


class Reconciler:
    """Runs passes.

    Args:
        cache: the world as watched.
        applier: carries plans out.
        publisher: writes status and Events.
        refused_pods: watches over pods that the cluster refuses.
        records: reads records of revisions.
        settings: what the platform decides.
        metrics: counts passes.
        wake: called with a model that wants a pass because another one has ended.
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
        self._settings = settings
        self._metrics = metrics
        self._now = now
        self._turns = RolloutBudget(settings.follow_at_once, self._rolling, wake, time.monotonic)
        self._momentary: dict[Key, float] = {}
        self._failing: dict[Key, float] = {}
        """Since when passes have not reached their end."""
        self._carried_out: dict[Key, tuple[str, int]] = {}
        """The UID and the generation that were brought about whole at least once."""
        self._uids: dict[Key, str] = {}
        self._unknown = UnknownFields(metrics.registry)

    async def __call__(self, key: Key) -> float | None:
        """One pass, measured; in how many seconds the next one is due, or None when an event will tell.

        Raises:
            ModelwayError: the pass did not reach its end and should be tried again.
        """
        begin, result = time.monotonic(), "error"
        try:
            due = await self.reconcile(key)
            result = "ok"
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
        self._meet(observed.owner)
        plan, failure = None, None
        try:
            deployment, unknown = ModelDeployment.parse_stored(observed.owner.document)
            self._unknown.note(key, unknown)
            policy.check(deployment, self._settings)
            plan = await self._planned(deployment, observed)
            if not deployment.spec.suspend:
                await self._applier.carry_out(plan, observed)
                self._carried_out[key] = (observed.owner.uid, observed.owner.generation)
        except (InvalidSpec, NameConflict, ChildContested, ClusterError, RetryLater, Vanished) as error:
            failure = error
        finally:
            self._turns.ended(key, waits=plan is not None and plan.waits)
        after = self._cache.observe(key)
        if after is None or _asks_for_else(after.owner, observed.owner):
            return None  # the change has queued a pass of its own: this verdict is on a spec no longer asked for
        suspended = bool(after.owner.document["spec"].get("suspend"))
        retry = await self._refused_pods.look(plan, after) if plan and failure is None and not suspended else None
        after = self._refused_pods.correct(after)
        hindrance = self._lasting(key, _hindrance(failure, after), begin)
        unfinished = self._unfinished(after, failure, begin)
        finding = Finding(plan, hindrance or unfinished)
        status = status_of(after, finding, service_port=self._settings.service_port, now=self._now())
        due = await self._publisher.publish(after.owner, status, now=self._now())
        turn = self._turns.look_again() if plan is not None and plan.waits else None
        return _next_look(failure) or _sooner(due, retry, turn, next_look(after, finding, self._now()))

    @property
    def waiting_rollouts(self) -> int:
        """Models that wait for their turn to be rolled out anew for the platform's sake."""
        return len(self._turns)

    async def _planned(self, deployment: ModelDeployment, observed: Observed) -> Plan:
        """The plan; one that replaces pods for the platform's sake only when it is this model's turn."""
        record = record_to_read(deployment, observed, self._settings)
        if record is not None:
            observed = await self._records.fill(observed, record)
        plan = planned(deployment, observed, self._settings)
        if not plan.follows or deployment.spec.suspend or self._turns.take(observed.owner.key):
            return plan
        return planned(deployment, observed, self._settings, may_follow=False)

    def _rolling(self) -> Iterator[Key]:
        """Whose pods are being replaced."""
        for model in self._cache.models():
            if model.deployment is not None and under_way(model.deployment):
                yield model.owner.key

    def _lasting(self, key: Key, hindrance: Readiness | None, begin: float) -> Readiness | None:
        """The hindrance of a pass that began then, unless it is young and of a kind that an API server makes for moments as it starts."""
        if hindrance is None or hindrance.reason not in _OFTEN_MOMENTARY:
            self._momentary.pop(key, None)
            return hindrance
        since = self._momentary.setdefault(key, begin)
        return hindrance if time.monotonic() - since >= MOMENT_SECONDS else None

    def _unfinished(self, observed: Observed, failure: ModelwayError | None, begin: float) -> Readiness | None:
        """What to say of a pass that began then, failed and found nothing out: what kept an earlier one from its end may do so still.

        Before a spec was carried out whole, nothing that is seen of the children is about it.
        """
        key, told = observed.owner.key, last_verdict(observed)
        if failure is None:
            self._failing.pop(key, None)
            return None
        since = self._failing.setdefault(key, begin)
        carried_out = self._carried_out.get(key) == (observed.owner.uid, observed.owner.generation)
        if told is None or (told.reason is Reason.PROGRESSING and not carried_out):
            lasts = time.monotonic() - since >= MOMENT_SECONDS
            return Readiness(Reason.PROGRESSING, f"{_APPLIED}{_tried_again(failure) if lasts else ''}")
        return told if told.reason.topic in {Topic.RESOURCE, Topic.CLUSTER} else None

    def _meet(self, owner: Owner) -> None:
        """Another ModelDeployment may have taken the name so fast that nobody saw the first one go: nothing of that holds for this one."""
        if self._uids.get(owner.key, owner.uid) != owner.uid:
            self._forget(owner.key)
        self._uids[owner.key] = owner.uid

    def _forget(self, key: Key) -> None:
        self._uids.pop(key, None)
        self._momentary.pop(key, None)
        self._failing.pop(key, None)
        self._carried_out.pop(key, None)
        self._turns.ended(key, waits=False)
        self._unknown.forget(key)
        self._applier.forget(key)
        self._publisher.forget(key)
        self._refused_pods.forget(key)
        self._records.forget(key)


_SELF_EXPLAINED: Mapping[type[ModelwayError], Reason] = {
    InvalidSpec: Reason.INVALID_SPEC,
    NotPermitted: Reason.NOT_PERMITTED,
    NameConflict: Reason.NAME_CONFLICT,
    ChildContested: Reason.CHILD_CONTESTED,
    KindNotServed: Reason.KIND_NOT_SERVED,
    Leftover: Reason.PROGRESSING,
}
"""Failures whose text is the message."""


def _hindrance(failure: ModelwayError | None, observed: Observed) -> Readiness | None:
    """What a failure means to the user; None when it will pass by itself and the world tells enough."""
    namespace = observed.owner.key.namespace
    if failure is not None and type(failure) in _SELF_EXPLAINED:
        return Readiness(_SELF_EXPLAINED[type(failure)], str(failure))
    match failure:
        case Vanished():
            return Readiness(Reason.NAMESPACE_TERMINATING, f"Namespace {namespace} is being deleted, and this with it.")
        case ClusterError(about=child, status=status) if child and status >= 400:
            told = child_refused(str(failure), status, child=child, namespace=namespace)
            return None if status >= 500 and told.reason is Reason.APPLY_FAILED else told
        case _:
            return SUSPENDED if observed.owner.document["spec"].get("suspend") else None


def _asks_for_else(now: Owner, before: Owner) -> bool:
    """Whether the spec changed, or another ModelDeployment took the name, since the pass began."""
    return (now.uid, now.generation) != (before.uid, before.generation)


def _tried_again(failure: ModelwayError) -> str:
    words = str(failure).strip().rstrip(".")[:LONGEST_QUOTE]
    return f" That has not gone through, and is tried again by itself: {words}."


def _sooner(*times: float | None) -> float | None:
    return min((time for time in times if time is not None), default=None)


def _next_look(failure: ModelwayError | None) -> float | None:
    match failure:
        case None | InvalidSpec() | Vanished() | KindNotServed():
            return None
        case NameConflict():
            return CONFLICT_SECONDS
        case ChildContested(seconds=seconds):
            return seconds
        case _:
            raise failure
