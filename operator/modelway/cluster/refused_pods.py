"""Find out soon when refused pods would be admitted, and have them created at once.

The ReplicaSet controller waits longer after each refusal, up to 1000 s. No change of a quota or a policy wakes it, and it keeps the words of
the first refusal. The Deployment also reports refusals of its earlier ReplicaSets. So a pod of the present ReplicaSet is tried as a dry run,
which passes through all of admission and stores nothing. Its refusal is the present cause; where no dry run can tell, the Deployment is
believed. Once a dry run is admitted, one annotation on the Deployment makes the ReplicaSet controller try at once.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from modelway.api import conditions
from modelway.cluster import kinds
from modelway.cluster.client import RETRY_MANAGER, Client
from modelway.desired.plan import Plan
from modelway.errors import ClusterError, ModelwayError
from modelway.observed import Condition, DeploymentView, Key, Observed
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
    """One ModelDeployment whose pods were refused; times are of the clock."""

    revision: str
    since: float
    due: float
    cause: str = ""
    """What admission says of the revision's pods; empty while that is not known, or nothing."""
    admitted: bool = False
    """Whether the last dry run was."""
    waking_pause: float = TRY_SECONDS
    wake_after: float = float("-inf")


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
        self._refused: dict[Key, _Refused] = {}
        self._forbidden: dict[str, _Forbidden] = {}

    async def look(self, plan: Plan, observed: Observed) -> float | None:
        """Try whether refused pods would be admitted now. The answer: in how many seconds to do so again, None when none are refused."""
        key, now = observed.owner.key, self._clock()
        failure, refused = _failure(observed.deployment), self._refused.get(key)
        if refused is not None and refused.revision == plan.revision and _is_behind(observed.deployment):
            # Its controller has not yet seen that it was woken, say. What is known still holds.
            return max(0.1, refused.due - now)
        if failure is None:
            self.forget(key)
            return None
        if refused is None or refused.revision != plan.revision:
            refused = self._refused[key] = _Refused(plan.revision, since=now, due=now)
        forbidden = self._forbidden.get(key.namespace)
        if refused.due <= now and forbidden is not None and now < forbidden.until:
            refused.due = forbidden.until
        elif refused.due <= now:
            refused.due = now + max(TRY_SECONDS, len(self._refused) / TRIES_PER_SECOND)
            await self._try(refused, plan, observed)
        patience = DENIED_SECONDS if refused.admitted else UNPROVED_SECONDS
        if not refused.cause and now - refused.since >= patience and not _has_pods(observed, plan.revision):
            refused.cause = failure.message
        return max(0.1, refused.due - now)

    def correct(self, observed: Observed) -> Observed:
        """Replace the first cause of a refusal by the present one; leave it out where none is known."""
        refused, deployment = self._refused.get(observed.owner.key), observed.deployment
        if deployment is None:
            return observed
        cause = refused.cause if refused is not None and refused.revision == deployment.revision else ""
        conditions = tuple(
            replace(one, message=cause) if one.type == "ReplicaFailure" else one
            for one in deployment.conditions
            if one.type != "ReplicaFailure" or cause
        )
        return replace(
            observed, children={**observed.children, deployment.id: replace(deployment, conditions=conditions)}
        )

    def forget(self, key: Key) -> None:
        """The pods of a ModelDeployment are not refused, or it is gone."""
        self._refused.pop(key, None)

    async def _try(self, refused: _Refused, plan: Plan, observed: Observed) -> None:
        namespace = observed.owner.key.namespace
        try:
            await self._client.dry_run(kinds.POD, _pod(plan, observed.owner.key))
        except ClusterError as error:
            if error.status >= 400 and _is_for_want_of_a_right(error):
                self._hold_back(namespace, error)
            elif _tells_of_pods(error):
                self._allow(namespace)
                refused.admitted = False
                if gist(error.words) != gist(refused.cause):
                    refused.cause = error.words
        except ModelwayError as error:
            logger.debug("Not known whether pods are admitted: %s", error, extra={"resource": observed.owner.key})
        else:
            self._allow(namespace)
            again, refused.admitted, refused.cause = refused.admitted, True, ""
            if again or self._clock() - refused.since >= TRY_SECONDS:
                await self._wake(refused, observed)

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

    async def _wake(self, refused: _Refused, observed: Observed) -> None:
        deployment, now = observed.deployment, self._clock()
        if deployment is None or deployment.updated >= deployment.size or now < refused.wake_after:
            return
        refused.wake_after = now + refused.waking_pause
        refused.waking_pause = min(2 * refused.waking_pause, LONGEST_PAUSE)
        body = {
            "apiVersion": kinds.DEPLOYMENT.api_version,
            "kind": kinds.DEPLOYMENT.name,
            "metadata": {
                "name": deployment.id.name,
                "namespace": observed.owner.key.namespace,
                "uid": deployment.uid,
                "annotations": {RETRIED_ANNOTATION: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")},
            },
        }
        try:
            await self._client.apply(kinds.DEPLOYMENT, body, manager=RETRY_MANAGER)
        except ModelwayError as error:
            logger.warning("Refused pods were not tried again: %s", error, extra={"resource": observed.owner.key})


def _is_for_want_of_a_right(error: ClusterError) -> bool:
    return explain_refused_pods(error.words, namespace="").reason is Reason.OPERATOR_FORBIDDEN


def _tells_of_pods(error: ClusterError) -> bool:
    """Whether an answer to a dry run is what admission says of real pods, and not a trouble of the API server or of trying."""
    if error.status >= _SERVER_ERROR:
        return explain_refused_pods(error.words, namespace="").reason is not Reason.POD_REFUSED
    return error.status >= 400 and _NO_DRY_RUN not in error.words


def _has_pods(observed: Observed, revision: str) -> bool:
    return any(pod.revision == revision for pod in observed.pods)


def _is_behind(deployment: DeploymentView | None) -> bool:
    """Whether what a Deployment's status says is about it as it was: to its generation even an annotation counts."""
    return deployment is not None and deployment.observed_generation < deployment.generation


def _failure(deployment: DeploymentView | None) -> Condition | None:
    if deployment is None or _is_behind(deployment):
        return None
    failure = conditions.find(deployment.conditions, "ReplicaFailure")
    return failure if failure is not None and failure.status == "True" else None


def _pod(plan: Plan, key: Key) -> dict[str, Any]:
    """A pod as the ReplicaSet controller would make it."""
    template: Mapping[str, Any] = next(
        step.body["spec"]["template"] for step in plan.steps if step.id.kind == "Deployment" and not step.handover
    )
    metadata = {**template["metadata"], "generateName": f"{key.name}-", "namespace": key.namespace}
    return {"apiVersion": kinds.POD.api_version, "kind": kinds.POD.name, "metadata": metadata, "spec": template["spec"]}
