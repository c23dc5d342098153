"""Environments, command lines and the downward API of the process node."""

from collections.abc import Mapping
from typing import Any

import pytest

from sandbox.node import downward
from sandbox.node.environment import ConfigError, PodView, command, expand, variables

POD: dict[str, Any] = {
    "metadata": {"name": "p", "namespace": "ns", "uid": "u", "labels": {"b": 'say "hi"', "a": "1"}},
    "spec": {"containers": [{"name": "main", "resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "250m"}}}]},
}
VIEW = PodView(
    POD, "127.244.0.9", "127.244.0.1", {"cpu": "16", "memory": "64Gi"}, {"KUBERNETES_SERVICE_HOST": "127.0.0.1"}
)


def resolve(
    container: Mapping[str, Any], objects: Mapping[tuple[str, str], dict[str, str]] | None = None
) -> dict[str, str]:
    return variables({"name": "main", **container}, VIEW, lambda kind, name: (objects or {}).get((kind, name)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)-$(B)", "1-2"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(MISSING) $A $", "$(MISSING) $A $"),
        ("$(A", "$(A"),
        ("cost: $$5", "cost: $5"),
    ],
)
def test_references_are_expanded_as_kubernetes_does(text: str, expected: str) -> None:
    assert expand(text, {"A": "1", "B": "2"}) == expected


def test_variable_sees_earlier_ones_and_overrides_envfrom() -> None:
    env = [
        {"name": "A", "value": "own"},
        {"name": "B", "value": "$(A)/$(P_C)/$(LATER)"},
        {"name": "LATER", "value": "x"},
    ]
    values = resolve(
        {"env": env, "envFrom": [{"prefix": "P_", "configMapRef": {"name": "c"}}]}, {("ConfigMap", "c"): {"C": "3"}}
    )
    assert (values["A"], values["B"]) == ("own", "own/3/$(LATER)")


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"envFrom": [{"secretRef": {"name": "s"}}]}, 'secret "s" not found'),
        (
            {"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]},
            'configmap "c" not found',
        ),
        (
            {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "there", "key": "k"}}}]},
            "couldn't find key k in Secret ns/there",
        ),
    ],
)
def test_what_is_missing_is_named_as_a_kubelet_does(container: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        resolve(container, {("Secret", "there"): {}})
    assert str(error.value) == message


def test_what_is_optional_may_be_missing() -> None:
    optional = {"name": "x", "key": "k", "optional": True}
    env = [
        {"name": "A", "valueFrom": {"secretKeyRef": optional}},
        {"name": "B", "valueFrom": {"configMapKeyRef": optional}},
    ]
    source = {"name": "x", "optional": True}
    values = resolve({"env": env, "envFrom": [{"secretRef": source}, {"configMapRef": source}]})
    assert set(values) == {"KUBERNETES_SERVICE_HOST"}


def test_command_replaces_the_entrypoint_and_args_follow() -> None:
    assert command({}, ["server", "run"], {}) == ["server", "run"]
    assert command({"args": ["--on=$(IP)"]}, ["server"], {"IP": "1"}) == ["server", "--on=1"]
    assert command({"command": ["sh"], "args": ["-c"]}, ["server"], {}) == ["sh", "-c"]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({"resource": "limits.memory", "divisor": "1Mi"}, "1024"),
        ({"resource": "requests.cpu"}, "1"),
        ({"resource": "requests.cpu", "divisor": "1m"}, "250"),
        ({"resource": "limits.cpu"}, "16"),
        ({"resource": "requests.memory", "divisor": "0"}, "0"),
    ],
)
def test_a_resource_is_rounded_up_in_units_of_its_divisor(reference: dict[str, Any], expected: str) -> None:
    assert downward.resource(POD, reference, "main", VIEW.allocatable) == expected


def test_labels_as_a_whole_are_sorted_and_quoted() -> None:
    text = downward.field(POD, "metadata.labels", address="", node_address="")
    assert text == 'a="1"\nb="say \\"hi\\""'


def test_an_unknown_field_path_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unsupported fieldPath: spec\.hostname"):
        downward.field(POD, "spec.hostname", address="", node_address="")
