"""Status, messages and Events tell which of several models serves, and why."""

from dataclasses import replace
from typing import Any

import pytest

from modelway.cluster.publish import choices
from modelway.observed import ContainerView
from modelway.status.preflight import judge_preflight
from modelway.status.report import Finding, status_of
from support.operator.contests import (
    DIGESTS,
    HASH,
    NOW,
    SPEC,
    WHY,
    accept,
    end_of,
    ends,
    make_plan,
    preflight_pod,
)
from support.operator.observed import container, job, observed, owner, pod, revision


def _status(choice: str) -> dict[str, Any]:
    """What status says once the choice was accepted, and before its pods report."""
    plan = accept(choice)
    assert plan.evidence is not None
    record = revision(HASH, 1, model=SPEC["model"], evidence=plan.evidence.to_text())
    around = observed(record, preflight_pods=(preflight_pod(ends(choice), "of a Job"),), by=owner(SPEC))
    return status_of(around, Finding(plan), service_port=80, now=NOW)


def test_status_tells_the_choice_the_table_and_the_reason() -> None:
    status = _status("small")
    (entry,) = status["revisions"]
    assert (entry["choice"], entry["digest"]) == ("small", DIGESTS["fetch-candidate-1"])
    assert [(one["name"], one.get("reason")) for one in entry["candidates"]] == [
        ("model", None),
        ("small", None),
        ("inside", "LoadFailed"),
        ("int8", "NothingToQuantise"),
    ]
    assert entry["message"] == WHY
    (accepted,) = [one for one in status["conditions"] if one["type"] == "ModelAccepted"]
    assert accepted["message"].endswith(WHY)


@pytest.mark.parametrize(
    ("choice", "candidate"),
    [
        ("small", ("s3://models/small.onnx", "v1", "onnx", "onnx")),
        ("model", ("s3://models/new.joblib", "v1", "sklearn", "trees")),
    ],
)
def test_status_describes_the_choice_before_its_pods_start(choice: str, candidate: tuple[str, ...]) -> None:
    described = _status(choice)["candidate"]
    assert tuple(described[part] for part in ("uri", "version", "format", "engine")) == candidate


def test_acceptance_of_a_choice_is_an_event_once() -> None:
    status = _status("small")
    (verdict,) = choices({}, status)
    assert verdict["message"] == f"Revision {HASH} is accepted: {WHY}"
    assert choices(status, status) == []
    assert choices({}, {"revisions": [{"revision": HASH, "verdict": "Accepted"}]}) == []


def _judged(*containers: ContainerView) -> str:
    preflight = replace(pod(*containers, revision=HASH), track="preflight", proof="p", controller=job(HASH).uid)
    around = observed(job(HASH, proof="p"), preflight_pods=(preflight,), by=owner(SPEC))
    return judge_preflight(around, replace(make_plan(), evidence=None)).message


def test_stage_of_a_candidate_is_told_by_its_name() -> None:
    fetched = end_of("fetch", {})
    assert "candidate small is being fetched" in _judged(fetched, container("fetch-candidate-1"))
    assert "candidate inside is being loaded" in _judged(fetched, container("prepare-candidate-2"))


def test_missing_candidate_is_told_by_its_own_field() -> None:
    report = {"reason": "ModelNotFound", "message": "there is none", "remedy": "Correct spec.model.uri."}
    message = _judged(end_of("fetch", {}), end_of("fetch-candidate-2", report, 10))
    assert message.startswith("Candidate inside: ")
    assert "spec.model.candidates[1].uri" in message
