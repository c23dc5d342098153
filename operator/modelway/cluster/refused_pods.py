"""Find out soon when refused pods would be admitted, and have them created at once.

The ReplicaSet controller waits longer after each refusal, up to 1000 s. No change of a quota or a policy wakes it, and it keeps the words of
the first refusal. The Deployment also reports refusals of its earlier ReplicaSets. So a pod of the present ReplicaSet is tried as a dry run,
which passes through all of admission and stores nothing. Its refusal is the present cause; where no dry run can tell, the Deployment is
believed. Once a dry run is admitted, one annotation on the Deployment makes the ReplicaSet controller try at once.

The Job controller waits up to a minute after each refusal, and tells it by Events alone. So a Job that has no pod after some seconds is
tried in the same way, and an annotation on the Job makes its controller try at once.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from modelway.cluster import kinds
from modelway.cluster.client import RETRY_MANAGER, Client
from modelway.cluster.pod_makers import PodMaker, makers_of
from modelway.desired.plan import Plan
from modelway.errors import ClusterError, ModelwayError
from modelway.observed import Child, ChildId, DeploymentView, JobView, Key, Observed
from modelway.status.reasons import Reason
from modelway.status.rejections import explain_refused_pods, gist

RETRIED_ANNOTATION = "modelway.dev/pods-retried"

TRY_SECONDS = 5.0
"""Between two dry runs for one ModelDeployment while few are refused."""

TRIES_PER_SECOND = 10.0
"""Dry runs for all of them together."""

UNPROVED_SECONDS = 10.0
"""For how long a refusal may be that of an earlier ReplicaSet, where no dry run confirms or denies it."""

DENIED_SECONDS = 30.0
"""The same where dry runs are admitted, yet no pod is created."""

LONGEST_PAUSE = 300.0
"""Seconds between two wake-ups of a ReplicaSet that is refused although the dry run was not."""

FORBIDDEN_SECONDS = 15.0
"""When to try again in a namespace where dry runs are forbidden; each further time it is twice as long."""

LONGEST_FORBIDDEN_SECONDS = 300.0

_SERVER_ERROR = 500
_NO_DRY_RUN = "does not support dry run"
"""The API server's words where a webhook has side effects."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Refused:
    """A Deployment or Job whose pods were refused; times are of the clock."""

    revision: str
    """What its pods run."""
    since: float
    due: float
    cause: str = ""
    """What admission says of the revision's pods; empty while that is not known, or nothing."""
    admitted: bool = False
    """Whether the last dry run was."""
    waking_pause: float = TRY_SECONDS
    wake_after: float = float("-inf")


class _Subject(NamedTuple):
    """Whose pods were refused."""

    model: Key
    child: ChildId


@dataclass(slots=True)
class _Forbidden:
    """A namespace in which the operator may not try; times are of the clock."""

    until: float
    pause: float = FORBIDDEN_SECONDS


