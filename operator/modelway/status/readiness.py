"""Why a ModelDeployment is or is not ready: ordered rules over what was observed. Pure.

The first rule that applies wins. Rules look at the target revision alone. Where nothing is known now, the
verdict of before matters: its reason stays until the model serves or another cause is seen. So status does not flap while pods start again.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from modelway.api import conditions
from modelway.api.labels import REVISION_LABEL
from modelway.observed import ChildId, Condition, DeploymentView, Observed
from modelway.status.pod_failures import detail, failure_of
from modelway.status.reasons import Reason, Topic
from modelway.status.rejections import explain_refused_pods
from modelway.status.verdict import Readiness, last_verdict
from modelway.wording import counted

_REPLICA_SET = re.compile(r'^ReplicaSet "([^"]+)"')
_AGAIN = "Pods are being started again. Before: "
_LASTING = frozenset({Topic.MODEL, Topic.POD, Topic.CLUSTER})
"""Topics whose reasons stay while pods are started again."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the Deployment must come to."""

    revision: str
    """Hash of the revision that should serve."""
    available: int
    """Pods that must serve before the ModelDeployment counts as ready."""


Rule = Callable[[Observed, Target], Readiness | None]


def judge(observed: Observed, target: Target) -> Readiness:
    """The verdict of the first rule that applies."""
    verdicts = (rule(observed, target) for rule in RULES)
    return next(verdict for verdict in verdicts if verdict is not None)


def serving_pods(observed: Observed) -> int:
    """How many pods of any revision answer requests."""
    return observed.deployment.available if observed.deployment else 0


def is_reachable(observed: Observed) -> bool:
    """Whether a Service exists by which clients reach the pods."""
    service = observed.owned(ChildId("Service", observed.owner.key.name))
    return service is not None and not service.deleting


def others_serve(observed: Observed, revision: str) -> bool:
    """Whether pods of another revision than this one answer requests."""
    deployment = observed.deployment
    counted = deployment is not None and deployment.reports_on(revision) and deployment.replicas > deployment.updated
    return counted or any(pod.revision != revision and pod.ready and not pod.deleting for pod in observed.pods)


def _is_scaled_to_nothing(observed: Observed, target: Target) -> Readiness | None:
    deployment = observed.deployment
    if deployment is None or deployment.size > 0:
        return None
    namespace, name = observed.owner.key
    so = "the pods that serve are being stopped" if serving_pods(observed) else "nothing serves"
    message = f"Deployment {name} was scaled to 0 pods, so {so}, and an autoscaler does not start from 0. Scale it up: kubectl scale deployment/{name} -n {namespace} --replicas={target.available}"
    return Readiness(Reason.SCALING_DISABLED, f"{message}.")


def _controller_is_behind(observed: Observed, target: Target) -> Readiness | None:
    """Somebody has just scaled, paused or annotated the Deployment. The verdict holds until its controller has counted again."""
    deployment, before = observed.deployment, last_verdict(observed)
    if deployment is None or deployment.revision != target.revision or deployment.reports_on(target.revision):
        return None
    if before is None or not _may_hold(before, deployment, observed, target):
        return None
    return replace(before, recovering=before.message.startswith(_AGAIN))


def _may_hold(before: Readiness, deployment: DeploymentView, observed: Observed, target: Target) -> bool:
    match before.reason:
        case Reason.SERVING:
            return deployment.available >= target.available and is_reachable(observed)
        case Reason.NO_SERVICE:
            return not is_reachable(observed)
        case Reason.ROLLOUT_PAUSED:
            return deployment.paused
        case reason:
            return reason.topic is Topic.CLUSTER or reason is Reason.PROGRESS_DEADLINE_EXCEEDED


def _everything_serves(observed: Observed, target: Target) -> Readiness | None:
    deployment = observed.deployment
    if deployment is None or not deployment.is_rolled_out(target.revision) or deployment.available < target.available:
        return None
    if not is_reachable(observed):
        message = (
            f"Service {observed.owner.key.name} is missing, so clients cannot reach the pods. It is being created."
        )
        return Readiness(Reason.NO_SERVICE, message)
    served = f"Revision {target.revision} serves all requests with"
    if deployment.available >= deployment.size:
        return Readiness(Reason.SERVING, f"{served} {counted(deployment.available, 'pod')}.{_pause_note(observed)}")
    counts, failure = _counts(deployment), _pods_fail(observed, target) or _pods_are_refused(observed, target)
    rest = f"{counts.failing} ({failure.reason}): {failure.message}" if failure else f"{counts.starting}."
    return Readiness(Reason.SERVING, f"{served} {counts.up_of_size}. {rest}{_pause_note(observed)}")


def _pods_fail(observed: Observed, target: Target) -> Readiness | None:
    return failure_of(observed, target.revision)


def _some_pods_fail(observed: Observed, target: Target) -> Readiness | None:
    """Some pods of the target revision serve and others cannot be started, after a change of size for example."""
    deployment = observed.deployment
    if deployment is None or not deployment.is_rolled_out(target.revision) or not deployment.available:
        return None
    failure = _pods_fail(observed, target) or _pods_are_refused(observed, target)
    counts = _counts(deployment)
    if failure is None or counts.missing <= 0:
        return failure
    return replace(failure, message=f"{counts.serving()}; {counts.failing}: {failure.message}")


def _pods_are_refused(observed: Observed, target: Target) -> Readiness | None:
    deployment, failure = observed.deployment, _condition(observed.deployment, "ReplicaFailure")
    if deployment is None or failure is None or failure.status != "True" or not deployment.reports_on(target.revision):
        return None
    if deployment.updated >= deployment.size:  # no pod is missing: the refusal is about an earlier size
        return None
    return explain_refused_pods(failure.message, namespace=observed.owner.key.namespace)


