"""A spec that is corrected begins anew: nothing that refused the pods of the one before is told of it, at no moment.

The Deployment repeats the refusals of its earlier ReplicaSet for as long as that has not made its pods, which is until the new model has loaded.
"""

from functools import partial
from typing import Any

import pytest
from sklearn.linear_model import LinearRegression

from support.cluster.deployed import Deployed
from support.cluster.sandbox import Kubectl
from support.cluster.witness import Witness
from support.stores.model_store import ModelStore
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

ROUNDS = 3
SECONDS = 120.0
TIGHT = {"requests": {"cpu": "50m", "memory": "100Mi"}, "limits": {"memory": "450Mi"}}
HUGE = {"requests": {"cpu": "50m", "memory": "100Mi"}, "limits": {"memory": "64Gi"}}
LIMITS = {"limits": [{"type": "Container", "max": {"memory": "65Gi", "cpu": "4"}}]}
GREEDY = {"requests": {"cpu": "5", "memory": "100Mi"}, "limits": {"cpu": "5", "memory": "450Mi"}}
QUOTA = {"hard": {"limits.memory": "60Gi"}}
BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "LimitRangeViolated": ("greedy", {"runtime": {"resources": GREEDY}}),
    "QuotaExceeded": ("huge", {"runtime": {"resources": HUGE}}),
    "PriorityClassNotFound": ("urgent", {"runtime": {"resources": TIGHT}, "scheduling": {"priorityClassName": "gold"}}),
}


def test_a_corrected_spec_is_never_told_of_the_cause_before(
    kubectl: Kubectl, installed: str, model_store: ModelStore
) -> None:
    model = {"uri": model_store.put("corrected.joblib", LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0]))}
    kubectl.create({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "tight"}, "spec": LIMITS})
    kubectl.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "tight"}, "spec": QUOTA})
    corrected: dict[str, list[int]] = {name: [] for name, _ in BAD.values()}
    with Witness(kubectl) as witness:
        for round_ in range(ROUNDS):
            for reason, (name, spec) in BAD.items():
                Deployed(kubectl, name).apply(**spec, model={**model, "version": f"bad-{round_}"})
                witness.saw(name, reason, deadline=SECONDS)
            for name, generations in corrected.items():
                Deployed(kubectl, name).apply(runtime={"resources": TIGHT}, model={**model, "version": f"v{round_}"})
                generations.append(kubectl.get("mdep", name)["metadata"]["generation"])
            latest = {(name, all_[-1], "Serving") for name, all_ in corrected.items()}
            eventually(partial(_has_told, witness, latest), deadline=SECONDS)
    of_corrected = {(name, generation) for name, generations in corrected.items() for generation in generations}
    reasons = {reason for name, generation, reason in _verdicts(witness) if (name, generation) in of_corrected}
    assert reasons <= {"Progressing", "Serving"}


def _has_told(witness: Witness, wanted: set[tuple[str, int, str]]) -> bool:
    return wanted <= _verdicts(witness)


def _verdicts(witness: Witness) -> set[tuple[str, int, str]]:
    return {(one.name, one.generation, one.reason) for one in list(witness.sightings)}
