"""What the Job that asks known rows came to, or what hinders it. Pure.

Its report comes from a process that reads what models answer, so it is not trusted to be well formed.
"""

from dataclasses import replace

from modelway.api.labels import REPLAY
from modelway.api.rollout import Rollout
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.children.replay import ASK, field_of_rows
from modelway.desired.plan import Plan
from modelway.observed import JobView, Observed, PodView
from modelway.printable import one_line
from modelway.rollout.replay import ReplayReport, evidence_in_report
from modelway.status.pod_failures import failure_of
from modelway.status.reasons import Reason
from modelway.status.rejections import explain_refused_pods
from modelway.status.termination import json_object

REPLAYED = "Replayed"
_UNREADABLE = "the Job's report is none that this operator reads: use an operator and a server image of one release"
_FINAL = frozenset(
    {
        *(Reason.MODEL_NOT_FOUND, Reason.ACCESS_DENIED, Reason.ARTIFACT_TOO_LARGE, Reason.INVALID_URI),
        *(Reason.HOST_NOT_ALLOWED, Reason.ARTIFACT_REPLACED, Reason.DIGEST_MISMATCH, Reason.CONTAINER_CONFIG_ERROR),
    }
)
"""What does not pass by itself while the spec stays as it is."""


def replay_report(deployment: ModelDeployment, observed: Observed, plan: Plan) -> ReplayReport | None:
    """What the Job of a plan says; None while there is nothing to say.

    Args:
        deployment: what is asked for.
        observed: what exists.
        plan: what was applied.
    """
    if not plan.replay:
        return None
    jobs = [
        one
        for one in observed.own_children
        if isinstance(one, JobView) and one.track == REPLAY and one.proof == plan.replay
    ]
    uids = {one.uid for one in jobs}
    # A pod of an earlier rollout, or of an earlier ModelDeployment of this name, tells nothing of this one.
    pods = tuple(
        pod for pod in observed.replay_pods if pod.proof == plan.replay and pod.controller in uids and not pod.deleting
    )
    replay = (deployment.spec.rollout or Rollout()).replay
    most = replay.requests if replay is not None else 0
    ended = next((report for pod in pods if (report := _report_of(pod, most)) is not None), None)
    return ended or _hindrance(deployment, observed, plan, pods, jobs)


def _report_of(pod: PodView, most: int) -> ReplayReport | None:
    end = next((one.termination for one in pod.containers if one.name == ASK), None)
    if end is None or end.exit_code != 0:
        return None
    report = json_object(end.message)
    if report is None:
        return ReplayReport(message=_UNREADABLE)
    message = one_line(str(report.get("message", "")))
    if report.get("reason") != REPLAYED:
        return ReplayReport(message=message or _UNREADABLE)
    try:
        return ReplayReport(evidence_in_report(report.get("measures"), most), message)
    except ValueError:
        return ReplayReport(message=_UNREADABLE)


def _hindrance(
    deployment: ModelDeployment, observed: Observed, plan: Plan, pods: tuple[PodView, ...], jobs: list[JobView]
) -> ReplayReport | None:
    failure = failure_of(replace(observed, pods=pods), plan.revision)
    if failure is not None:
        message = failure.message.replace("spec.model.uri", field_of_rows(deployment))
        return ReplayReport(message=message, is_final=failure.reason in _FINAL)
    refusal = next((one.refusal for one in jobs if one.refusal), "")
    if not refusal:
        return None
    refused = explain_refused_pods(refusal, namespace=observed.owner.key.namespace)
    return ReplayReport(message=refused.message, is_final=False)
