"""ModelDeployments with a rollout in status, as the operator reports it."""

from typing import Any

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.revision import revision_of
from support.operator.specs import Object, manifest

STABLE = "stable-hash"
FAILED = {
    "name": "failed",
    "bad": 0,
    "trials": 37,
    "share": 0.0,
    "bound": 0.001,
    "outcome": "Undecided",
    "needed": 240,
    "evidence": -0.2,
}
WRONG = {
    "name": "disagreement",
    "bad": 9,
    "trials": 12,
    "share": 0.75,
    "bound": 0.1,
    "outcome": "Worse",
    "evidence": 4.6,
}
SLOW = {
    "name": "slow",
    "bad": 2,
    "trials": 37,
    "stableBad": 50,
    "stableTrials": 1000,
    "share": 2 / 37,
    "bound": 0.07,
    "outcome": "NotWorse",
    "evidence": 0.0,
}


_REASONS = {"Paused": "RolloutSuspended", "RolledBack": "RolledBack", "Promoted": "Serving"}
"""The reason of Ready in phases other than those of a rollout that goes on."""


def rolled(phase: str = "Progressing", *, spec: Any = None, annotations: Any = None, **rollout: Any) -> Object:
    """The ModelDeployment `fraud` in namespace `risk`, whose rollout is in a phase; fields of `rollout` replace those of status."""
    document = manifest(rollout={"strategy": "Canary"}, **(spec or {}))
    document["metadata"] |= {
        "namespace": "risk",
        "uid": "u",
        "generation": 2,
        "resourceVersion": "7",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        **({"annotations": annotations} if annotations else {}),
    }
    wanted = wanted_hash(document)
    is_over = phase in {"RolledBack", "Promoted"}
    state = {
        "id": f"{wanted}-1",
        "strategy": "Canary",
        "phase": phase,
        "revision": wanted,
        "stable": STABLE,
        "attempt": 1,
        "step": 0,
        "steps": 3,
        "weight": 0 if is_over else 5,
        "mirror": 0,
        **({} if is_over else {"traffic": "5%"}),
        "pods": "2/3",
        "started": "2026-01-01T11:30:00Z",
        "since": "2026-01-01T11:48:00Z",
        "message": "37 of about 240 requests, about 3 h at this rate",
        "measures": [FAILED],
        **rollout,
    }
    serves = wanted if phase == "Promoted" else STABLE
    ready = {
        "type": "Ready",
        "status": "True" if phase == "Promoted" else "False",
        "observedGeneration": 2,
        "reason": _REASONS.get(phase, "RolloutProgressing"),
        "message": state["message"],
    }
    status = {
        "observedGeneration": 2,
        "conditions": [ready],
        "rollout": state,
        "stable": {"revision": serves},
        "candidate": {"revision": wanted},
    }
    return {**document, "status": status}


def wanted_hash(document: Object) -> str:
    """The hash of the revision that a ModelDeployment asks for."""
    plain = {name: value for name, value in document["spec"].items() if name in {"model", "runtime", "scheduling"}}
    return revision_of(ModelDeployment.parse({**document, "spec": plain})).hash
