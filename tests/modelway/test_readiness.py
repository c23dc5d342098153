"""Readiness: each way a model can fail to come up has its own reason, and says what to do about it."""

import json

import pytest

from modelway.readiness import Wanted, judge
from modelway.state import Condition, ContainerView, Observed, PodView, Readiness, Termination
from modelway.termination import REASON_OF_EXIT_CODE, explained, fetched_digest
from support.observed import NEW, OLD, container, deployment, observed, owner, pod

WANTED = Wanted(NEW, 1)


def _told(reason: str, message: str = "It broke.", remedy: str = "Mend it.", code: int = 20) -> Termination:
    return Termination(code, "Error", json.dumps({"reason": reason, "message": message, "remedy": remedy}))


def _rollout(*pods: PodView, conditions: tuple[Condition, ...] = ()) -> Observed:
    """A new revision that has one pod which is not up, while the old one serves."""
    return observed(deployment(replicas=2, updated=1, available=1, conditions=conditions), pods=pods)


def _judged(*containers: ContainerView) -> Readiness:
    return judge(_rollout(pod(*containers)), WANTED)


def test_ready_when_every_pod_is_of_the_wanted_revision_and_enough_serve() -> None:
    verdict = judge(observed(deployment(size=3)), Wanted(NEW, 3))
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
    assert not judge(observed(state), Wanted(NEW, 3)).ready  # type: ignore[arg-type]


def test_growth_beyond_what_was_promised_does_not_take_readiness_away() -> None:
    assert judge(observed(deployment(size=5, available=2)), Wanted(NEW, 2)).ready


@pytest.mark.parametrize(
    ("containers", "reason", "says"),
    [
        ((container("fetch", waiting="ErrImagePull", message="no such image"),), "ImagePullFailed", "no such image"),
        ((container("fetch", waiting="ImagePullBackOff"),), "ImagePullFailed", "pull secrets"),
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
            (container(ended=_told("MissingModule", "needs lightgbm", "add it")),),
            "MissingModule",
            "Needs lightgbm. Add it.",
        ),
        ((container(ended=Termination(10, "Error", "")),), "ModelNotFound", "spec.model.uri"),
        ((container(ended=Termination(137, "OOMKilled", "")),), "OutOfMemory", "limits.memory"),
        ((container(ended=Termination(139, "Error", "")),), "LoadCrashed", "log"),
        (
            (container(waiting="CrashLoopBackOff", restarts=2, before=Termination(1, "Error", "boom")),),
            "CrashLoop",
            "kubectl logs fraud-1 -c serve --previous",
        ),
    ],
)
def test_a_container_that_cannot_run_says_why(containers: tuple[ContainerView, ...], reason: str, says: str) -> None:
    verdict = _judged(*containers)
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
def test_pods_that_the_cluster_refuses_are_told_by_the_deployment(message: str, reason: str) -> None:
    verdict = judge(_rollout(conditions=(Condition("ReplicaFailure", "True", "FailedCreate", message),)), WANTED)
    assert verdict.reason == reason
    assert "cpu=2" in verdict.message or "restricted:latest" in verdict.message


def test_a_pod_that_fits_nowhere_is_unschedulable() -> None:
    verdict = judge(_rollout(pod(unschedulable="0/3 nodes are available: 3 Insufficient cpu")), WANTED)
    assert (verdict.reason, verdict.stalled) == ("Unschedulable", False)
    assert "Insufficient cpu" in verdict.message


def test_a_rollout_that_stands_still_has_missed_its_deadline() -> None:
    late = Condition("Progressing", "False", "ProgressDeadlineExceeded", "no progress")
    assert judge(_rollout(conditions=(late,)), WANTED).reason == "ProgressDeadlineExceeded"


def test_conditions_of_the_last_rollout_are_not_held_against_this_one() -> None:
    late = Condition("Progressing", "False", "ProgressDeadlineExceeded", "no progress")
    assert judge(observed(deployment(revision=OLD, conditions=(late,))), WANTED).reason == "Progressing"


def test_a_loss_of_pods_after_success_is_no_new_rollout() -> None:
    before = owner(status={"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}]})
    assert judge(observed(deployment(size=2, available=1), by=before), Wanted(NEW, 2)).reason == "NotEnoughReplicas"


@pytest.mark.parametrize(
    "container_state",
    [
        container("fetch", ended=_told("ModelNotFound")),
        container("fetch", waiting="CrashLoopBackOff", restarts=1, before=_told("ModelNotFound")),
        container("fetch", restarts=1, before=_told("ModelNotFound")),
    ],
    ids=["ended", "waiting", "running again"],
)
def test_the_reason_stays_while_a_failing_container_is_tried_again_and_again(container_state: ContainerView) -> None:
    verdict = _judged(container_state)
    assert (verdict.reason, verdict.message) == ("ModelNotFound", "It broke. Mend it.")


def test_only_what_waiting_will_not_cure_is_stalled() -> None:
    assert _judged(container(ended=_told("InvalidArtifact"))).stalled
    assert not _judged(container(ended=_told("FetchFailed"))).stalled
    assert not _judged(container(waiting="CreateContainerConfigError", message='secret "s" not found')).stalled


def test_pods_of_other_revisions_ready_pods_and_pods_on_their_way_out_are_left_out() -> None:
    broken = container(ended=_told("InvalidArtifact"))
    pods = (pod(broken, revision=OLD), pod(broken, ready=True), pod(broken, deleting=True))
    assert judge(_rollout(*pods), WANTED).reason == "Progressing"


def test_the_oldest_broken_pod_speaks_so_that_the_message_does_not_jump() -> None:
    first = pod(container(ended=_told("InvalidArtifact", "first")), name="b", created="2026-01-01T00:00:00Z")
    second = pod(container(ended=_told("InvalidArtifact", "second")), name="a", created="2026-01-01T00:00:09Z")
    assert {judge(_rollout(*pods), WANTED).message[:5] for pods in ((first, second), (second, first))} == {"First"}


@pytest.mark.parametrize("message", ["", "{", "[]", "null", '{"reason": 3}', '{"reason": "no spaces allowed"}', "\x00"])
def test_a_message_that_is_not_well_formed_leaves_the_exit_code(message: str) -> None:
    told = explained(Termination(22, "Error", message))
    assert told is not None
    assert told[0] == "MissingModule"


def test_an_unknown_exit_code_without_a_message_means_nothing() -> None:
    assert explained(Termination(77, "Error", "not json")) is None


@pytest.mark.parametrize("code", REASON_OF_EXIT_CODE)
def test_every_exit_code_says_what_to_do(code: int) -> None:
    told = explained(Termination(code, "Error", ""))
    assert told is not None
    assert told[1].count(". ") >= 1


def test_the_digest_is_read_from_a_fetch_that_went_well() -> None:
    digest = "sha256:" + "a" * 64
    fetched = container("fetch", ended=Termination(0, "Completed", json.dumps({"reason": "Fetched", "digest": digest})))
    assert fetched_digest(pod(fetched)) == digest
    assert fetched_digest(pod(container("fetch", ended=Termination(0, "Completed", '{"digest": "made up"}')))) is None
    assert (
        fetched_digest(pod(container("fetch", ended=Termination(1, "Error", json.dumps({"digest": digest}))))) is None
    )
