"""What the Job of a revision found out, and how far it has come. Pure.

Its containers leave reports as those of a serving pod do. They come from a process that runs a user's artifact, so none is trusted to be well
formed.
"""

from dataclasses import replace

from modelway.desired.children.job import FETCH_DATASET, FETCH_STABLE, PREPARE_STABLE, PROVE
from modelway.desired.evidence import Evidence, metrics_of, text_of
from modelway.desired.gate import revision_that_serves
from modelway.desired.plan import Plan
from modelway.desired.pod import FETCH, PREPARE
from modelway.observed import ContainerView, JobView, Observed, PodView, Termination
from modelway.status.pod_failures import failure_of
from modelway.status.reasons import Reason
from modelway.status.rejections import explain_refused_pods
from modelway.status.termination import (
    chosen_engine,
    explain,
    fetched_digest,
    fetched_version,
    found_format,
    json_object,
)
from modelway.status.verdict import Readiness

PROVED = "Proved"
_LONGEST = 512
"""Characters of a text that is not the server's reason to refuse."""
_STAGES = {
    FETCH: "the model is being fetched",
    FETCH_DATASET: "the dataset is being fetched",
    FETCH_STABLE: "the model that serves is being fetched for comparison",
    PREPARE: "the model is being loaded and tried",
    PREPARE_STABLE: "the model that serves is being loaded for comparison",
    PROVE: "smoke tests and evaluation run",
}
_UNKNOWN = "The server's verdict on this revision is none that this operator knows. Use an operator and a server image of one release."
_WAITS = "waits for its turn to be proved. preflight.maxConcurrent in the chart's values sets how many revisions are proved at once"


def evidence_in(observed: Observed, proof: str, recorded: Evidence | None) -> Evidence | None:
    """What is known of the revision that a Job with this hash tries; None while it is being tried.

    Args:
        observed: what exists.
        proof: the hash of what the Job tries.
        recorded: what the record of the revision says; a refusal counts only if it was by the same trial.
    """
    if recorded is not None and (recorded.accepted or recorded.proof == proof):
        return recorded
    jobs = {one.uid for one in observed.own_children if isinstance(one, JobView) and one.proof == proof}
    # A pod that an earlier ModelDeployment of this name left behind proves nothing.
    pods = (
        one for one in observed.preflight_pods if one.proof == proof and one.controller in jobs and not one.deleting
    )
    return next((evidence for pod in pods if (evidence := _evidence_of(pod)) is not None), None)


def _evidence_of(pod: PodView) -> Evidence | None:
    """The verdict of a pod; None while it has none that can be read."""
    end, digest = _end_of(pod, PROVE), fetched_digest(pod)
    report = json_object(end.message) if end is not None and end.exit_code == 0 else None
    if end is None or report is None or digest is None:
        return None
    known = Evidence(
        accepted=report.get("reason") == PROVED,
        reason=PROVED,
        message="",
        digest=digest,
        object_version=fetched_version(pod) or "",
        format=found_format(pod) or "",
        engine=chosen_engine(pod) or "",
        time=end.time,
        proof=pod.proof,
        contract=text_of(report.get("contract"), _LONGEST),
        evaluation=metrics_of(report.get("evaluation")),
    )
    if known.accepted:
        return replace(known, message=text_of(report.get("message"), _LONGEST))
    reason, message = explain(end) or (Reason.CONTAINER_CONFIG_ERROR, _UNKNOWN)
    return replace(known, reason=str(reason), message=message)


def _end_of(pod: PodView, container: str) -> Termination | None:
    return next((one.termination for one in pod.containers if one.name == container), None)


# How far it has come ----------------------------------------------------------------------------------------------------------------------


def judge_preflight(observed: Observed, plan: Plan) -> Readiness:
    """The verdict on a ModelDeployment whose revision may not serve.

    Args:
        observed: what exists.
        plan: the closed plan for the revision.
    """
    revision, evidence = plan.revision, plan.evidence
    if evidence is not None:
        reason = next((one for one in Reason if one == evidence.reason), Reason.CONTAINER_CONFIG_ERROR)
        return Readiness(reason, f"{evidence.message}{_meanwhile(observed)}")
    if plan.misses_stable:
        return Readiness(Reason.STABLE_UNKNOWN, _missing_stable(observed, revision))
    if plan.queued:
        return Readiness(Reason.PROVING, f"Revision {revision} {_WAITS}.{_meanwhile(observed)}")
    pods = tuple(pod for pod in observed.preflight_pods if pod.revision == revision)
    failure = failure_of(replace(observed, pods=pods), revision)
    failure = failure or _refusal_of(observed, revision) or _unreadable(observed, pods)
    if failure is not None:
        return replace(failure, message=f"{_about(pods, failure.message)}{_meanwhile(observed)}")
    return Readiness(Reason.PROVING, f"Revision {revision} is being proved: {_stage(pods)}.{_meanwhile(observed)}")


def _about(pods: tuple[PodView, ...], message: str) -> str:
    """The message of a failure, which speaks of the model, with what it is really about."""
    failed = next((one.name for pod in pods for one in pod.containers if one.failure is not None), "")
    if failed == FETCH_DATASET:
        return message.replace("spec.model.uri", "spec.preflight.evaluation.dataset.uri")
    if failed in {FETCH_STABLE, PREPARE_STABLE}:
        return f"The model that serves cannot be compared with: {message}"
    return message


def _unreadable(observed: Observed, pods: tuple[PodView, ...]) -> Readiness | None:
    """The verdict where a Job has ended and its pod left none that can be read: another trial would leave none, either."""
    jobs = {one.proof for one in observed.own_children if isinstance(one, JobView) and one.finished}
    ends = (_end_of(pod, PROVE) for pod in pods if pod.proof in jobs and not pod.deleting)
    ended = any(end is not None and end.exit_code == 0 for end in ends)
    return Readiness(Reason.CONTAINER_CONFIG_ERROR, _UNKNOWN) if ended else None


def _refusal_of(observed: Observed, revision: str) -> Readiness | None:
    """Why the Job of a revision gets no pod."""
    jobs = (one for one in observed.own_children if isinstance(one, JobView) and one.revision == revision)
    refusal = next((one.refusal for one in jobs if one.refusal), "")
    return explain_refused_pods(refusal, namespace=observed.owner.key.namespace) if refusal else None


def _missing_stable(observed: Observed, revision: str) -> str:
    stable = revision_that_serves(observed)
    return (
        f"Revision {revision} is to be compared with revision {stable}, whose record is gone or was written by another release. "
        f"Apply the spec of revision {stable} once more, which makes the record anew, or leave spec.preflight.evaluation and contract out."
    )


def _stage(pods: tuple[PodView, ...]) -> str:
    living = [pod for pod in pods if not pod.deleting]
    containers = [one for pod in living for one in pod.containers]
    current = next((one.name for one in containers if not _is_done(one)), "")
    if containers and not current:
        return "its Job ended with a report that cannot be read, and starts again within the hour"
    return _STAGES.get(current, "its Job is being started")


def _is_done(container: ContainerView) -> bool:
    return container.termination is not None and container.termination.exit_code == 0


def _meanwhile(observed: Observed) -> str:
    """What serves until then."""
    deployment = observed.deployment
    if deployment is None or not deployment.available or not deployment.revision:
        return ""
    return f" Revision {deployment.revision} serves meanwhile."
