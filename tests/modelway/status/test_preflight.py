"""Status tells how far a preflight has come, why it refuses, and on what evidence; no report can break it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.api.status import ModelDeploymentStatus
from modelway.desired.contestants import Contestant, contestants_of
from modelway.desired.evidence import Evidence
from modelway.desired.plan import Plan
from modelway.observed import ContainerView, Observed, PodView, Termination
from modelway.status.ledger import MOST_REVISIONS, ledger_of
from modelway.status.preflight import evidence_in, judge_preflight
from modelway.status.reasons import Reason
from modelway.status.report import Finding, status_of
from support.operator.contests import WANTED
from support.operator.observed import NEW, OLD, container, deployment, job, observed, pod, revision

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROOF = "0123456789abcdef"
DIGEST = "sha256:" + "0" * 64
FETCHED = {"reason": "Fetched", "digest": DIGEST}
METRIC = {"metric": "recall", "value": 0.7, "low": 0.6, "high": 0.8, "stable": 0.9, "outcome": "failed"}


def _end(name: str, report: Any, code: int = 0) -> ContainerView:
    text = report if isinstance(report, str) else json.dumps(report)
    return container(name, termination=Termination(code, "Completed", text, "2026-01-01T00:00:00Z"))


def _pod(*containers: ContainerView) -> PodView:
    return replace(pod(*containers), track="preflight", proof=PROOF, controller=job().uid)


def _judged(*containers: ContainerView, **plan: Any) -> tuple[str, str]:
    observation = observed(deployment(revision=OLD), preflight_pods=(_pod(*containers),))
    verdict = judge_preflight(observation, _closed(**plan))
    return str(verdict.reason), verdict.message


def _closed(**plan: Any) -> Plan:
    return Plan(revision=NEW, available=1, autoscaled=False, prune=(), steps=(), closed=True, **plan)


def _evidence(report: Any, contestants: tuple[Contestant, ...] = ()) -> Evidence | None:
    containers = (_end("fetch", FETCHED), _end("fetch-candidate-1", FETCHED), _end("prove", report))
    observation = observed(job(proof=PROOF), preflight_pods=(_pod(*containers),))
    return evidence_in(observation, PROOF, None, contestants)


@pytest.mark.parametrize(
    ("containers", "stage"),
    [
        ((), "its Job is being started"),
        ((container("fetch"),), "the model is being fetched"),
        ((_end("fetch", FETCHED), container("prepare")), "the model is being loaded and tried"),
        ((_end("fetch", FETCHED), _end("prepare", {}), container("prove")), "smoke tests and evaluation run"),
    ],
)
def test_stage_of_a_preflight_is_told(containers: tuple[ContainerView, ...], stage: str) -> None:
    reason, message = _judged(*containers)
    assert reason == "Proving"
    assert stage in message
    assert f"Revision {OLD} serves meanwhile" in message


@pytest.mark.parametrize(
    ("loss", "reason"),
    [({"eviction": "low on memory"}, Reason.EVICTED), ({"node_lost": True, "node": "n1"}, Reason.NODE_LOST)],
    ids=["evicted", "node lost"],
)
def test_lost_pod_of_a_job_is_told(loss: dict[str, Any], reason: Reason) -> None:
    lost = replace(_pod(container("fetch")), **loss)
    assert judge_preflight(observed(job(proof=PROOF), preflight_pods=(lost,)), _closed()).reason is reason


def test_verdict_that_cannot_be_read_is_told() -> None:
    ended = _pod(_end("fetch", FETCHED), _end("prove", "no JSON"))
    observation = observed(job(proof=PROOF, finished=True), preflight_pods=(ended,))
    verdict = judge_preflight(observation, _closed())
    assert verdict.reason is Reason.CONTAINER_CONFIG_ERROR
    assert "of one release" in verdict.message


REFUSED = Evidence(accepted=False, reason="SmokeTestFailed", message="no", digest=DIGEST)


@pytest.mark.parametrize(
    ("evidence", "conditions"),
    [(None, ("False", "True", "False")), (REFUSED, ("False", "False", "True"))],
    ids=["being proved", "refused"],
)
def test_conditions_tell_whether_waiting_helps(evidence: Evidence | None, conditions: tuple[str, ...]) -> None:
    status = status_of(
        observed(deployment(revision=OLD)), Finding(_closed(evidence=evidence)), service_port=80, now=NOW
    )
    states = {one["type"]: one["status"] for one in status["conditions"]}
    assert tuple(states[kind] for kind in ("Ready", "Reconciling", "Stalled")) == conditions
    assert states["Available"] == "True"


def test_missing_dataset_is_told_by_its_own_field() -> None:
    report = {"reason": "ModelNotFound", "message": "there is none", "remedy": "Correct spec.model.uri."}
    reason, message = _judged(_end("fetch", FETCHED), _end("fetch-dataset", report, 10))
    assert reason == "ModelNotFound"
    assert "spec.preflight.evaluation.dataset.uri" in message


def test_revision_in_the_queue_says_what_it_waits_for() -> None:
    assert "preflight.maxConcurrent" in _judged(queued=True)[1]


def test_refusal_carries_its_numbers_into_the_ledger() -> None:
    evidence = _evidence(
        {"reason": "EvaluationFailed", "message": "too few", "remedy": "Train.", "evaluation": [METRIC]}
    )
    assert evidence is not None
    assert not evidence.accepted
    record = revision(NEW, 2, model={"uri": "s3://m", "version": "v2"}, evidence=evidence.to_text())
    (entry,) = ledger_of(observed(record))
    assert entry["verdict"] == "Refused"
    assert entry["version"] == "v2"
    assert entry["evaluation"] == [METRIC]


def test_accepted_model_is_accepted_before_its_pods_start() -> None:
    plan = replace(_closed(evidence=Evidence(accepted=True, reason="Proved", digest=DIGEST)), closed=False)
    status = status_of(observed(), Finding(plan), service_port=80, now=NOW)
    conditions = {one["type"]: one["status"] for one in status["conditions"]}
    assert (conditions["ModelAccepted"], conditions["Ready"]) == ("True", "False")


def test_ledger_is_bounded_and_newest_first() -> None:
    text = Evidence(accepted=True, reason="Proved").to_text()
    records = [revision(f"r{number}", number, evidence=text) for number in range(1, MOST_REVISIONS + 5)]
    entries = ledger_of(observed(*records))
    assert [entry["revision"] for entry in entries] == [f"r{number}" for number in range(14, 4, -1)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
REPORTS = st.fixed_dictionaries(
    {},
    optional={
        "reason": st.sampled_from(["Proved", "EvaluationFailed", "Nonsense"]) | JSON,
        "message": JSON,
        "remedy": JSON,
        "contract": JSON,
        "choice": JSON | st.sampled_from(["model", "small"]),
        "candidates": JSON
        | st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "name": JSON | st.text(max_size=80),
                    "value": JSON,
                    "latencyMs": JSON,
                    "reason": JSON | st.text(max_size=400),
                },
            ),
            max_size=12,
        ),
        "evaluation": JSON
        | st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "metric": JSON | st.text(max_size=400),
                    "slice": JSON,
                    "outcome": JSON | st.sampled_from(["passed", "failed"]),
                    "value": JSON,
                    "low": JSON,
                },
            ),
            max_size=20,
        ),
    },
)


@given(report=REPORTS | JSON)
def test_any_report_gives_a_status_that_the_api_takes(report: Any) -> None:
    for evidence in (_evidence(report), _evidence(report, contestants_of(WANTED))):
        if evidence is not None:
            _is_taken(evidence)


def _is_taken(evidence: Evidence) -> None:
    assert Evidence.parse(evidence.to_text()) == evidence
    observation: Observed = observed(revision(NEW, 1, evidence=evidence.to_text()))
    status = status_of(observation, Finding(_closed(evidence=evidence)), service_port=80, now=NOW)
    ModelDeploymentStatus.model_validate_json(json.dumps(status))


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", '{"accepted": 1, "evaluation": 3}'])
def test_annotation_of_another_hand_is_no_evidence(text: str) -> None:
    evidence = Evidence.parse(text)
    assert evidence is None or not evidence.accepted
