"""The chart's ValidatingAdmissionPolicy at a real API server says what the operator says."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.api import ApiError, PatchKind
from support.cluster import helm
from support.cluster.crd import Requests
from support.cluster.sandbox import Kubectl
from support.operator.policies import CASES, NOTHING, STRICT, Case
from support.operator.specs import Object, manifest
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("crd")]

Enforce = Callable[[Object, str], None]


def in_namespace(namespace: str, case: Case) -> Object:
    document = manifest(**case.spec)
    return {**document, "metadata": {**document["metadata"], "namespace": namespace}}


@pytest.fixture
def enforce(cluster_kubectl: Kubectl, requests: Requests, namespace: str) -> Iterator[Enforce]:
    """Have the policy of these values enforced in the test's namespace, and wait until it is."""
    applied: list[Object] = []

    def enforced(values: Object, name: str) -> None:
        chart = {
            "policy": {**values, "admission": True},
            "watch": {"namespaces": [namespace]},
            "fullnameOverride": f"{namespace}-{name}",
        }
        policies = [one for one in helm.render(chart) if one["kind"].startswith("ValidatingAdmission")]
        for one in policies:
            cluster_kubectl.apply(one)
        applied.extend(policies)
        probe = next(case for case in CASES if case.field and case.policy in ({}, values))
        probe_document = in_namespace(namespace, probe)
        probe_document["metadata"]["name"] = "probe"  # a name that is taken would be refused for that
        eventually(lambda: probe.field in requests.refusal(probe_document), deadline=30)

    yield enforced
    for one in applied:
        cluster_kubectl("delete", one["kind"], one["metadata"]["name"])


@pytest.mark.parametrize(
    "values", [{}, STRICT, NOTHING, {"tolerateEverything": True}], ids=["defaults", "strict", "nothing", "loose"]
)
def test_what_the_values_do_not_allow_is_refused_at_apply(
    values: Object, enforce: Enforce, requests: Requests, namespace: str
) -> None:
    enforce(values, "one")
    for case in (one for one in CASES if one.policy == values):
        refusal = requests.refusal(in_namespace(namespace, case))
        assert bool(refusal) == bool(case.field), f"{case.spec}: {refusal}"
        assert case.field in refusal
        assert not refusal or "whoever runs Modelway" in refusal


def refusal_of_patch(requests: Requests, target: Object, patch: tuple[PatchKind, object], part: str = "") -> str:
    """Why the API server refuses a patch; empty when it does not."""
    kind, body = patch
    options = {"fieldManager": "somebody", "force": "true"} if kind == "apply" else {}
    try:
        requests.patch(target, body, kind, part, **options)
    except ApiError as error:
        return str(error)
    return ""


def patches(target: Object, field: str, value: Any) -> list[tuple[PatchKind, object]]:
    """The same change of one member of an object, as each kind of patch makes it."""
    identity = {name: target[name] for name in ("apiVersion", "kind")}
    applied = {**identity, "metadata": {"name": target["metadata"]["name"]}, field: value}
    return [
        ("merge", {field: value}),
        ("json", [{"op": "add", "path": f"/{field}", "value": value}]),
        ("apply", applied),
    ]


def test_no_patch_brings_what_is_not_allowed(enforce: Enforce, requests: Requests, namespace: str) -> None:
    innocent = in_namespace(namespace, Case(STRICT, {}, ""))
    requests.create(innocent)
    enforce(STRICT, "patched")
    for case in (one for one in CASES if one.policy == STRICT and one.field):
        for patch in patches(innocent, "spec", in_namespace(namespace, case)["spec"]):
            refusal = refusal_of_patch(requests, innocent, patch)
            assert case.field in refusal, f"{patch}: {refusal or 'accepted'}"
            assert "whoever runs Modelway" in refusal, refusal


def test_status_of_a_forbidden_spec_is_written(enforce: Enforce, requests: Requests, namespace: str) -> None:
    forbidden = in_namespace(namespace, next(case for case in CASES if case.policy == STRICT and case.field))
    requests.create(forbidden)
    enforce(STRICT, "told")
    for number, patch in enumerate(patches(forbidden, "status", {"observedGeneration": 1, "pods": "1/1"})):
        assert refusal_of_patch(requests, forbidden, patch, "status") == ""
        answer = requests.patch(forbidden, {"status": {"pods": f"{number}/1"}}, "merge", "status")
        assert (answer["status"]["observedGeneration"], answer["status"]["pods"]) == (1, f"{number}/1")


def test_a_forbidden_spec_may_be_labelled_not_changed(enforce: Enforce, requests: Requests, namespace: str) -> None:
    forbidden = in_namespace(namespace, next(case for case in CASES if case.policy == STRICT and case.field))
    requests.create(forbidden)
    enforce(STRICT, "labelled")
    assert refusal_of_patch(requests, forbidden, ("merge", {"metadata": {"labels": {"team": "risk"}}})) == ""
    assert "whoever runs Modelway" in refusal_of_patch(requests, forbidden, ("merge", {"spec": {"suspend": True}}))
    assert refusal_of_patch(requests, forbidden, ("merge", {"spec": {"runtime": None}})) == ""
