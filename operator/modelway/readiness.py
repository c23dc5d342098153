"""Why a ModelDeployment is or is not ready: ordered rules over what was observed, read from top to bottom.

The first rule that has something to say wins. Rules look at the wanted revision alone. What was told before matters where nothing is known
now: a reason stays until the model serves or another cause is seen, so that status does not flap while pods are tried again.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from modelway.pod_failures import detail, failure_of
from modelway.reasons import Reason, Topic
from modelway.refusal import pods_refused
from modelway.state import Condition, DeploymentView, Observed, Readiness

_REPLICA_SET = re.compile(r'^ReplicaSet "([^"]+)"')
_AGAIN = "Pods are being started again. Before: "
_LASTING = frozenset({Topic.MODEL, Topic.POD, Topic.CLUSTER})
"""Topics whose reasons stay while pods are started again."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the Deployment."""

    revision: str
    """Hash of the revision that should serve."""
    available: int
    """Pods that must serve before the ModelDeployment counts as ready."""


Rule = Callable[[Observed, Wanted], Readiness | None]


def judge(observed: Observed, wanted: Wanted) -> Readiness:
    """The verdict of the first rule that applies."""
    verdicts = (rule(observed, wanted) for rule in RULES)
    return next(verdict for verdict in verdicts if verdict is not None)


def serving(observed: Observed) -> int:
    """How many pods of any revision answer requests."""
    return observed.deployment.available if observed.deployment else 0


def rolled_out(deployment: DeploymentView, revision: str) -> bool:
    """Whether every pod of the Deployment is of this revision; says nothing of how many are up."""
    return _told(deployment, revision) and deployment.replicas == deployment.updated > 0


def _size_is_changing(observed: Observed, wanted: Wanted) -> Readiness | None:
    """An autoscaler, say, has just changed the size of what serves: the controller counts anew within moments."""
    deployment, before = observed.deployment, observed.told
    if deployment is None or deployment.revision != wanted.revision or _told(deployment, wanted.revision):
        return None
    return before if before is not None and before.ready and deployment.available >= wanted.available else None


def _everything_serves(observed: Observed, wanted: Wanted) -> Readiness | None:
    deployment = observed.deployment
    if deployment is None or not rolled_out(deployment, wanted.revision) or deployment.available < wanted.available:
        return None
    return Readiness(
        Reason.SERVING, f"Revision {wanted.revision} serves all requests with {_pods(deployment.available)}."
    )


def _pods_fail(observed: Observed, wanted: Wanted) -> Readiness | None:
    return failure_of(observed, wanted.revision)


def _pods_are_refused(observed: Observed, wanted: Wanted) -> Readiness | None:
    failure = _condition(observed.deployment, "ReplicaFailure")
    if failure is None or failure.status != "True" or not _told(observed.deployment, wanted.revision):
        return None
    return pods_refused(failure.message, namespace=observed.owner.key.namespace)


def _deadline_passed(observed: Observed, wanted: Wanted) -> Readiness | None:
    progress = _condition(observed.deployment, "Progressing")
    late = progress is not None and progress.reason == "ProgressDeadlineExceeded"
    if progress is None or not late or not _told(observed.deployment, wanted.revision):
        return None
    if not _names_a_set_of(observed, wanted.revision, progress.message):
        return None
    message = f"Revision {wanted.revision} did not become ready in time{detail(progress.message)}. Look at its pods: kubectl describe pods -l modelway.dev/revision={wanted.revision}."
    return Readiness(Reason.PROGRESS_DEADLINE_EXCEEDED, message)


def _names_a_set_of(observed: Observed, revision: str, message: str) -> bool:
    """Whether the ReplicaSet that a condition names is that of a revision: the Deployment keeps what it said of the one before."""
    named = _REPLICA_SET.search(message)
    sets = {pod.name.rpartition("-")[0] for pod in observed.pods if pod.revision == revision}
    return named is None or named[1] in sets


def _counts_are_late(observed: Observed, wanted: Wanted) -> Readiness | None:
    """Enough pods are ready, only the Deployment does not say so yet."""
    pods = [pod for pod in observed.pods if pod.revision == wanted.revision and pod.ready and not pod.deleting]
    return observed.told if len(pods) >= wanted.available else None


def _too_few_serve(observed: Observed, wanted: Wanted) -> Readiness | None:
    """Pods are missing that were there: a loss, not a rollout."""
    deployment, before = observed.deployment, observed.told
    if before is None or before.reason not in {Reason.SERVING, Reason.NOT_ENOUGH_REPLICAS}:
        return None
    if deployment and (deployment.revision != wanted.revision or deployment.replicas > deployment.updated):
        return None
    message = f"{serving(observed)} of {wanted.available} pods serve; the others are being started."
    return Readiness(Reason.NOT_ENOUGH_REPLICAS, message)


def _tried_again(observed: Observed, _: Wanted) -> Readiness | None:
    before = observed.told
    if before is None or before.reason.topic not in _LASTING:
        return None
    return replace(before, message=_AGAIN + before.message.removeprefix(_AGAIN), recovering=True)


def _still_rolling_out(observed: Observed, wanted: Wanted) -> Readiness | None:
    # Counts are left to status.replicas and status.readyReplicas: in the message each new pod would cost one more write of status.
    rest = "; the previous one serves until then" if serving(observed) else ""
    return Readiness(Reason.PROGRESSING, f"Revision {wanted.revision} is being started{rest}.")


RULES: tuple[Rule, ...] = (
    _size_is_changing,
    _everything_serves,
    _pods_fail,
    _pods_are_refused,
    _deadline_passed,
    _counts_are_late,
    _too_few_serve,
    _tried_again,
    _still_rolling_out,
)


def _told(deployment: DeploymentView | None, revision: str) -> bool:
    """Whether what the Deployment's status says is about this revision already."""
    return (
        deployment is not None
        and deployment.revision == revision
        and deployment.observed_generation >= deployment.generation
    )


def _condition(deployment: DeploymentView | None, kind: str) -> Condition | None:
    return next((one for one in deployment.conditions if one.type == kind), None) if deployment else None


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"
