"""The Job that asks both revisions known rows: when it is there, what it is told, and what its pod says."""

import json
from dataclasses import replace
from typing import Any

import pytest

from modelway.api.labels import REPLAY, REVISION_LABEL, TRACK_LABEL
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.evidence import Evidence
from modelway.desired.plan import Plan
from modelway.desired.revision import revision_of
from modelway.observed import ChildId, JobView, Observed, PodView, Termination
from modelway.planning import plan_of
from modelway.rollout.judge import FAILED, Counts
from modelway.rollout.measures import CANDIDATE, Series
from modelway.rollout.replay import ReplayReport
from modelway.settings import Settings
from modelway.status.replay import replay_report
from support.operator.observed import canary_service, container, deployment, job, observed, owner, pod, revision

OFF = Settings(preflight_enabled=False)
STABLE = "stable"
DATASET = {"uri": "s3://logs/rows.parquet", "format": "parquet"}
EVALUATION = {
    "dataset": {"uri": "s3://models/held-out.csv"},
    "target": "fraud",
    "weight": "w",
    "slices": ["country"],
    "metrics": [{"name": "accuracy", "min": 0.5}],
}
PROOF = "sha256:" + 64 * "a"


def spec(**replay: Any) -> dict[str, Any]:
    return {
        "model": {"uri": "s3://models/new/", "storage": {"secretRef": {"name": "store"}}},
        "rollout": {"strategy": "Canary", "replay": replay},
    }


def wanted(document: dict[str, Any]) -> str:
    return revision_of(ModelDeployment.parse(owner(document).document)).hash


def situation(document: dict[str, Any], *children: Any, phase: str = "Running", **more: Any) -> Observed:
    """A rollout whose candidate is ready, and whose replay has come to a phase."""
    new = wanted(document)
    state = {
        "id": f"{new}-1",
        "strategy": "Canary",
        "revision": new,
        "stable": STABLE,
        "attempt": 1,
        "phase": "Progressing",
        "step": 0,
        "steps": 3,
        "weight": 0,
        "mirror": 0,
        "started": "2026-01-01T00:00:00Z",
        "replay": {"phase": phase, "started": "2026-01-01T00:00:00Z"},
    }
    by = owner(document, status={"stable": {"revision": STABLE}, "rollout": state})
    service = replace(canary_service("10.96.0.1"), id=ChildId("Service", "fraud"))
    proved = Evidence(accepted=True, reason="Proved", digest=PROOF).to_text()
    records = revision(STABLE, 1, served=True), revision(new, 2, evidence=proved)
    around = observed(deployment(revision=STABLE), service, canary_service(), *records, by=by, reachable=False)
    return replace(around, children={**around.children, **{one.id: one for one in children}}, **more)


def plan(around: Observed) -> Plan:
    return plan_of(ModelDeployment.parse(around.owner.document), around, OFF)


def body(around: Observed) -> dict[str, Any]:
    [job_body] = [step.body for step in plan(around).steps if step.id.kind == "Job"]
    return job_body


def containers(around: Observed) -> tuple[dict[str, Any], dict[str, Any]]:
    pod_spec = body(around)["spec"]["template"]["spec"]
    [fetch], [ask] = pod_spec["initContainers"], pod_spec["containers"]
    return fetch, ask


@pytest.mark.parametrize(("phase", "number"), [("Running", 1), ("Done", 0), ("Failed", 0)])
def test_job_is_there_while_status_says_that_rows_are_asked(phase: str, number: int) -> None:
    assert len([step for step in plan(situation(spec(), phase=phase)).steps if step.id.kind == "Job"]) == number


def test_job_knows_both_services_and_no_credentials() -> None:
    around = situation(spec(dataset=DATASET, requests=50, rowsPerRequest=2))
    fetch, ask = containers(around)
    new = wanted(spec())
    (key,) = (one.removeprefix("--key=") for one in ask["args"] if one.startswith("--key="))
    assert len(key) == 32
    assert {
        "--stable=10.96.0.1:80",
        f"--stable-revision={STABLE}",
        "--candidate=10.96.0.7:8083",
        f"--candidate-revision={new}",
        f"--rollout={new}-1",
        "--dataset-dir=/mnt/rows",
        "--format=parquet",
        "--requests=50",
        "--rows-per-request=2",
    } <= set(ask["args"])
    assert "--uri=s3://logs/rows.parquet" in fetch["args"]
    assert "env" not in ask
    assert "envFrom" not in ask
    assert fetch["envFrom"] == [{"secretRef": {"name": "store"}}]


