"""What the chart renders, asked of the real Helm."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelway.cluster.kinds import EVENT, WATCHED
from modelway.settings import Settings
from support.cluster import helm

CRD = Path(__file__).resolve().parents[2] / "crds" / "modeldeployments.yaml"
READ = ("get", "list", "watch")
ALLOWED = {
    **{(kind.group, kind.plural): tuple(sorted(kind.rights)) for kind in (*WATCHED, EVENT)},
    ("modelway.dev", "modeldeployments/status"): ("patch",),
    ("modelway.dev", "modeldeployments/finalizers"): ("update",),
    ("events.k8s.io", "events"): EVENT.rights,
}
"""Every kind that the operator deals with, with its rights, and what none of them says."""
LEASE = {("coordination.k8s.io", "leases"): ("get", "update")}
EVERYTHING = {
    "image": {"repository": "registry.example/operator", "digest": "sha256:" + "a" * 64},
    "imagePullSecrets": [{"name": "registry"}],
    "server": {
        "image": {"tag": "1.2.3"},
        "servicePort": 8080,
        "imagePullSecrets": [{"name": "one"}, {"name": "two"}],
        "imagePolicy": "Follow",
    },
    "networkPolicy": {"enabled": True},
    "podAnnotations": {"team": "platform"},
    "podLabels": {"tier": "control"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "control", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "system-cluster-critical",
    "serviceAccount": {"annotations": {"role": "x"}},
    "extraEnv": [{"name": "TZ", "value": "UTC"}],
}


def of_kind(manifests: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def operator_pod(values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = of_kind(helm.render(values), "Deployment")[0]["spec"]["template"]["spec"]
    return spec


def rights_of(role: dict[str, Any]) -> dict[tuple[str, str], tuple[str, ...]]:
    pairs = [
        (group, resource, rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    ]
    return {(group, resource): tuple(sorted(verbs)) for group, resource, verbs in pairs}


def test_the_operator_may_do_exactly_this() -> None:
    (role,) = of_kind(helm.render({"rbac": {"aggregate": False}}), "ClusterRole")
    assert rights_of(role) == ALLOWED


def test_named_namespaces_get_the_same_rights_and_others_none() -> None:
    manifests = helm.render({"watch": {"namespaces": ["risk", "fraud"]}, "rbac": {"aggregate": False}})
    roles = {one["metadata"]["namespace"]: rights_of(one) for one in of_kind(manifests, "Role")}
    assert roles == {"risk": ALLOWED, "fraud": ALLOWED, "modelway-system": LEASE}
    assert {binding["metadata"]["namespace"] for binding in of_kind(manifests, "RoleBinding")} == set(roles)
    assert not of_kind(manifests, "ClusterRole")
    assert not of_kind(manifests, "ClusterRoleBinding")


def test_the_operator_may_hold_its_own_lease_and_no_other() -> None:
    (role,) = of_kind(helm.render(), "Role")
    assert role["metadata"]["namespace"] == "modelway-system"
    make, hold = role["rules"]
    assert (make["verbs"], make["resources"]) == (["create"], ["leases"])
    assert (hold["verbs"], hold["resourceNames"]) == (["get", "update"], ["modelway"])
    (variable,) = [one for one in operator_pod()["containers"][0]["env"] if one["name"] == "MODELWAY_LEASE"]
    assert variable["value"] == "modelway-system/modelway"


def test_no_role_of_the_chart_reads_secrets_or_uses_a_wildcard() -> None:
    for role in of_kind(helm.render(), "ClusterRole"):
        for (group, resource), verbs in rights_of(role).items():
            assert "*" not in (group, resource, *verbs)
            assert "secrets" not in resource


def test_view_and_edit_are_extended_and_only_edit_writes() -> None:
    roles = {role["metadata"]["name"]: role for role in of_kind(helm.render(), "ClusterRole")}
    assert {verb for verbs in rights_of(roles["modelway:modelway-system:view"]).values() for verb in verbs} == set(READ)
    edit = roles["modelway:modelway-system:edit"]["metadata"]["labels"]
    assert "rbac.authorization.k8s.io/aggregate-to-view" not in edit
    assert edit["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"


@pytest.mark.parametrize("values", [None, EVERYTHING], ids=["defaults", "everything"])
def test_the_pod_is_restricted(values: Mapping[str, Any] | None) -> None:
    pod = operator_pod(values)
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(container["resources"]) == {"requests", "limits"}


def test_every_value_reaches_the_pod() -> None:
    pod = operator_pod(EVERYTHING)
    (container,) = pod["containers"]
    environment = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert container["image"] == "registry.example/operator@sha256:" + "a" * 64
    assert environment["MODELWAY_SERVER_IMAGE"] == "modelway/server:1.2.3"
    assert environment["MODELWAY_SERVICE_PORT"] == "8080"
    assert environment["MODELWAY_IMAGE_PULL_SECRETS"] == "one,two"
    assert environment["TZ"] == "UTC"
    for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName", "imagePullSecrets"):
        assert pod[key] == EVERYTHING[key]


def test_sources_of_metrics_reach_the_operator() -> None:
    access = {
        "prometheus": {"url": "http://prometheus:9090", "secret": "access"},
        "webhooks": {"allowed": ["https://a/b"]},
    }
    values = {"rollouts": access, "networkPolicy": {"enabled": True, "metricPorts": [9090]}}
    pod = operator_pod(values)
    (container,) = pod["containers"]
    settings = Settings.from_environment({one["name"]: one.get("value", "") for one in container["env"]})
    assert settings.rollouts_prometheus_url == "http://prometheus:9090"
    assert settings.rollouts_webhooks_allowed == ("https://a/b",)
    (mount,) = [one for one in container["volumeMounts"] if one["mountPath"] == settings.rollouts_prometheus_secret]
    (volume,) = [one for one in pod["volumes"] if one["name"] == mount["name"]]
    assert volume["secret"] == {"secretName": "access", "optional": True}
    (policy,) = of_kind(helm.render(values), "NetworkPolicy")
    assert policy["spec"]["egress"][-1] == {"ports": [{"port": 9090, "protocol": "TCP"}]}


@pytest.mark.parametrize("values", [None, EVERYTHING], ids=["defaults", "everything"])
def test_chart_sets_the_settings_that_the_operator_reads(
    values: Mapping[str, Any] | None,
) -> None:
    environment = {entry["name"]: entry.get("value", "") for entry in operator_pod(values)["containers"][0]["env"]}
    settings = Settings.from_environment(environment)
    assert {f"MODELWAY_{name.upper()}" for name in Settings.model_fields} - {"MODELWAY_HOST"} == {
        name for name in environment if name.startswith("MODELWAY_")
    }
    alone = settings.model_copy(update={"lease": ""})
    assert alone == Settings() if values is None else settings.service_port == 8080


def test_one_operator_is_replaced_and_several_are_rolled() -> None:
    one, two = (
        {kind: of_kind(objects, kind) for kind in ("Deployment", "PodDisruptionBudget")}
        for objects in (helm.render(), helm.render({"replicas": 2}))
    )
    spec = one["Deployment"][0]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert "affinity" not in spec["template"]["spec"]
    assert not one["PodDisruptionBudget"], "it would keep a node from being drained"
    spec = two["Deployment"][0]["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (2, "RollingUpdate")
    assert "podAntiAffinity" in spec["template"]["spec"]["affinity"]
    assert two["PodDisruptionBudget"][0]["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"server": {"servicePort": "80"}}, "/server/servicePort"),
        ({"server": {"resources": {"limits": {"cpu": "1"}}}}, "/server/resources/limits"),
        ({"watch": {"namespace": ["risk"]}}, "'namespace' not allowed"),
        ({"image": {"digest": "sha256:12"}}, "/image/digest"),
        ({"logLevel": "loud"}, "/logLevel"),
        ({"server": {"imagePullSecrets": ["registry"]}}, "/server/imagePullSecrets/0"),
        ({"server": {"resources": {"requests": {"cpu": None}}}}, "missing property 'cpu'"),
        (
            {"server": {"resources": {"requests": {"memory": "2Gi"}}}},
            "server.resources.requests.memory is 2Gi, which is above server.resources.limits.memory, 1Gi",
        ),
        ({"resources": {"limits": {"memory": 1 << 20}}}, "resources.limits.memory, 1048576: raise the limit"),
        ({"podLabels": {"app.kubernetes.io/name": "mine"}}, "invalid propertyName 'app.kubernetes.io/name'"),
        ({"extraEnv": [{"name": "MODELWAY_LOG_LEVEL", "value": "debug"}]}, "/extraEnv/0/name"),
    ],
)
def test_a_wrong_value_is_refused_by_its_path(values: dict[str, Any], named: str) -> None:
    with pytest.raises(helm.HelmError, match=named):
        helm.render(values)


def test_every_default_is_allowed_and_described_by_the_schema() -> None:
    schema = json.loads((helm.CHART / "values.schema.json").read_text())
    assert set(yaml.safe_load((helm.CHART / "values.yaml").read_text())) == set(schema["properties"]) - {"global"}


@pytest.mark.parametrize("keep", [True, False])
def test_the_definition_is_the_generated_one_kept_on_request(keep: bool) -> None:  # noqa: FBT001
    (definition,) = of_kind(helm.render({"crds": {"keep": keep}}), "CustomResourceDefinition")
    annotations = definition["metadata"].pop("annotations", {})
    assert annotations == ({"helm.sh/resource-policy": "keep"} if keep else {})
    assert definition == yaml.safe_load(CRD.read_text())


def test_the_definition_can_be_left_out() -> None:
    assert not of_kind(helm.render({"crds": {"install": False}}), "CustomResourceDefinition")


def test_whole_numbers_of_bytes_reach_the_operator_unchanged() -> None:
    amounts = {"requests": {"cpu": 1, "memory": 1 << 30}, "limits": {"memory": 1 << 31}}
    environment = {
        entry["name"]: entry.get("value")
        for entry in operator_pod({"server": {"resources": amounts}})["containers"][0]["env"]
    }
    assert environment["MODELWAY_DEFAULT_CPU_REQUEST"] == "1"
    assert environment["MODELWAY_DEFAULT_MEMORY_REQUEST"] == str(1 << 30)
    assert environment["MODELWAY_DEFAULT_MEMORY_LIMIT"] == str(1 << 31)


def test_rendering_twice_gives_the_same_bytes() -> None:
    assert helm.render_text(EVERYTHING) == helm.render_text(EVERYTHING)


def test_notes_apply_the_model_where_it_is_served() -> None:
    assert "kubectl apply -f model.yaml" in helm.notes()
    assert "kubectl -n risk apply -f model.yaml" in helm.notes({"watch": {"namespaces": ["risk", "shop"]}})
