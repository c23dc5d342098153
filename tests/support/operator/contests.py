"""A ModelDeployment for which four models compete: that of its URI, two candidates, and the first with weights of 8 bits."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.children import job as jobs
from modelway.desired.gate import model_of, revision_that_serves
from modelway.desired.plan import Plan
from modelway.desired.revision import revision_of
from modelway.observed import Child, ContainerView, PodView, Termination
from modelway.planning import plan_of
from modelway.settings import Settings
from support.operator.observed import container, job, observed, owner, pod

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OFF = Settings(preflight_enabled=False)
EVALUATION: dict[str, Any] = {
    "dataset": {"uri": "s3://models/rows.csv"},
    "target": "y",
    "metrics": [{"name": "accuracy", "min": 0.5}],
    "maxQualityLoss": 0.02,
}
SMALL = {"name": "small", "uri": "s3://models/small.onnx", "format": "onnx", "trustedTypes": ["small.Encoder"]}
INSIDE = {"name": "inside", "uri": "file:///models/inside.joblib", "version": "v9"}
SPEC: dict[str, Any] = {
    "model": {
        "uri": "s3://models/new.joblib",
        "version": "v1",
        "storage": {"secretRef": {"name": "keys"}},
        "trustedTypes": ["new.Encoder"],
        "candidates": [SMALL, INSIDE],
    },
    "runtime": {"precision": "int8", "image": "risk/server:7"},
    "preflight": {"evaluation": EVALUATION},
}
WANTED = ModelDeployment.parse(owner(SPEC).document)
HASH = revision_of(WANTED).hash
DIGESTS = {name: f"sha256:{letter * 64}" for name, letter in (("fetch", "a"), ("fetch-candidate-1", "b"))}
TABLE: list[dict[str, Any]] = [
    {"name": "model", "value": 0.93, "low": 0.9, "high": 0.95, "latencyMs": 3.0, "memoryMiB": 80.0, "engine": "trees"},
    {"name": "small", "value": 0.92, "low": 0.9, "high": 0.94, "latencyMs": 0.4, "memoryMiB": 12.0, "engine": "onnx"},
    {"name": "inside", "reason": "LoadFailed"},
    {"name": "int8", "reason": "NothingToQuantise"},
]
WHY = "small serves: latency times memory is 0.02 of that of model, the best, and its accuracy is at most 0.015 less."
METRIC = {"metric": "accuracy", "value": 0.92, "outcome": "passed"}


def ends(choice: Any) -> dict[str, Any]:
    """The reports of the containers of a Job that accepted a model."""
    return {
        "fetch": {"reason": "Fetched", "digest": DIGESTS["fetch"], "version": "s3:7"},
        "fetch-candidate-1": {"reason": "Fetched", "digest": DIGESTS["fetch-candidate-1"], "version": "s3:8"},
        "prepare": {"reason": "Prepared", "engine": "trees", "format": "sklearn"},
        "prepare-candidate-1": {"reason": "Prepared", "engine": "onnx", "format": "onnx"},
        "prepare-int8": {"reason": "Prepared", "engine": "onnx", "format": "sklearn"},
        "prove": {"reason": "Proved", "message": WHY, "choice": choice, "candidates": TABLE, "evaluation": [METRIC]},
    }


def preflight_pod(reports: dict[str, Any], proof: str) -> PodView:
    """The pod of a Job whose containers ended with these reports."""
    containers = (end_of(name, end) for name, end in reports.items())
    return replace(pod(*containers, revision=HASH), track="preflight", proof=proof, controller=job(HASH).uid)


def end_of(name: str, report: Any, code: int = 0) -> ContainerView:
    """A container that ended with a report."""
    return container(name, termination=Termination(code, "Completed", json.dumps(report), "2026-01-01T00:00:09Z"))


def make_plan(*children: Child, wanted: ModelDeployment = WANTED, **around: Any) -> Plan:
    """The plan beside what exists, with preflights off by default."""
    return plan_of(wanted, observed(*children, **around), OFF)


def proof_of(*children: Child) -> str:
    """The hash of what the Job tries beside what exists."""
    observation = observed(*children)
    stable = model_of(WANTED, observation, revision_that_serves(observation))
    return jobs.proof_of(jobs.build(WANTED, revision_of(WANTED), OFF, stable))


def accept(choice: str, *children: Child) -> Plan:
    """The plan once a Job has accepted a model."""
    proof = proof_of(*children)
    return make_plan(*children, job(HASH, proof=proof), preflight_pods=(preflight_pod(ends(choice), proof),))
