"""A revision runs once it is proved, and what serves meanwhile stays as it is and is repaired."""

import json
from dataclasses import replace
from typing import Any

import pytest

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.children import job as jobs
from modelway.desired.evidence import Evidence
from modelway.desired.gate import model_of, revision_that_serves
from modelway.desired.plan import Plan
from modelway.desired.pod import pod_template
from modelway.desired.revision import digest_of, record_data, revision_of
from modelway.observed import Child, PodView, RevisionView, Termination
from modelway.planning import plan_of, records_to_read
from modelway.settings import Settings
from modelway.status.preflight import judge_preflight
from support.operator.observed import container, deployment, job, observed, owner, pod, revision

ON = Settings(preflight_enabled=True)
SPEC: dict[str, Any] = {"model": {"uri": "s3://models/new.joblib"}, "scaling": {"replicas": 2}}
WANTED = ModelDeployment.parse(owner(SPEC).document)
HASH = revision_of(WANTED).hash
BEFORE = ModelDeployment.parse(owner({"model": {"uri": "s3://models/old.joblib"}}).document)
OLD = revision_of(BEFORE).hash
DIGEST = "sha256:" + "a" * 64
ACCEPTED = Evidence(accepted=True, reason="Proved", digest=DIGEST, object_version="s3:$(v)")


def _record_before(**more: Any) -> RevisionView:
    return revision(
        OLD,
        1,
        template=pod_template(BEFORE, revision_of(BEFORE), ON),
        model={"uri": "s3://models/old.joblib"},
        served=True,
        **more,
    )


SERVING = (deployment(revision=OLD, size=1), _record_before())


def _plan(*children: Child, spec: dict[str, Any] = SPEC, settings: Settings = ON, **around: Any) -> Plan:
    return plan_of(ModelDeployment.parse(owner(spec).document), observed(*children, **around), settings)


def _kinds(plan: Plan) -> list[str]:
    return [step.id.kind for step in plan.steps]


def _body(plan: Plan, kind: str) -> dict[str, Any]:
    return next(step.body for step in plan.steps if step.id.kind == kind)


def _proof(*children: Child) -> str:
    observation = observed(*children)
    stable = model_of(WANTED, observation, revision_that_serves(observation)) if jobs.compares(WANTED) else None
    return jobs.proof_of(jobs.build(WANTED, revision_of(WANTED), ON, stable))


def _report(proof: str, reason: str, **more: Any) -> PodView:
    ends = {
        "fetch": {"reason": "Fetched", "digest": DIGEST, "version": "s3:7"},
        "prepare": {"reason": "Prepared", "engine": "onnx", "format": "sklearn"},
        "prove": {"reason": reason, "message": "it is so", "remedy": "Do that.", **more},
    }
    containers = (
        container(name, termination=Termination(0, "Completed", json.dumps(end), "2026-01-01T00:00:09Z"))
        for name, end in ends.items()
    )
    controller = job(HASH).uid
    return replace(pod(*containers, revision=HASH), track="preflight", proof=proof, controller=controller)


def test_first_revision_gets_a_job_and_no_pods() -> None:
    plan = _plan()
    assert plan.closed
    assert plan.starts_job
    assert {"Job", "ControllerRevision", "Service"} <= set(_kinds(plan))
    assert not {"Deployment", "HorizontalPodAutoscaler"} & set(_kinds(plan))


def test_disabled_preflight_deploys_at_once() -> None:
    plan = _plan(spec={**SPEC, "preflight": {"enabled": False}})
    assert "Deployment" in _kinds(plan)
    assert not plan.closed


def test_new_revision_waits_while_the_one_before_is_kept() -> None:
    plan = _plan(*SERVING)
    body = _body(plan, "Deployment")
    assert body["metadata"]["labels"]["modelway.dev/revision"] == OLD
    assert body["spec"]["replicas"] == 2, "what is no part of a revision holds at once"
    assert (plan.revision, plan.prune) == (HASH, ())


