"""What of a child was taken from us, and by whom, as `managedFields` tell it."""

import json
from typing import Any

import pytest

from modelway.cluster.repairs.field_owners import describe_changes

PORT = {"name": "http", "port": 80, "protocol": "TCP"}
OURS: dict[str, Any] = {"f:spec": {"f:replicas": {}, "f:selector": {}, "f:ports": {'k:{"port":80,"protocol":"TCP"}': {"f:name": {}, "f:port": {}, "f:protocol": {}}}}}  # fmt: skip


def _body() -> dict[str, Any]:
    spec = {"replicas": 1, "selector": {"app": "fraud"}, "ports": [PORT]}
    return {"apiVersion": "v1", "kind": "X", "metadata": {"name": "fraud", "namespace": "risk"}, "spec": spec}


def _entry(manager: str, operation: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": fields}


def _without(*path: str) -> dict[str, Any]:
    """Our fields, but for one that somebody took."""
    fields = json.loads(json.dumps(OURS))
    node = fields
    for name in path[:-1]:
        node = node[name]
    del node[path[-1]]
    return dict(fields)


@pytest.mark.parametrize(
    ("taken", "theirs", "says"),
    [
        (("f:spec", "f:replicas"), {"f:spec": {"f:replicas": {}}}, "spec.replicas is set by field manager robot"),
        (("f:spec", "f:selector"), {"f:spec": {"f:selector": {}}}, "spec.selector is set by field manager robot"),
        (
            ("f:spec", "f:ports", 'k:{"port":80,"protocol":"TCP"}', "f:name"),
            {"f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {"f:name": {}}}}},
            "spec.ports",
        ),
        (("f:spec", "f:replicas"), {"f:spec": {"f:other": {}}}, "changed by a program that leaves no field manager"),
    ],
    ids=["a field", "a map that is owned whole", "an item of a list", "nobody owns it"],
)
def test_changed_fields_and_their_managers_are_named(taken: tuple[str, ...], theirs: dict[str, Any], says: str) -> None:
    managed = [_entry("modelway", "Apply", _without(*taken)), _entry("robot", "Update", theirs)]
    present = {**_body(), "metadata": {"name": "fraud", "managedFields": managed}}
    assert says in describe_changes(_body(), present)


def test_a_value_of_our_own_manager_points_at_a_second_operator() -> None:
    body = _body()
    present = {**body, "metadata": {"managedFields": [_entry("modelway", "Apply", OURS)]}}
    present["spec"] = {**present["spec"], "replicas": 7}
    assert "another Modelway operator" in describe_changes(body, present)


def test_many_fields_are_counted_rather_than_listed() -> None:
    present = {**_body(), "metadata": {"managedFields": []}}
    body = _body()
    body["spec"] |= {f"field{number}": number for number in range(9)}
    present["metadata"]["managedFields"] = [_entry("modelway", "Apply", OURS)]
    assert " and 6 more are " in describe_changes(body, present)
