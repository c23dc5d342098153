"""Readiness: each way a model can fail to come up has its own reason, and says what to do about it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.observed import Condition, ContainerView, Observed, Owner, PodView, Termination
from modelway.status.readiness import Target, judge
from modelway.status.reasons import Reason
from modelway.status.verdict import Readiness
from support.operator.observed import NEW, OLD, container, deployment, observed, owner, pod, revision

WANTED = Target(NEW, 1)
ENDED_WELL = Termination(0, "Completed", "")
UNAUTHORIZED = 'failed to pull and unpack image "s:1": failed to authorize: unexpected status: 401 Unauthorized'


def _termination(reason: str, message: str = "It broke.", remedy: str = "Mend it.", code: int = 20) -> Termination:
    return Termination(code, "Error", json.dumps({"reason": reason, "message": message, "remedy": remedy}))


def _rollout(*pods: PodView, conditions: tuple[Condition, ...] = (), updated: int = 1) -> Observed:
    """A new revision that has one pod which is not up, or none, while the old one serves."""
    return observed(deployment(replicas=1 + updated, updated=updated, available=1, conditions=conditions), pods=pods)


def at(seconds: int) -> str:
    return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def owner_with_status(reason: Reason, message: str = "m", *, generation: int = 1) -> Owner:
    """A ModelDeployment whose status says this already; it is now at generation 1."""
    ready = {"type": "Ready", "reason": str(reason), "message": message, "observedGeneration": generation}
    return owner(status={"conditions": [ready]})


def _judge(*containers: ContainerView) -> Readiness:
    return judge(_rollout(pod(*containers)), WANTED)


def test_ready_when_enough_pods_of_the_revision_serve() -> None:
    verdict = judge(observed(deployment(size=3)), Target(NEW, 3))
    assert (verdict.ready, verdict.reason) == (True, "Serving")


@pytest.mark.parametrize(
    "state",
    [
        deployment(size=3, available=2),
        deployment(size=3, replicas=4, updated=3, available=4),
        deployment(size=3, revision=OLD),
        deployment(size=3, observed=False),
        deployment(size=3, replicas=0),
    ],
    ids=["one pod missing", "an old pod left", "another revision", "the controller has not looked yet", "no pods yet"],
)
def test_not_ready_while_anything_is_missing(state: object) -> None:
    assert not judge(observed(state), Target(NEW, 3)).ready  # type: ignore[arg-type]


def test_pods_without_a_service_are_not_available() -> None:
    verdict = judge(observed(deployment(), reachable=False), WANTED)
    assert (verdict.reason, verdict.ready, verdict.stalled) == ("NoService", False, False)


def test_a_paused_rollout_is_named_with_the_way_on() -> None:
    verdict = judge(observed(deployment(replicas=1, updated=0, paused=True)), WANTED)
    assert (verdict.reason, verdict.stalled) == ("RolloutPaused", False)
    assert "the previous one serves until then" in verdict.message
    assert "kubectl rollout resume deployment/fraud -n risk" in verdict.message


def test_a_paused_deployment_that_serves_is_ready_and_says_so() -> None:
    verdict = judge(observed(deployment(paused=True)), WANTED)
    assert verdict.ready
    assert "the next change will wait: kubectl rollout resume deployment/fraud -n risk" in verdict.message


@pytest.mark.parametrize(
    ("containers", "reason", "says"),
    [
        ((container("fetch", waiting="ErrImagePull", message="no such image"),), "ImagePullFailed", "no such image"),
        (
            (container("fetch", waiting="ImagePullBackOff", message='Back-off pulling image "s:1"'),),
            "ImagePullFailed",
            "server.image",
        ),
        ((container("fetch", waiting="InvalidImageName"),), "InvalidImageName", "modelway/server:1"),
        ((container("fetch", waiting="ErrImagePull", message=UNAUTHORIZED),), "ImagePullDenied", "imagePullSecrets"),
        (
            (container(termination=Termination(128, "StartError", "exec: no such file")),),
            "ContainerConfigError",
            "no such file",
        ),
        (
            (container("prepare", termination=Termination(2, "Error", "")),),
            "ContainerConfigError",
            "does not understand its arguments",
        ),
        ((container(termination=Termination(137, "Error", "")),), "Killed", "SIGKILL"),
        ((container(waiting="CrashLoopBackOff", restarts=1, before=ENDED_WELL),), "Killed", "told to stop"),
        (
            (container("fetch", waiting="CreateContainerConfigError", message='secret "s3" not found'),),
            "SecretNotFound",
            "no Secret s3 in namespace risk",
        ),
        (
            (container("serve", waiting="CreateContainerConfigError", message="bad user"),),
            "ContainerConfigError",
            "bad user",
        ),
        (
            (container(termination=_termination("MissingModule", "needs lightgbm", "add it")),),
            "MissingModule",
            "needs lightgbm. add it.",
        ),
        ((container("fetch", termination=Termination(10, "Error", "")),), "ModelNotFound", "spec.model.uri"),
        (
            (container(waiting="CrashLoopBackOff", restarts=1, before=Termination(2, "Error", "")),),
            "CrashLoop",
            "does not understand its arguments",
        ),
        (
            (container(termination=Termination(137, "OOMKilled", "")),),
            "OutOfMemory",
            "limit of 1Gi. Raise spec.runtime",
        ),
        (
            (container(termination=Termination(139, "Error", "")),),
            "LoadCrashed",
            "kubectl logs fraud-1 -c serve --previous",
        ),
        (
            (container(waiting="CrashLoopBackOff", restarts=2, before=Termination(1, "Error", "boom")),),
            "CrashLoop",
            "kubectl logs fraud-1 -c serve --previous",
        ),
    ],
)
def test_a_container_that_cannot_run_says_why(containers: tuple[ContainerView, ...], reason: str, says: str) -> None:
    verdict = _judge(*containers)
    assert verdict.reason == reason
    assert says in verdict.message
    assert not verdict.ready


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ('pods "fraud-1" is forbidden: exceeded quota: team, requested: cpu=2', "QuotaExceeded"),
        ('pods "fraud-1" is forbidden: violates PodSecurity "restricted:latest": x', "PodSecurityViolated"),
    ],
)
def test_refused_pods_are_reported_from_the_deployment(message: str, reason: str) -> None:
    refused = Condition("ReplicaFailure", "True", "FailedCreate", message)
    verdict = judge(_rollout(conditions=(refused,), updated=0), WANTED)
    assert verdict.reason == reason
    assert "cpu=2" in verdict.message or "restricted:latest" in verdict.message


def test_a_pod_that_fits_nowhere_is_unschedulable() -> None:
    verdict = judge(_rollout(pod(unschedulable="0/3 nodes are available: 3 Insufficient cpu")), WANTED)
    assert (verdict.reason, verdict.stalled) == ("Unschedulable", False)
    assert "Insufficient cpu" in verdict.message


def test_a_pod_whose_node_is_silent_is_lost() -> None:
    verdict = judge(_rollout(pod(container(ready=True), lost=True)), WANTED)
    assert verdict.reason == "NodeLost"
    assert "Node node-1" in verdict.message


def test_an_evicted_pod_is_the_reason_until_its_place_is_taken() -> None:
    evicted_pod = pod(
        container(termination=Termination(137, "Error", "")), name="a", eviction="low on memory", changed=at(60)
    )
    assert judge(_rollout(evicted_pod), WANTED).reason == "Evicted"
    assert judge(_rollout(evicted_pod, pod(name="b", created=at(61))), WANTED).reason == "Evicted"
    assert judge(_rollout(evicted_pod, pod(name="b", created=at(600))), WANTED).reason == "Progressing"


def test_the_secret_is_named_when_its_credentials_are_refused() -> None:
    model = {"uri": "s3://a/b", "storage": {"secretRef": {"name": "store"}}}
    refused = pod(container("fetch", termination=_termination("AccessDenied", code=11)))
    verdict = judge(observed(deployment(available=0), pods=(refused,), by=owner({"model": model})), WANTED)
    assert verdict.reason == "AccessDenied"
    assert "Secret store of namespace risk" in verdict.message


def test_a_rollout_that_stands_still_has_missed_its_deadline() -> None:
    late = Condition("Progressing", "False", "ProgressDeadlineExceeded", "no progress")
    assert judge(_rollout(conditions=(late,)), WANTED).reason == "ProgressDeadlineExceeded"


@pytest.mark.parametrize(
    ("named", "expected"), [("fraud-old", "Progressing"), ("fraud-new", "ProgressDeadlineExceeded")]
)
def test_deadline_counts_for_the_replica_set_that_it_names(named: str, expected: str) -> None:
    late = Condition(
        "Progressing", "False", "ProgressDeadlineExceeded", f'ReplicaSet "{named}" has timed out progressing.'
    )
    assert judge(_rollout(pod(container(), name="fraud-new-x"), conditions=(late,)), WANTED).reason == expected


@pytest.mark.parametrize(
    ("since", "newest", "expected"),
    [(at(60), NEW, "ProgressDeadlineExceeded"), (at(-60), NEW, "Progressing"), (at(60), OLD, "Progressing")],
)
def test_deadline_of_unknown_replica_set_is_the_newest_revisions(since: str, newest: str, expected: str) -> None:
    words = 'ReplicaSet "fraud-1" has timed out progressing.'
    late = Condition("Progressing", "False", "ProgressDeadlineExceeded", words, since)
    records = [revision(name, 2 if name == newest else 1) for name in (OLD, NEW)]
    assert judge(observed(deployment(available=0, conditions=(late,)), *records), WANTED).reason == expected


def test_conditions_of_the_last_rollout_are_ignored() -> None:
    late = Condition("Progressing", "False", "ProgressDeadlineExceeded", "no progress")
    assert judge(observed(deployment(revision=OLD, conditions=(late,))), WANTED).reason == "Progressing"


def test_loss_of_pods_after_success_is_not_enough_replicas() -> None:
    lost = observed(deployment(size=2, available=1), by=owner_with_status(Reason.SERVING))
    assert judge(lost, Target(NEW, 2)).reason == "NotEnoughReplicas"


REFUSED = Condition("ReplicaFailure", "True", "FailedCreate", "no PriorityClass with name gold was found")
LATE = Condition("Progressing", "False", "ProgressDeadlineExceeded", "late")


@pytest.mark.parametrize(
    "observation",
    [
        observed(deployment(size=2)),
        observed(deployment(size=2), reachable=False),
        observed(deployment(size=2, updated=0, paused=True)),
        observed(deployment(size=2, replicas=0, conditions=(REFUSED,))),
        observed(deployment(size=2, available=0, conditions=(LATE,))),
    ],
    ids=["serving", "no-service", "paused", "refused", "late"],
)
def test_verdict_holds_until_the_controller_sees_a_change(observation: Observed) -> None:
    before = judge(observation, Target(NEW, 2))
    present = observation.deployment
    assert present is not None
    changed = {**observation.children, present.id: replace(present, generation=present.generation + 1)}
    later = replace(observation, owner=owner_with_status(before.reason, before.message), children=changed)
    assert judge(later, Target(NEW, 2)) == before


def test_lost_pods_are_counted_against_the_autoscalers_size() -> None:
    lost = observed(deployment(size=10, available=1), by=owner_with_status(Reason.SERVING))
    assert judge(lost, Target(NEW, 2)).message == "1 of 10 pods serves; 9 are being started."


def test_reason_stays_while_pods_start_again() -> None:
    before = owner_with_status(Reason.SECRET_NOT_FOUND, "There is no Secret s.")
    verdict = judge(observed(deployment(available=0), pods=(pod(container()),), by=before), WANTED)
    assert (verdict.reason, verdict.stalled) == ("SecretNotFound", False)
    assert verdict.message == "Pods are being started again. Before: There is no Secret s."
    again = judge(observed(deployment(available=0), by=owner_with_status(verdict.reason, verdict.message)), WANTED)
    assert again == verdict


def test_refused_model_is_not_stalled_while_pods_start_again() -> None:
    verdict = judge(observed(deployment(available=0), by=owner_with_status(Reason.MODEL_NOT_FOUND)), WANTED)
    assert (verdict.reason, verdict.stalled) == ("ModelNotFound", False)


def test_reason_of_an_older_generation_is_dropped() -> None:
    before = owner_with_status(Reason.MODEL_NOT_FOUND, generation=2)
    assert judge(observed(deployment(available=0), by=before), WANTED).reason == "Progressing"


@pytest.mark.parametrize("reason", [Reason.SERVING, Reason.OUT_OF_MEMORY, Reason.PROGRESSING])
def test_verdict_holds_until_the_deployment_counts_ready_pods(reason: Reason) -> None:
    late = observed(
        deployment(available=0), pods=(pod(container(ready=True), ready=True),), by=owner_with_status(reason)
    )
    assert judge(late, WANTED) == Readiness(reason, "m")


def test_change_of_size_keeps_ready() -> None:
    grown = observed(deployment(size=5, replicas=2, observed=False), by=owner_with_status(Reason.SERVING))
    assert judge(grown, Target(NEW, 2)).ready


def test_image_back_off_without_cause_keeps_the_earlier_cause() -> None:
    before = owner_with_status(Reason.IMAGE_PULL_DENIED)
    silent = pod(container(waiting="ImagePullBackOff", message='Back-off pulling image "s:1"'))
    verdict = judge(observed(deployment(available=0), pods=(silent,), by=before), WANTED)
    assert verdict == Readiness(Reason.IMAGE_PULL_DENIED, "m")


def test_image_failure_and_back_off_have_the_same_message() -> None:
    failed = _judge(container(waiting="ErrImagePull", message="not found"))
    backed_off = 'Back-off pulling image "s:1": ErrImagePull: not found'
    assert _judge(container(waiting="ImagePullBackOff", message=backed_off)) == failed


@pytest.mark.parametrize(
    "state",
    [
        {"termination": _termination("MissingModule")},
        {"waiting": "CrashLoopBackOff", "restarts": 1, "before": _termination("MissingModule")},
        {"restarts": 1, "before": _termination("MissingModule")},
    ],
    ids=["ended", "waiting", "running again"],
)
@pytest.mark.parametrize("failing", ["fetch", "prepare", "serve"])
def test_reason_stays_while_a_failing_container_restarts(failing: str, state: dict[str, Any]) -> None:
    names = ["fetch", "prepare", "serve"]
    before, after = names[: names.index(failing)], names[names.index(failing) + 1 :]
    verdict = _judge(
        *(container(name, termination=Termination(0, "Completed", "{}")) for name in before),
        container(failing, **state),
        *(container(name, waiting="PodInitializing") for name in after),
    )
    assert (verdict.reason, verdict.message) == ("MissingModule", "It broke. Mend it.")


def test_lack_of_memory_in_prepare_is_out_of_memory() -> None:
    killed = container("prepare", termination=Termination(137, "OOMKilled", ""))
    ended_by_itself = container("prepare", termination=_termination("OutOfMemory", code=28))
    for state in (killed, ended_by_itself):
        verdict = _judge(state, container(waiting="PodInitializing"))
        assert (verdict.reason, verdict.message) == (
            "OutOfMemory",
            "Container prepare of pod fraud-1 needed more memory than its limit of 1Gi. Raise spec.runtime.resources.limits.memory.",
        )


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (container("fetch", waiting="InvalidImageName"), "Correct spec.runtime.image."),
        (container("fetch", waiting="ErrImagePull", message="not found"), "Check spec.runtime.image"),
        (container("fetch", waiting="ErrImagePull", message=UNAUTHORIZED), "or correct spec.runtime.image"),
        (
            container("prepare", termination=Termination(128, "StartError", "no such file")),
            "Make the image of spec.runtime.image",
        ),
    ],
)
def test_trouble_with_an_image_of_the_users_names_their_field(state: ContainerView, says: str) -> None:
    own = owner({"model": {"uri": "s3://m/f"}, "runtime": {"image": "risk/server:7"}})
    verdict = judge(observed(deployment(available=0), pods=(pod(state),), by=own), WANTED)
    assert says in verdict.message


def test_only_reasons_that_waiting_cannot_cure_are_stalled() -> None:
    assert _judge(container(termination=_termination("InvalidArtifact"))).stalled
    assert not _judge(container(termination=_termination("FetchFailed"))).stalled
    assert not _judge(container(waiting="CreateContainerConfigError", message='secret "s" not found')).stalled


def test_other_revisions_and_ready_or_deleting_pods_are_ignored() -> None:
    broken = container(termination=_termination("InvalidArtifact"))
    pods = (pod(broken, revision=OLD), pod(broken, ready=True), pod(broken, deleting=True))
    assert judge(_rollout(*pods), WANTED).reason == "Progressing"


def test_oldest_broken_pod_decides_the_message() -> None:
    first = pod(
        container(termination=_termination("InvalidArtifact", "first")), name="b", created="2026-01-01T00:00:00Z"
    )
    second = pod(
        container(termination=_termination("InvalidArtifact", "second")), name="a", created="2026-01-01T00:00:09Z"
    )
    assert {judge(_rollout(*pods), WANTED).message[:5] for pods in ((first, second), (second, first))} == {"first"}


MOMENTS = (
    observed(),
    observed(deployment(replicas=0, available=0)),
    observed(deployment(observed=False, available=0)),
    observed(deployment(available=0), pods=(pod(container()),)),
    observed(deployment(available=0), pods=(pod(container(waiting="ContainerCreating")),)),
    observed(deployment(available=0), pods=(pod(container(termination=_termination("MissingModule"))),)),
    observed(deployment(available=0), pods=(pod(container("fetch", waiting="ImagePullBackOff")),)),
    observed(deployment(available=0), pods=(pod(unschedulable="1 Insufficient cpu"),)),
    observed(deployment(available=0), pods=(pod(deleting=True),)),
    observed(deployment(available=0), pods=(pod(container(ready=True), ready=True),)),
    observed(deployment(), pods=(pod(container(ready=True), ready=True),)),
    observed(deployment(size=3, replicas=1, observed=False), pods=(pod(container(ready=True), ready=True),)),
)


@given(st.lists(st.sampled_from(MOMENTS), min_size=2, max_size=12))
def test_abandoned_rollout_is_not_resumed(moments: list[Observed]) -> None:
    reasons: list[Reason] = []
    by = owner()
    for moment in moments:
        verdict = judge(replace(moment, owner=by), WANTED)
        reasons.append(verdict.reason)
        by = owner_with_status(verdict.reason, verdict.message)
    began = [reason is Reason.PROGRESSING for reason in reasons]
    assert began == sorted(began, reverse=True), reasons