def test_deleted_deployment_comes_back_as_it_was() -> None:
    status = {"stable": {"revision": OLD}}
    plan = _plan(_record_before(), by=owner(SPEC, status=status))
    assert _body(plan, "Deployment")["metadata"]["labels"]["modelway.dev/revision"] == OLD


def test_nothing_that_runs_is_pruned_where_its_record_is_gone() -> None:
    plan = _plan(deployment(revision=OLD))
    assert "Deployment" not in _kinds(plan)
    assert plan.prune == ()


def test_record_of_what_serves_is_read_while_another_is_proved() -> None:
    unread = replace(_record_before(), data=None)
    assert records_to_read(WANTED, observed(SERVING[0], unread), ON) == [unread]


def test_proved_revision_runs_and_fetches_the_proved_bytes() -> None:
    plan = _plan(*SERVING, job(HASH, proof=_proof(*SERVING)), preflight_pods=(_report(_proof(*SERVING), "Proved"),))
    fetch = _body(plan, "Deployment")["spec"]["template"]["spec"]["initContainers"][0]
    assert fetch["args"][-2:] == [f"--digest={DIGEST}", "--object-version=s3:7"]
    evidence = Evidence.parse(_body(plan, "ControllerRevision")["metadata"]["annotations"]["modelway.dev/evidence"])
    assert evidence is not None
    assert (evidence.accepted, evidence.time, evidence.engine) == (True, "2026-01-01T00:00:09Z", "onnx")


@pytest.mark.parametrize(
    ("before", "now", "says"),
    [
        ("1" * 16, "2" * 16, "what the model takes or gives differs"),
        ("1" * 16, "1" * 16, ""),
        ("", "2" * 16, ""),
        ("1" * 16, 7, ""),
    ],
)
def test_changed_contract_is_told_without_a_comparison(before: str, now: Any, says: str) -> None:
    old = Evidence(accepted=True, reason="Proved", digest=DIGEST, fingerprint=before)
    serving = (SERVING[0], replace(_record_before(), evidence=old.to_text()))
    proof = _proof(*serving)
    plan = _plan(*serving, job(HASH, proof=proof), preflight_pods=(_report(proof, "Proved", fingerprint=now),))
    assert plan.evidence is not None
    assert plan.evidence.contract.startswith(says)
    assert bool(plan.evidence.contract) is bool(says)


def test_job_stays_until_what_it_found_out_is_recorded() -> None:
    """Its pod may have ended a moment before the Job itself does; with the Job, the pod and its report would go."""
    present = job(HASH, proof=_proof(*SERVING))
    plan = _plan(*SERVING, present, preflight_pods=(_report(present.proof, "Proved"),))
    assert not plan.closed
    assert plan.prune == ()


def test_accepted_revision_is_not_proved_again() -> None:
    plan = _plan(*SERVING, revision(HASH, 2, evidence=ACCEPTED.to_text()))
    assert "Job" not in _kinds(plan)
    fetch = _body(plan, "Deployment")["spec"]["template"]["spec"]["initContainers"][0]
    assert fetch["args"][-1] == "--object-version=s3:$$(v)", "Kubernetes would expand it"


def test_lost_record_leaves_pods_with_the_proved_bytes() -> None:
    entry = {"revision": HASH, "verdict": "Accepted", "reason": "Proved", "digest": DIGEST, "objectVersion": "s3:7"}
    plan = _plan(deployment(revision=HASH), by=owner(SPEC, status={"revisions": [entry]}))
    fetch = _body(plan, "Deployment")["spec"]["template"]["spec"]["initContainers"][0]
    assert fetch["args"][-2:] == [f"--digest={DIGEST}", "--object-version=s3:7"]
    assert "modelway.dev/evidence" in _body(plan, "ControllerRevision")["metadata"]["annotations"]


