"""What the chart gives away, asked of the real Helm."""

from collections.abc import Mapping
from typing import Any

import pytest

from modelway.api.labels import CHILD_SELECTOR
from modelway.api.ports import METRICS_PORT
from support.cluster import helm


def of_kind(manifests: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def operator_pod(values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = of_kind(helm.render(values), "Deployment")[0]["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize(("user", "expected_value"), [(1000660000, "1000660000"), ("assigned", "assigned")])
def test_platform_may_choose_the_user(user: object, expected_value: str) -> None:
    pod = operator_pod({"runAsUser": user})
    context = {name: value for name, value in pod["securityContext"].items() if name != "seccompProfile"}
    named = {} if user == "assigned" else dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), user)
    assert context == {"runAsNonRoot": True, **named}
    assert {"name": "MODELWAY_RUN_AS_USER", "value": expected_value} in pod["containers"][0]["env"]


@pytest.mark.parametrize("account", [{"create": False}, {"create": False, "name": "default"}, {"name": "default"}])
def test_the_account_of_every_pod_gets_no_right(account: dict[str, Any]) -> None:
    with pytest.raises(helm.HelmError, match=r"serviceAccount\.name"):
        helm.render({"serviceAccount": account})


def test_an_account_that_exists_is_bound_by_its_name() -> None:
    manifests = helm.render({"serviceAccount": {"create": False, "name": "robot"}, "rbac": {"aggregate": False}})
    assert not of_kind(manifests, "ServiceAccount")
    (binding,) = of_kind(manifests, "ClusterRoleBinding")
    assert [subject["name"] for subject in binding["subjects"]] == ["robot"]


def test_operator_traffic_goes_to_named_addresses() -> None:
    named = {
        "apiServerAddresses": ["10.0.0.10/32"],
        "dnsNamespace": "dns",
        "dnsPort": 5353,
        "scrapersNamespace": "monitoring",
    }
    (policy,) = of_kind(helm.render({"networkPolicy": {"enabled": True, **named}}), "NetworkPolicy")
    dns, server, models = policy["spec"]["egress"]
    assert dns["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "dns"}}}]
    assert {port["port"] for port in dns["ports"]} == {53, 5353}
    assert server["to"] == [{"ipBlock": {"cidr": "10.0.0.10/32"}}]
    assert {port["port"] for port in server["ports"]} == {443, 6443}
    assert [port["port"] for port in models["ports"]] == [METRICS_PORT]
    assert models["to"][0]["podSelector"] == {"matchLabels": dict([CHILD_SELECTOR.split("=")])}
    (scraped,) = policy["spec"]["ingress"]
    assert scraped["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]


def test_dns_is_asked_in_its_own_namespace_by_default() -> None:
    (policy,) = of_kind(helm.render({"networkPolicy": {"enabled": True}}), "NetworkPolicy")
    dns, server, _ = policy["spec"]["egress"]
    assert dns["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}]
    assert "to" not in server
