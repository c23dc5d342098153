"""Of several models that compete, pods serve the one that the preflight chose, and its very bytes."""

import json
from dataclasses import replace
from typing import Any

import pytest

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.children import job as jobs
from modelway.desired.contestants import contestants_of, with_choice
from modelway.desired.evidence import Evidence
from modelway.desired.plan import Plan
from modelway.desired.pod import pod_template
from modelway.desired.revision import digest_of, record_data, revision_of
from modelway.observed import RevisionView
from modelway.planning import plan_of, records_to_read
from modelway.status.ledger import ledger_of
from support.operator.contests import (
    DIGESTS,
    HASH,
    OFF,
    SPEC,
    WANTED,
    accept,
    ends,
    make_plan,
    preflight_pod,
    proof_of,
)
from support.operator.observed import deployment, job, observed, owner, revision


def _body(plan: Plan, kind: str) -> dict[str, Any]:
    return next(step.body for step in plan.steps if step.id.kind == kind)


def _containers(plan: Plan, kind: str = "Deployment") -> dict[str, list[str]]:
    """The arguments of each container."""
    spec = _body(plan, kind)["spec"]["template"]["spec"]
    return {one["name"]: one["args"] for one in (*spec["initContainers"], *spec["containers"])}


def _recorded(choice: str, evidence: Evidence | None = None, **more: Any) -> RevisionView:
    """The record of the revision as it is once the choice serves."""
    known = evidence or Evidence(accepted=True, reason="Proved", digest=DIGESTS["fetch"], choice=choice)
    data = record_data(revision_of(WANTED), pod_template(with_choice(WANTED, known), revision_of(WANTED), OFF))
    text = known.to_text() if evidence is None else ""
    record = revision(HASH, 1, model=SPEC["model"], evidence=text, **more)
    return replace(record, data=data, digest=digest_of(data))


# The Job ----------------------------------------------------------------------------------------------------------------------------------


def test_each_model_is_fetched_and_tried_in_containers_of_its_own() -> None:
    containers = _containers(make_plan(), "Job")
    assert [*containers] == [
        "fetch",
        "fetch-candidate-1",
        "fetch-candidate-2",
        "fetch-dataset",
        "prepare",
        "prepare-candidate-1",
        "prepare-candidate-2",
        "prepare-int8",
        "prove",
    ]
    assert {"--uri=s3://models/small.onnx", "--dest=/mnt/candidates/1/model"} <= set(containers["fetch-candidate-1"])
    assert {
        "--model-dir=/mnt/candidates/1/model",
        "--prepared-dir=/mnt/candidates/1/prepared",
        "--format=onnx",
        "--trusted-types=small.Encoder",
    } <= set(containers["prepare-candidate-1"])
    assert {"--model-dir=/mnt/models", "--prepared-dir=/mnt/prepared-int8", "--precision=int8"} <= set(
        containers["prepare-int8"]
    )
    tried = [name for name in containers if name.startswith("prepare")]
    assert [name for name in containers if "--note-failure" in containers[name]] == tried
    assert [name for name in containers if "--precision=int8" in containers[name]] == ["prepare-int8"]


def test_prove_is_told_where_each_candidate_lies() -> None:
    plan = make_plan()
    (option,) = [one for one in _containers(plan, "Job")["prove"] if one.startswith("--candidates=")]
    candidates = json.loads(option.partition("=")[2])
    assert [one["name"] for one in candidates] == ["small", "inside", "int8"]
    assert candidates[0] == {
        "name": "small",
        "modelDir": "/mnt/candidates/1/model",
        "preparedDir": "/mnt/candidates/1/prepared",
        "trustedTypes": ["small.Encoder"],
    }
    assert (candidates[2]["modelDir"], candidates[2]["trustedTypes"]) == ("/mnt/models", ["new.Encoder"])
    spec = _body(plan, "Job")["spec"]["template"]["spec"]
    mounts = spec["containers"][0]["volumeMounts"]
    folders = [folder for one in candidates for folder in (one["modelDir"], one["preparedDir"])]
    assert {*folders} <= {mount["mountPath"] for mount in mounts if mount.get("readOnly")}
    assert len({mount["mountPath"] for mount in mounts}) == len(mounts)
    assert {mount["name"] for mount in mounts} <= {volume["name"] for volume in spec["volumes"]}