def test_revision_that_served_before_is_not_proved() -> None:
    plan = plan_of(BEFORE, observed(deployment(revision=HASH), _record_before()), ON)
    assert not plan.closed


@pytest.mark.parametrize("reason", ["SmokeTestFailed", "EvaluationFailed", "EvaluationInconclusive", "ContractChanged"])
def test_refused_revision_is_told_and_never_runs(reason: str) -> None:
    proof = _proof(*SERVING)
    plan = _plan(*SERVING, job(HASH, proof=proof, finished=True), preflight_pods=(_report(proof, reason),))
    assert plan.evidence is not None
    assert (plan.evidence.reason, plan.evidence.accepted) == (reason, False)
    assert _body(plan, "Deployment")["metadata"]["labels"]["modelway.dev/revision"] == OLD
    assert "Job" not in _kinds(plan)
    assert plan.prune == (), "the log of a finished Job stays"


def test_refusal_holds_for_the_same_trial_alone() -> None:
    refused = Evidence(accepted=False, reason="EvaluationFailed", message="no", proof="another")
    assert _plan(*SERVING, revision(HASH, 2, evidence=refused.to_text())).starts_job
    same = replace(refused, proof=_proof(*SERVING))
    assert not _plan(*SERVING, revision(HASH, 2, evidence=same.to_text())).starts_job


def test_job_that_tries_something_else_is_replaced() -> None:
    present = job(HASH, proof="another")
    plan = _plan(*SERVING, present)
    assert plan.prune == (present,)
    assert "Job" not in _kinds(plan)


def test_job_whose_pod_went_unread_runs_again() -> None:
    present = job(HASH, proof=_proof(*SERVING), finished=True)
    assert _plan(*SERVING, present).prune == (present,)
    unread = replace(_report(present.proof, "Proved"), containers=())
    assert _plan(*SERVING, present, preflight_pods=(unread,)).prune == ()


def test_report_of_another_trial_proves_nothing() -> None:
    plan = _plan(*SERVING, job(HASH, proof=_proof(*SERVING)), preflight_pods=(_report("another", "Proved"),))
    assert plan.closed


def test_pod_of_an_earlier_namesake_proves_nothing() -> None:
    left = replace(_report(_proof(), "Proved"), controller="uid-of-another-job")
    assert _plan(job(HASH, proof=_proof()), preflight_pods=(left,)).closed


def test_comparison_without_the_record_of_what_serves_waits() -> None:
    spec = {**SPEC, "preflight": {"contract": "Compatible"}}
    plan = _plan(deployment(revision=OLD), spec=spec)
    assert plan.misses_stable
    assert "Job" not in _kinds(plan)
    assert judge_preflight(observed(deployment(revision=OLD)), plan).reason == "StableUnknown"


def test_revision_is_compared_with_what_serves_not_what_starts() -> None:
    late = revision("laterevisi", 2, model={"uri": "s3://models/late.joblib"})
    status = {"stable": {"revision": OLD}}
    spec = {**SPEC, "preflight": {"contract": "Compatible"}}
    running = deployment(revision="laterevisi", available=0)
    plan = _plan(running, late, _record_before(evidence=ACCEPTED.to_text()), spec=spec, by=owner(spec, status=status))
    arguments = _body(plan, "Job")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert f"--stable-revision={OLD}" in arguments


def test_platform_change_reaches_what_serves_meanwhile() -> None:
    follow = ON.model_copy(update={"server_image": "modelway/server:9", "image_policy": "Follow"})
    assert _plan(*SERVING, settings=follow).follows
    plan = plan_of(WANTED, observed(*SERVING), follow, may_follow=False)
    assert (plan.waits, plan.follows) == (True, False)


def test_jobs_of_other_revisions_go() -> None:
    other = job("otherrevis", finished=True)
    assert other in _plan(*SERVING, other).prune