class RefusedPods:
    """Tries refused pods again.

    Args:
        client: makes the dry runs and wakes ReplicaSets.
        clock: seconds, monotonic.
    """

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._refused: dict[_Subject, _Refused] = {}
        self._forbidden: dict[str, _Forbidden] = {}

    async def look(self, plan: Plan, observed: Observed) -> float | None:
        """Try whether refused pods would be admitted now. The answer: in how many seconds to do so again, None when none are refused."""
        key, makers = observed.owner.key, makers_of(plan, observed)
        current = {_Subject(key, one.id) for one in makers}
        for subject in [one for one in self._refused if one.model == key and one not in current]:
            del self._refused[subject]
        dues = [due for one in makers if (due := await self._look_at(one, observed)) is not None]
        return min(dues, default=None)

    async def _look_at(self, maker: PodMaker, observed: Observed) -> float | None:
        subject, now = _Subject(observed.owner.key, maker.id), self._clock()
        refused = self._refused.get(subject)
        if refused is not None and refused.revision == maker.revision and maker.behind:
            # Its controller has not yet seen that it was woken, say. What is known still holds.
            return max(0.1, refused.due - now)
        if maker.failure is None:
            self._refused.pop(subject, None)
            return None
        if refused is None or refused.revision != maker.revision:
            refused = self._refused[subject] = _Refused(maker.revision, since=now, due=now + maker.patience)
        forbidden = self._forbidden.get(subject.model.namespace)
        if refused.due <= now and forbidden is not None and now < forbidden.until:
            refused.due = forbidden.until
        elif refused.due <= now:
            refused.due = now + max(TRY_SECONDS, len(self._refused) / TRIES_PER_SECOND)
            await self._try(refused, maker, subject.model)
        patience = DENIED_SECONDS if refused.admitted else UNPROVED_SECONDS
        if not refused.cause and now - refused.since >= patience and not maker.has_pods:
            refused.cause = maker.failure
        return max(0.1, refused.due - now)

    def correct(self, observed: Observed) -> Observed:
        """Replace the first cause of a refusal by the present one; leave it out where none is known."""
        children = {one.id: self._corrected(one, observed.owner.key) for one in observed.own_children}
        return replace(observed, children={**observed.children, **children})

    def _corrected(self, child: Child, key: Key) -> Child:
        refused = self._refused.get(_Subject(key, child.id))
        if isinstance(child, JobView):
            cause = refused.cause if refused is not None and refused.revision == child.proof else ""
            return replace(child, refusal=cause)
        if not isinstance(child, DeploymentView):
            return child
        cause = refused.cause if refused is not None and refused.revision == child.revision else ""
        conditions = tuple(
            replace(one, message=cause) if one.type == "ReplicaFailure" else one
            for one in child.conditions
            if one.type != "ReplicaFailure" or cause
        )
        return replace(child, conditions=conditions)

    def forget(self, key: Key) -> None:
        """The pods of a ModelDeployment are not refused, or it is gone."""
        for subject in [one for one in self._refused if one.model == key]:
            del self._refused[subject]

    async def _try(self, refused: _Refused, maker: PodMaker, key: Key) -> None:
        try:
            await self._client.dry_run(kinds.POD, maker.pod)
        except ClusterError as error:
            if error.status >= 400 and _is_for_want_of_a_right(error):
                self._hold_back(key.namespace, error)
            elif _tells_of_pods(error):
                self._allow(key.namespace)
                refused.admitted = False
                if gist(error.words) != gist(refused.cause):
                    refused.cause = error.words
        except ModelwayError as error:
            logger.debug("Not known whether pods are admitted: %s", error, extra={"resource": key})
        else:
            self._allow(key.namespace)
            again, refused.admitted, refused.cause = refused.admitted, True, ""
            if again or self._clock() - refused.since >= TRY_SECONDS:
                await self._wake(refused, maker, key)

    def _hold_back(self, namespace: str, error: ClusterError) -> None:
        """Try less and less often where dry runs are forbidden: the right may come back."""
        now, forbidden = self._clock(), self._forbidden.get(namespace)
        if forbidden is None:
            forbidden = self._forbidden[namespace] = _Forbidden(now + FORBIDDEN_SECONDS)
            logger.warning(
                "The operator may not try refused pods, so they start late once their cause has passed: %s", error
            )
        elif now >= forbidden.until:
            forbidden.pause = min(2 * forbidden.pause, LONGEST_FORBIDDEN_SECONDS)
            forbidden.until = now + forbidden.pause

    def _allow(self, namespace: str) -> None:
        if self._forbidden.pop(namespace, None) is not None:
            logger.info("The operator may try refused pods of namespace %s again", namespace)

    async def _wake(self, refused: _Refused, maker: PodMaker, key: Key) -> None:
        now = self._clock()
        if not maker.misses_pods or now < refused.wake_after:
            return
        refused.wake_after = now + refused.waking_pause
        refused.waking_pause = min(2 * refused.waking_pause, LONGEST_PAUSE)
        kind = kinds.KIND_NAMED[maker.id.kind]
        body = {
            "apiVersion": kind.api_version,
            "kind": kind.name,
            "metadata": {
                "name": maker.id.name,
                "namespace": key.namespace,
                "uid": maker.uid,
                "annotations": {RETRIED_ANNOTATION: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")},
            },
        }
        try:
            await self._client.apply(kind, body, manager=RETRY_MANAGER)
        except ModelwayError as error:
            logger.warning("Refused pods were not tried again: %s", error, extra={"resource": key})


def _is_for_want_of_a_right(error: ClusterError) -> bool:
    return explain_refused_pods(error.words, namespace="").reason is Reason.OPERATOR_FORBIDDEN


def _tells_of_pods(error: ClusterError) -> bool:
    """Whether an answer to a dry run is what admission says of real pods, and not a trouble of the API server or of trying."""
    if error.status >= _SERVER_ERROR:
        return explain_refused_pods(error.words, namespace="").reason is not Reason.POD_REFUSED
    return error.status >= 400 and _NO_DRY_RUN not in error.words
