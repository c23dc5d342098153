"""What is ours in an object: the fields in managedFields, with their values, hash like what we would apply."""

import copy
from typing import Any

import pytest

from modelway.cluster.managed_fields import owned_fields, owned_hash, owns, wanted_hash

BODY: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "fraud",
        "namespace": "risk",
        "labels": {"a.b/c": "x"},
        "ownerReferences": [{"uid": "u", "kind": "K", "name": "n", "controller": True}],
    },
    "spec": {
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
        "selector": {"app": "fraud"},
        "args": ["one", "two"],
        "scratch": {},
    },
}
FIELDS: dict[str, Any] = {
    "f:metadata": {"f:labels": {"f:a.b/c": {}}, "f:ownerReferences": {'k:{"uid":"u"}': {}}},
    "f:spec": {
        "f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}}},
        "f:selector": {},
        "f:args": {},
        "f:scratch": {},
    },
}


def _live(fields: dict[str, Any] | None = None) -> dict[str, Any]:
    """The object as the server keeps it, with fields that others own."""
    live = copy.deepcopy(BODY)
    live["metadata"] |= {"uid": "1", "resourceVersion": "5", "annotations": {"theirs": "1"}}
    live["metadata"]["labels"]["theirs"] = "1"
    live["spec"] |= {"clusterIP": "10.0.0.1"}
    live["spec"]["ports"].append({"name": "theirs", "port": 90, "protocol": "TCP"})
    live["spec"]["ports"][0]["nodePort"] = 30000
    live["metadata"]["managedFields"] = [
        {"manager": "somebody", "operation": "Apply", "fieldsV1": {"f:spec": {"f:clusterIP": {}}}},
        {"manager": "modelway", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}},
        {"manager": "modelway", "operation": "Apply", "fieldsV1": fields or FIELDS},
    ]
    return live


def test_fields_of_other_managers_are_not_owned() -> None:
    assert owned_fields(_live(), "modelway") == {
        "metadata": {"labels": {"a.b/c": "x"}, "ownerReferences": BODY["metadata"]["ownerReferences"]},
        "spec": BODY["spec"],
    }


def test_an_unchanged_object_hashes_like_its_apply() -> None:
    body = {**BODY, "metadata": {**BODY["metadata"], "uid": "1"}}
    assert owned_hash(_live(), "modelway") == wanted_hash(body)


@pytest.mark.parametrize(
    "edit",
    [
        lambda live: live["spec"]["selector"].update(app="other"),
        lambda live: live["spec"].update(args=["two", "one"]),
        lambda live: live["spec"]["ports"].pop(0),
        lambda live: live["spec"]["ports"][0].update(name="other"),
        lambda live: live["metadata"]["labels"].pop("a.b/c"),
        lambda live: live["metadata"].update(managedFields=[]),
        lambda live: live["metadata"]["managedFields"][2]["fieldsV1"]["f:spec"].pop("f:args"),
    ],
    ids=["value", "order", "item gone", "item changed", "label gone", "ownership gone", "field taken over"],
)
def test_any_change_of_an_owned_field_changes_the_hash(edit: Any) -> None:
    live = _live(copy.deepcopy(FIELDS))
    edit(live)
    assert owned_hash(live, "modelway") != wanted_hash(BODY)


def test_members_of_a_set_are_distinguished() -> None:
    live = {
        "metadata": {"managedFields": [{"manager": "m", "operation": "Apply", "fieldsV1": {"f:s": {'v:"a"': {}}}}]},
        "s": ["b", "a"],
    }
    assert owned_fields(live, "m") == {"s": ["a"]}


def test_owns_says_whose_a_field_is() -> None:
    assert owns(_live(), "modelway", "spec", "args")
    assert not owns(_live(), "modelway", "spec", "clusterIP")
    assert not owns(_live(), "nobody", "spec", "args")