def test_one_model_alone_has_the_job_that_it_had() -> None:
    alone = {"model": {"uri": "s3://models/new.joblib"}, "preflight": {"enabled": True}}
    wanted = ModelDeployment.parse(owner(alone).document)
    text = json.dumps(jobs.build(wanted, revision_of(wanted), OFF))
    assert not [word for word in ("candidate", "int8", "note-failure", "precision") if word in text]


def test_file_of_the_image_is_fetched_without_the_secret() -> None:
    """The user's own image has the file, and must see no credentials."""
    spec = _body(make_plan(), "Job")["spec"]["template"]["spec"]
    containers = {one["name"]: one for one in spec["initContainers"]}
    inside = containers["fetch-candidate-2"]
    assert (inside["image"], "envFrom" in inside) == ("risk/server:7", False)
    assert containers["fetch-candidate-1"]["image"] != "risk/server:7"
    assert "envFrom" in containers["fetch-candidate-1"]


def test_identity_of_the_cloud_goes_to_fetches_alone() -> None:
    """A webhook of the cloud gives it to every container that the annotations do not name; the others run the models."""
    storage = {"storage": {"serviceAccountName": "store-reader"}}
    wanted = ModelDeployment.parse(owner({**SPEC, "model": {**SPEC["model"], **storage}}).document)
    plan = make_plan(deployment(revision=HASH), _recorded("small", served=True), wanted=wanted)
    annotations = _body(plan, "Job")["spec"]["template"]["metadata"]["annotations"]
    skipped = annotations["eks.amazonaws.com/skip-containers"].split(",")
    assert skipped == [name for name in _containers(plan, "Job") if not name.startswith("fetch")]
    assert annotations["azure.workload.identity/skip-containers"].split(";") == skipped


def test_several_models_are_proved_where_the_platform_proves_none() -> None:
    assert make_plan().starts_job
    alone = ModelDeployment.parse(owner({"model": {"uri": "s3://models/new.joblib"}}).document)
    assert not make_plan(wanted=alone).closed


# The choice -------------------------------------------------------------------------------------------------------------------------------


def test_choice_serves_by_its_own_bytes_uri_and_settings() -> None:
    containers = _containers(accept("small"))
    assert {"--uri=s3://models/small.onnx", f"--digest={DIGESTS['fetch-candidate-1']}", "--object-version=s3:8"} <= set(
        containers["fetch"]
    )
    assert {"--format=onnx", "--trusted-types=small.Encoder"} <= set(containers["prepare"])
    assert "--model-version=v1" in containers["serve"], "that of the model holds where the candidate has none"
    assert f"--revision={HASH}" in containers["serve"]
    everything = [one for arguments in containers.values() for one in arguments]
    assert not [one for one in everything if one.startswith(("--precision", "--note-failure"))]


def test_choice_of_int8_serves_the_bytes_of_the_model() -> None:
    containers = _containers(accept("int8"))
    assert {"--uri=s3://models/new.joblib", f"--digest={DIGESTS['fetch']}"} <= set(containers["fetch"])
    assert "--precision=int8" in containers["prepare"]


def test_choice_of_the_model_serves_its_own_weights() -> None:
    containers = _containers(accept("model"))
    assert {"--uri=s3://models/new.joblib", f"--digest={DIGESTS['fetch']}"} <= set(containers["fetch"])
    assert "--precision=int8" not in containers["prepare"]


def test_evidence_is_about_the_choice() -> None:
    text = _body(accept("small"), "ControllerRevision")["metadata"]["annotations"]["modelway.dev/evidence"]
    evidence = Evidence.parse(text)
    assert evidence is not None
    assert (evidence.choice, evidence.engine, evidence.format) == ("small", "onnx", "onnx")
    assert evidence.candidates[1]["latencyMilliseconds"] == 0.4
    assert Evidence.parse(evidence.to_text()) == evidence


@pytest.mark.parametrize("choice", ["", "nobody", 7, None])
def test_acceptance_of_nobody_that_competes_lets_nothing_serve(choice: Any) -> None:
    proof = proof_of()
    plan = make_plan(job(HASH, proof=proof), preflight_pods=(preflight_pod(ends(choice), proof),))
    assert plan.closed
    assert plan.evidence is not None
    assert plan.evidence.reason == "ContainerConfigError"


