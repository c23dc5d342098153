"""What the Job of a revision found out, and how far it has come. Pure.

Its containers leave reports as those of a serving pod do. They come from a process that runs a user's artifact, so none is trusted to be well
formed.
"""

import re
from dataclasses import replace

from modelway.api.model import INT8
from modelway.desired.children.job import FETCH_DATASET, FETCH_STABLE, PREPARE_STABLE, PROVE
from modelway.desired.contestants import Contestant
from modelway.desired.evidence import Evidence, candidates_in, metrics_of, text_of
from modelway.desired.gate import evidence_on, revision_that_serves
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
_OF_A_CANDIDATE = re.compile(rf"({FETCH}|{PREPARE})-candidate-([0-9]+)")
"""The containers of the Job that are about a candidate, by its number."""
_FIELD_OF_A_MODEL = re.compile(r"spec[.]model[.](uri|format|version|trustedTypes)\b")
_LONGEST = 512
"""Characters of a text that is not the server's reason to refuse."""
_STAGES = {
    FETCH: "the model is being fetched",
    FETCH_DATASET: "the dataset is being fetched",
    FETCH_STABLE: "the model that serves is being fetched for comparison",
    PREPARE: "the model is being loaded and tried",
    f"{PREPARE}-{INT8}": "the model is being given weights of 8 bits and tried",
    PREPARE_STABLE: "the model that serves is being loaded for comparison",
    PROVE: "smoke tests and evaluation run",
}
_STEPS = {FETCH: "is being fetched", PREPARE: "is being loaded and tried"}
_LONGEST_WORD = 63
_CONTRACT_CHANGED = (
    "what the model takes or gives differs from the revision that served; spec.preflight.contract: Compatible says how, "
    "and so does modelway evaluate --against"
)
_UNKNOWN = "The server's verdict on this revision is none that this operator knows. Use an operator and a server image of one release."
_WAITS = "waits for its turn to be proved. preflight.maxConcurrent in the chart's values sets how many revisions are proved at once"


def evidence_in(
    observed: Observed, proof: str, recorded: Evidence | None, contestants: tuple[Contestant, ...] = ()
) -> Evidence | None:
    """What is known of the revision that a Job with this hash tries; None while it is being tried.

    Args:
        observed: what exists.
        proof: the hash of what the Job tries.
        recorded: what the record of the revision says; a refusal counts only if it was by the same trial.
        contestants: the models that compete to serve the revision.
    """
    if recorded is not None and (recorded.accepted or recorded.proof == proof):
        return recorded
    jobs = {one.uid for one in observed.own_children if isinstance(one, JobView) and one.proof == proof}
    # A pod that an earlier ModelDeployment of this name left behind proves nothing.
    pods = (
        one for one in observed.preflight_pods if one.proof == proof and one.controller in jobs and not one.deleting
    )
    evidence = next((one for pod in pods if (one := _evidence_of(pod, contestants)) is not None), None)
    return None if evidence is None else _with_notice(evidence, observed)


def _with_notice(evidence: Evidence, observed: Observed) -> Evidence:
    """The evidence, which says that the contract has changed where the Job did not look at that of the revision that serves."""
    serving = evidence_on(observed.record(revision_that_serves(observed)))
    if evidence.contract or serving is None or not (serving.fingerprint and evidence.fingerprint):
        return evidence
    is_same = serving.fingerprint == evidence.fingerprint
    return evidence if is_same else replace(evidence, contract=_CONTRACT_CHANGED)


def _evidence_of(pod: PodView, contestants: tuple[Contestant, ...]) -> Evidence | None:
    """The verdict of a pod; None while it has none that can be read."""
    end = _end_of(pod, PROVE)
    report = json_object(end.message) if end is not None and end.exit_code == 0 else None
    if end is None or report is None:
        return None
    choice, has_contest = text_of(report.get("choice"), _LONGEST), len(contestants) > 1
    winner = next((one for one in contestants if one.name == choice), None)
    fetch, prepare = (winner.fetch, winner.prepare) if winner is not None else (FETCH, PREPARE)
    digest = fetched_digest(pod, fetch)
    if digest is None:
        return None
    proved = report.get("reason") == PROVED
    known = Evidence(
        accepted=proved and (winner is not None or not has_contest),
        reason=PROVED,
        message="",
        digest=digest,
        object_version=fetched_version(pod, fetch) or "",
        format=found_format(pod, prepare) or "",
        engine=chosen_engine(pod, prepare) or "",
        time=end.time,
        proof=pod.proof,
        contract=text_of(report.get("contract"), _LONGEST),
        fingerprint=text_of(report.get("fingerprint"), _LONGEST_WORD),
        evaluation=metrics_of(report.get("evaluation")),
        choice=winner.name if winner is not None and proved and has_contest else "",
        candidates=candidates_in(report) if has_contest else (),
    )
    if known.accepted:
        return replace(known, message=text_of(report.get("message"), _LONGEST))
    reason, message = (None if proved else explain(end)) or (Reason.CONTAINER_CONFIG_ERROR, _UNKNOWN)
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
        return replace(failure, message=f"{_about(observed, pods, failure.message)}{_meanwhile(observed)}")
    return Readiness(
        Reason.PROVING, f"Revision {revision} is being proved: {_stage(observed, pods)}.{_meanwhile(observed)}"
    )


def _about(observed: Observed, pods: tuple[PodView, ...], message: str) -> str:
    """The message of a failure, which speaks of the model, with what it is really about."""
    failed = next((one.name for pod in pods for one in pod.containers if one.failure is not None), "")
    if failed == FETCH_DATASET:
        return message.replace("spec.model.uri", "spec.preflight.evaluation.dataset.uri")
    if match := _OF_A_CANDIDATE.fullmatch(failed):
        number = int(match[2])
        text = _FIELD_OF_A_MODEL.sub(rf"spec.model.candidates[{number - 1}].\1", message)
        return f"Candidate {_name_of(observed, number)}: {text}"
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


def _stage(observed: Observed, pods: tuple[PodView, ...]) -> str:
    living = [pod for pod in pods if not pod.deleting]
    containers = [one for pod in living for one in pod.containers]
    current = next((one.name for one in containers if not _is_done(one)), "")
    if containers and not current:
        return "its Job ended with a report that cannot be read, and starts again within the hour"
    if match := _OF_A_CANDIDATE.fullmatch(current):
        return f"candidate {_name_of(observed, int(match[2]))} {_STEPS[match[1]]}"
    return _STAGES.get(current, "its Job is being started")


def _name_of(observed: Observed, number: int) -> str:
    """The name of a candidate by its number in the Job, from 1 on; the number where the spec is another one by now."""
    candidates = observed.owner.document["spec"].get("model", {}).get("candidates") or ()
    return str(candidates[number - 1].get("name")) if number <= len(candidates) else str(number)


def _is_done(container: ContainerView) -> bool:
    return container.termination is not None and container.termination.exit_code == 0


def _meanwhile(observed: Observed) -> str:
    """What serves until then."""
    deployment = observed.deployment
    if deployment is None or not deployment.available or not deployment.revision:
        return ""
    return f" Revision {deployment.revision} serves meanwhile."