def test_job_is_small_and_no_service_chooses_its_pod() -> None:
    around = situation({**spec(), "runtime": {"resources": {"limits": {"memory": "64Gi", "nvidia.com/gpu": "1"}}}})
    _, ask = containers(around)
    assert ask["resources"] == {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
    labels = body(around)["spec"]["template"]["metadata"]["labels"]
    assert labels[TRACK_LABEL] == body(around)["metadata"]["labels"][TRACK_LABEL] == REPLAY


def test_rows_of_the_evaluation_are_asked_without_their_answers() -> None:
    fetch, ask = containers(situation({**spec(), "preflight": {"evaluation": EVALUATION}}))
    assert "--uri=s3://models/held-out.csv" in fetch["args"]
    assert {'--hidden=["fraud","w"]', '--groups=["country"]'} <= set(ask["args"])


def test_rows_beside_the_model_come_from_the_proved_bytes() -> None:
    fetch, ask = containers(situation(spec()))
    assert {"--uri=s3://models/new/", f"--digest={PROOF}"} <= set(fetch["args"])
    assert "--model-dir=/mnt/rows" in ask["args"]


def job_of(around: Observed, *, finished: bool = False, proof: str = "") -> JobView:
    labels = body(around)["metadata"]["labels"]
    new = labels[REVISION_LABEL]
    view = job(new, proof=proof or labels["modelway.dev/proof"], finished=finished)
    return replace(view, id=ChildId("Job", f"fraud-{new}-replay"), track=REPLAY)


def asking(of: JobView, message: str = "", *, code: int = 0, name: str = "replay") -> PodView:
    end = Termination(code, "Completed" if code == 0 else "Error", message)
    view = pod(container(name, termination=end), revision=of.revision)
    return replace(view, track=REPLAY, proof=of.proof, controller=of.uid)


@pytest.mark.parametrize("proof", ["another", ""])
def test_job_that_asks_something_else_or_lost_its_pod_goes_first(proof: str) -> None:
    around = situation(spec())
    outdated = job_of(around, finished=True, proof=proof)
    it = plan(situation(spec(), outdated))
    assert [one for one in it.prune if one.id.kind == "Job"] == [outdated]
    assert it.replay == ""


@pytest.mark.parametrize("phase", ["Done", "Failed"])
def test_job_goes_once_status_has_its_counts(phase: str) -> None:
    ended = job_of(situation(spec()), finished=True)
    assert ended in plan(situation(spec(), ended, phase=phase)).prune


def report_of(document: dict[str, Any], message: str, **more: Any) -> ReplayReport | None:
    of = job_of(situation(document))
    around = situation(document, of, replay_pods=(asking(of, message, **more),))
    return replay_report(ModelDeployment.parse(around.owner.document), around, plan(around))


def test_counts_of_the_report_are_evidence() -> None:
    report = {"reason": "Replayed", "message": "m", "measures": [{"name": FAILED, "bad": 1, "trials": 9}]}
    assert report_of(spec(), json.dumps(report)) == ReplayReport({Series(FAILED, CANDIDATE): Counts(1, 9)}, "m")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ('{"reason": "NotReplayed", "message": "the stable revision refuses the rows"}', "refuses the rows"),
        ('{"reason": "Replayed", "measures": [{"name": "failed", "bad": 0, "trials": 100000}]}', "one release"),
        ("no JSON", "one release"),
    ],
)
def test_report_without_counts_is_final_and_named(message: str, words: str) -> None:
    report = report_of(spec(), message)
    assert report is not None
    assert (report.evidence, report.is_final) == ({}, True)
    assert words in report.message


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (spec(dataset=DATASET), "spec.rollout.replay.dataset.uri"),
        ({**spec(), "preflight": {"evaluation": EVALUATION}}, "spec.preflight.evaluation.dataset.uri"),
    ],
)
def test_missing_dataset_is_named_by_its_field(document: dict[str, Any], field: str) -> None:
    why = {"reason": "ModelNotFound", "message": "there is nothing", "remedy": "Correct spec.model.uri"}
    report = report_of(document, json.dumps(why), code=10, name="fetch-rows")
    assert report is not None
    assert report.is_final
    assert field in report.message


def test_store_that_is_down_is_waited_for() -> None:
    why = {"reason": "FetchFailed", "message": "no route", "remedy": "Wait"}
    report = report_of(spec(), json.dumps(why), code=13, name="fetch-rows")
    assert report is not None
    assert (report.is_final, report.evidence) == (False, {})


def test_pod_of_another_rollout_says_nothing() -> None:
    of = job_of(situation(spec()))
    stranger = replace(asking(of, '{"reason": "NotReplayed", "message": "x"}'), proof="another")
    around = situation(spec(), of, replay_pods=(stranger,))
    assert replay_report(ModelDeployment.parse(around.owner.document), around, plan(around)) is None
