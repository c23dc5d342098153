"""The chart's ValidatingAdmissionPolicy at a real API server says what the operator says."""

from collections.abc import Iterator

import pytest

from support.cluster import helm
from support.cluster.crd import Requests
from support.cluster.sandbox import Kubectl
from support.operator.policies import CASES, NOTHING, STRICT, Case
from support.operator.specs import Object, manifest
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("crd")]


def in_namespace(namespace: str, case: Case) -> Object:
    made = manifest(**case.spec)
    return {**made, "metadata": {**made["metadata"], "namespace": namespace}}


@pytest.fixture
def enforce(cluster_kubectl: Kubectl, requests: Requests, namespace: str) -> Iterator[object]:
    """Have the policy of these values enforced in the test's namespace, and wait until it is."""
    applied: list[Object] = []

    def enforced(values: Object, name: str) -> None:
        chart = {
            "policy": {**values, "admission": True},
            "watch": {"namespaces": [namespace]},
            "fullnameOverride": f"{namespace}-{name}",
        }
        made = [one for one in helm.render(chart) if one["kind"].startswith("ValidatingAdmission")]
        for one in made:
            cluster_kubectl.apply(one)
        applied.extend(made)
        probe = next(case for case in CASES if case.field and case.policy in ({}, values))
        eventually(lambda: requests.refusal(in_namespace(namespace, probe)), deadline=30)

    yield enforced
    for one in applied:
        cluster_kubectl("delete", one["kind"], one["metadata"]["name"])


@pytest.mark.parametrize(
    "values", [{}, STRICT, NOTHING, {"tolerateEverything": True}], ids=["defaults", "strict", "nothing", "loose"]
)
def test_what_the_values_do_not_allow_is_refused_at_apply(
    values: Object, enforce: object, requests: Requests, namespace: str
) -> None:
    enforce(values, "one")  # type: ignore[operator]
    for case in (one for one in CASES if one.policy == values):
        refusal = requests.refusal(in_namespace(namespace, case))
        assert bool(refusal) == bool(case.field), f"{case.spec}: {refusal}"
        assert case.field in refusal
        assert not refusal or "whoever runs Modelway" in refusal