def test_choice_before_its_bytes_are_known_waits() -> None:
    proof, reports = proof_of(), ends("small")
    del reports["fetch-candidate-1"]
    assert make_plan(job(HASH, proof=proof), preflight_pods=(preflight_pod(reports, proof),)).evidence is None


def test_record_and_pods_of_the_choice_agree_and_need_no_read() -> None:
    record = _recorded("small")
    serving = deployment(revision=HASH)
    assert records_to_read(WANTED, observed(serving, replace(record, data=None)), OFF) == []
    plan = make_plan(serving, record)
    assert plan.prune == ()
    assert "--uri=s3://models/small.onnx" in _containers(plan)["fetch"]


def test_record_of_before_the_choice_is_made_anew() -> None:
    """Its template was rendered for the model of the URI, and the data of a record never changes."""
    before = _recorded("", Evidence(accepted=False, reason=""))
    assert records_to_read(WANTED, observed(replace(before, data=None)), OFF) == [replace(before, data=None)]
    plan = accept("small", before)
    assert plan.prune == (before,)
    template = _body(plan, "ControllerRevision")["data"]["template"]
    assert "--uri=s3://models/small.onnx" in template["spec"]["initContainers"][0]["args"]


def test_upgrade_of_the_platform_leaves_the_choice_serving() -> None:
    newer = OFF.model_copy(update={"server_image": "modelway/server:9"})
    record, serving = _recorded("small", served=True), deployment(revision=HASH)
    plan = plan_of(WANTED, observed(serving, record), newer)
    assert (plan.prune, plan.follows) == ((), False)
    assert "--uri=s3://models/small.onnx" in _containers(plan)["fetch"]


def test_lost_record_leaves_the_choice_serving() -> None:
    ledger = ledger_of(observed(_recorded("small")))
    plan = make_plan(deployment(revision=HASH), by=owner(SPEC, status={"revisions": ledger}))
    assert "--uri=s3://models/small.onnx" in _containers(plan)["fetch"]


def test_lost_choice_leaves_what_runs_and_proves_anew() -> None:
    unknown = _recorded("", Evidence(accepted=True, reason="Proved", choice="small"))
    plan = make_plan(deployment(revision=HASH), unknown)
    assert plan.starts_job
    assert "Deployment" not in {step.id.kind for step in plan.steps}
    assert not [one for one in plan.prune if one.id.kind == "Deployment"]


def test_later_revision_is_compared_with_the_choice_that_serves() -> None:
    later = ModelDeployment.parse(owner({**SPEC, "model": {**SPEC["model"], "version": "v2"}}).document)
    plan = make_plan(deployment(revision=HASH), _recorded("int8", served=True), wanted=later)
    containers = _containers(plan, "Job")
    assert f"--digest={DIGESTS['fetch']}" in containers["fetch-stable"]
    assert "--precision=int8" in containers["prepare-stable"]
    assert "--note-failure" not in containers["prepare-stable"]
    assert "--precision=int8" in _containers(plan)["prepare"], "what serves meanwhile stays as it is"


def test_later_revision_is_compared_with_a_candidate_that_serves() -> None:
    later = ModelDeployment.parse(owner({**SPEC, "model": {**SPEC["model"], "version": "v2"}}).document)
    containers = _containers(make_plan(deployment(revision=HASH), _recorded("small", served=True), wanted=later), "Job")
    assert "--uri=s3://models/small.onnx" in containers["fetch-stable"]
    assert "--format=onnx" in containers["prepare-stable"]
    assert "--precision=int8" not in containers["prepare-stable"]
    assert "--stable-trusted-types=small.Encoder" in containers["prove"]


def test_each_contestant_asks_for_one_model() -> None:
    assert [one.name for one in contestants_of(WANTED)] == ["model", "small", "inside", "int8"]
    assert not [one.name for one in contestants_of(WANTED) if one.deployment.spec.model.candidates]


def test_revision_without_a_contest_is_its_own_choice() -> None:
    alone = ModelDeployment.parse(owner({"model": {"uri": "s3://models/new.joblib"}}).document)
    assert with_choice(alone, Evidence(accepted=True, reason="Proved", choice="small")) is alone
    assert [one.name for one in contestants_of(alone)] == ["model"]