def _rollout_is_paused(observed: Observed, target: Target) -> Readiness | None:
    deployment = observed.deployment
    if deployment is None or not deployment.paused or not deployment.reports_on(target.revision):
        return None
    if deployment.is_rolled_out(target.revision):
        return None
    namespace, name = observed.owner.key
    rest = "; the previous one serves until then" if serving_pods(observed) else ""
    message = f"Somebody paused Deployment {name}, so revision {target.revision} is not started{rest}. Resume it: kubectl rollout resume deployment/{name} -n {namespace}."
    return Readiness(Reason.ROLLOUT_PAUSED, message)


def _deadline_passed(observed: Observed, target: Target) -> Readiness | None:
    deployment, progress = observed.deployment, _condition(observed.deployment, "Progressing")
    late = progress is not None and progress.reason == "ProgressDeadlineExceeded"
    if progress is None or not late or deployment is None or not deployment.reports_on(target.revision):
        return None
    if not _names_a_set_of(observed, target.revision, progress):
        return None
    message = f"Revision {target.revision} did not become ready in time{detail(progress.message)}. Look at its pods: kubectl describe pods -l {REVISION_LABEL}={target.revision}."
    return Readiness(Reason.PROGRESS_DEADLINE_EXCEEDED, message)


def _names_a_set_of(observed: Observed, revision: str, condition: Condition) -> bool:
    """Whether the ReplicaSet that a condition names belongs to a revision; the Deployment keeps conditions of the one before.

    No pod identifies a set without pods. Such a set belongs to the newest revision, if that is older than the condition.
    """
    named = _REPLICA_SET.search(condition.message)
    sets = {pod.name.rpartition("-")[0] for pod in observed.pods if pod.revision == revision}
    if named is None or sets:
        return named is None or named[1] in sets
    newest = max(observed.revisions, key=lambda one: one.number, default=None)
    return newest is not None and newest.revision == revision and "" < newest.created <= condition.since


def _counts_are_late(observed: Observed, target: Target) -> Readiness | None:
    """Enough pods are ready, but the Deployment does not show it yet."""
    pods = [pod for pod in observed.pods if pod.revision == target.revision and pod.ready and not pod.deleting]
    return last_verdict(observed) if len(pods) >= target.available else None


def _too_few_serve(observed: Observed, target: Target) -> Readiness | None:
    """Pods are missing that served before. This is a loss, not a rollout."""
    deployment, before = observed.deployment, last_verdict(observed)
    if before is None or before.reason not in {Reason.SERVING, Reason.NOT_ENOUGH_REPLICAS}:
        return None
    if deployment and (deployment.revision != target.revision or deployment.replicas > deployment.updated):
        return None
    return Readiness(Reason.NOT_ENOUGH_REPLICAS, f"{_progress(deployment, target)}.")


def _pods_start_again(observed: Observed, _: Target) -> Readiness | None:
    before = last_verdict(observed)
    if before is None or before.reason.topic not in _LASTING:
        return None
    return replace(before, message=_AGAIN + before.message.removeprefix(_AGAIN), recovering=True)


def _rollout_goes_on(observed: Observed, target: Target) -> Readiness | None:
    deployment, up = observed.deployment, serving_pods(observed)
    if deployment is None or not up:
        return Readiness(Reason.PROGRESSING, f"Revision {target.revision} is being started.")
    if deployment.revision != target.revision or others_serve(observed, target.revision):
        message = f"Revision {target.revision} is being started; the previous one serves until then."
        return Readiness(Reason.PROGRESSING, message)
    return Readiness(Reason.PROGRESSING, f"{_progress(deployment, target, of=f' of revision {target.revision}')}.")


RULES: tuple[Rule, ...] = (
    _is_scaled_to_nothing,
    _controller_is_behind,
    _everything_serves,
    _some_pods_fail,
    _pods_fail,
    _pods_are_refused,
    _rollout_is_paused,
    _deadline_passed,
    _counts_are_late,
    _too_few_serve,
    _pods_start_again,
    _rollout_goes_on,
)


def _condition(deployment: DeploymentView | None, kind: str) -> Condition | None:
    return conditions.find(deployment.conditions, kind) if deployment else None


def _pause_note(observed: Observed) -> str:
    """A note on a serving Deployment that somebody paused; empty for others."""
    if observed.deployment is None or not observed.deployment.paused:
        return ""
    namespace, name = observed.owner.key
    return f" Deployment {name} is paused, so the next change will wait: kubectl rollout resume deployment/{name} -n {namespace}."


class _Counts(NamedTuple):
    """How many pods serve of those asked for, and the words for it."""

    up: int
    size: int

    @property
    def missing(self) -> int:
        return self.size - self.up

    @property
    def up_of_size(self) -> str:
        return f"{self.up} of {counted(self.size, 'pod')}"

    @property
    def starting(self) -> str:
        return f"{self.missing} {'is' if self.missing == 1 else 'are'} being started"

    @property
    def failing(self) -> str:
        return f"{self.missing} cannot be started"

    def serving(self, of: str = "") -> str:
        return f"{self.up_of_size}{of} {'serves' if self.up == 1 else 'serve'}"


def _counts(deployment: DeploymentView | None, fewest: int = 0) -> _Counts:
    """The counts of a Deployment, whose size an autoscaler may have set above the fewest pods."""
    if deployment is None:
        return _Counts(0, fewest)
    return _Counts(deployment.available, max(deployment.size, fewest))


def _progress(deployment: DeploymentView | None, target: Target, of: str = "") -> str:
    counts = _counts(deployment, target.available)
    return counts.serving(of) + (f"; {counts.starting}" if counts.missing > 0 else "")