@pytest.mark.parametrize("finished", [True, False])
def test_job_of_what_serves_goes_once_another_is_asked_for(*, finished: bool) -> None:
    before = job(OLD, finished=finished)
    assert _plan(*SERVING, before).prune == (before,)


def test_evaluation_compares_with_the_bytes_that_serve() -> None:
    metrics = [{"name": "accuracy", "notWorseThanStableBy": 0.01}]
    wanted = {"dataset": {"uri": "s3://data/rows.csv"}, "target": "y", "metrics": metrics}
    record = _record_before(evidence=ACCEPTED.to_text())
    plan = _plan(SERVING[0], record, spec={**SPEC, "preflight": {"evaluation": wanted}})
    spec = _body(plan, "Job")["spec"]["template"]["spec"]
    names = [one["name"] for one in spec["initContainers"]]
    assert names == ["fetch", "fetch-dataset", "fetch-stable", "prepare", "prepare-stable"]
    stable = spec["initContainers"][2]["args"]
    assert {"--uri=s3://models/old.joblib", f"--digest={DIGEST}"} <= set(stable)
    mounted = {one["name"] for one in spec["containers"][0]["volumeMounts"]}
    assert mounted == {"model", "prepared", "dataset", "stable-model", "stable-prepared", "tmp"}
    assert mounted <= {one["name"] for one in spec["volumes"]}


def test_each_model_is_trusted_with_its_own_types() -> None:
    before = _spec_before({"trustedTypes": ["old.Encoder"]})
    spec = {"model": {**SPEC["model"], "trustedTypes": ["new.Encoder"]}, "preflight": {"contract": "Compatible"}}
    plan = _plan(deployment(revision=before.revision), before, spec=spec)
    arguments = _body(plan, "Job")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert {"--trusted-types=new.Encoder", "--stable-trusted-types=old.Encoder"} <= set(arguments)


def _spec_before(more: dict[str, Any]) -> RevisionView:
    """The record of a revision that serves a model with more fields."""
    model = {"uri": "s3://models/old.joblib", **more}
    hash_ = revision_of(ModelDeployment.parse(owner({"model": model}).document)).hash
    return revision(hash_, 1, model=model, served=True)


# Refresh ----------------------------------------------------------------------------------------------------------------------------------

REFRESHED = ModelDeployment.parse(owner(SPEC, refresh="2026-01-01T00:00:00Z").document)


def _record_of(wanted: ModelDeployment) -> RevisionView:
    of_record = revision_of(wanted)
    record = revision(of_record.hash, 1, served=True, evidence=ACCEPTED.to_text())
    data = record_data(of_record, pod_template(wanted, of_record, ON))
    return replace(record, data=data, digest=digest_of(data))


@pytest.mark.parametrize(("before", "now"), [(WANTED, REFRESHED), (REFRESHED, WANTED)])
def test_what_runs_before_a_refresh_serves_meanwhile(before: ModelDeployment, now: ModelDeployment) -> None:
    record = _record_of(before)
    plan = plan_of(now, observed(deployment(revision=record.revision), record), ON)
    assert plan.starts_job
    assert _body(plan, "Deployment")["metadata"]["labels"]["modelway.dev/revision"] == record.revision
    job_fetch = _body(plan, "Job")["spec"]["template"]["spec"]["initContainers"][0]["args"]
    assert not [one for one in job_fetch if one.startswith("--digest=")], "the object as it is now"


def test_changed_version_alone_is_proved() -> None:
    record = _record_of(WANTED)
    spec = {**SPEC, "model": {**SPEC["model"], "version": "v2"}}
    plan = _plan(deployment(revision=record.revision), record, spec=spec)
    assert plan.starts_job
    assert plan.revision != record.revision


def test_pod_of_a_job_is_chosen_by_no_service() -> None:
    labels = _body(_plan(), "Job")["spec"]["template"]["metadata"]["labels"]
    assert labels["modelway.dev/track"] == "preflight"
