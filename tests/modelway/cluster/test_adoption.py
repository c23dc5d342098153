"""What was made for a model of a name and has no owner any more is taken over; what somebody else made never is."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from modelway.cluster.adoption import COLLECTOR_SECONDS, Adoption, Standing, standing_of
from modelway.cluster.cache import Cache
from modelway.cluster.kinds import BUDGET, REVISION, Kind
from modelway.errors import Leftover, NameConflict, RetryLater
from modelway.observed import ChildId
from support.operator.observed import KEY, UID, child, observed, owner, revision

SERVICE = ChildId("Service", KEY.name)
LABELS = {"app.kubernetes.io/managed-by": "modelway", "modelway.dev/name": KEY.name}
APPLIED = {"manager": "modelway", "operation": "Apply"}
DEAD = {"controller": True, "kind": "ModelDeployment", "name": KEY.name, "uid": "dead"}
ORPHAN = {
    "name": KEY.name,
    "namespace": KEY.namespace,
    "uid": "u",
    "resourceVersion": "5",
    "labels": LABELS,
    "managedFields": [APPLIED],
}


class _Server:
    """Has one object, and takes the change of its metadata."""

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        self.metadata = metadata
        self.changes: list[Mapping[str, Any]] = []
        self.now = 0.0

    async def metadata_of(self, *_: object) -> Mapping[str, Any]:
        return self.metadata

    async def patch_metadata(self, _: object, __: str, ___: str, change: Mapping[str, Any]) -> dict[str, Any]:
        self.changes.append(change)
        self.metadata = {**self.metadata, **change, "resourceVersion": "6"}
        return {"metadata": self.metadata}

    @property
    def adoption(self) -> Adoption:
        server: Any = self
        return Adoption(server, Cache(), lambda: self.now)


@pytest.mark.parametrize(
    ("change", "whose"),
    [
        ({}, Standing.ORPHANED),
        ({"ownerReferences": [{"kind": "Team", "uid": "t"}]}, Standing.ORPHANED),
        ({"ownerReferences": [{**DEAD, "uid": UID}]}, Standing.OURS),
        ({"ownerReferences": [DEAD]}, Standing.LEFT),
        ({"ownerReferences": [{**DEAD, "name": "other"}]}, Standing.FOREIGN),
        ({"ownerReferences": [{**DEAD, "kind": "Rollout"}]}, Standing.FOREIGN),
        ({"labels": {}}, Standing.FOREIGN),
        ({"labels": {**LABELS, "modelway.dev/name": "other"}}, Standing.FOREIGN),
        ({"labels": {**LABELS, "app.kubernetes.io/managed-by": "Helm"}}, Standing.FOREIGN),
        ({"managedFields": []}, Standing.ORPHANED),
        ({"managedFields": [{**APPLIED, "manager": "kubectl"}]}, Standing.ORPHANED),
    ],
)
def test_only_labelled_objects_without_controller_are_orphans(change: Mapping[str, Any], whose: Standing) -> None:
    assert standing_of({**ORPHAN, **change}, owner()) is whose


def test_an_orphan_is_adopted_once() -> None:
    team = {"kind": "Team", "uid": "t"}
    server = _Server({**ORPHAN, "ownerReferences": [team]})
    adoption = server.adoption
    with pytest.raises(RetryLater, match="taken over"):
        asyncio.run(adoption.find_uid(SERVICE, observed()))
    [change] = server.changes
    assert change["resourceVersion"] == "5", "nothing that changed meanwhile is taken"
    assert [one["uid"] for one in change["ownerReferences"]] == ["t", UID]
    assert asyncio.run(adoption.find_uid(SERVICE, observed())) == "u"


@pytest.mark.parametrize(("kind", "expected"), [(BUDGET, True), (REVISION, False)])
def test_adoption_takes_over_the_fields_of_the_restorer(kind: Kind, *, expected: bool) -> None:
    restored = {"manager": "kubectl", "operation": "Update", "apiVersion": kind.api_version}
    of_status = {**restored, "manager": "controller", "subresource": "status"}
    parts = [{**restored, "fieldsV1": {"f:spec": {name: {}}}} for name in ("f:paused", "f:replicas")]
    server = _Server({**ORPHAN, "managedFields": [*parts, of_status]})
    with pytest.raises(RetryLater, match="taken over"):
        asyncio.run(server.adoption.find_uid(ChildId(kind.name, KEY.name), observed()))
    fields: dict[str, object] = {"f:spec": {"f:paused": {}, "f:replicas": {}}}
    ours = {**APPLIED, "apiVersion": kind.api_version, "fieldsV1": fields}
    assert server.changes[0].get("managedFields") == ([ours, of_status] if expected else None)


def test_a_copy_under_another_name_is_not_adopted() -> None:
    copies = (child("Service", "fraud-copy", owner_uid=None), replace(revision("r", 1), revision="s", owner_uid=None))
    server = _Server(ORPHAN)
    asyncio.run(server.adoption.take_over(observed(*copies)))
    assert server.changes == []


def test_the_garbage_collector_goes_before_adoption() -> None:
    server = _Server({**ORPHAN, "ownerReferences": [DEAD]})
    adoption = server.adoption
    for server.now in (0.0, COLLECTOR_SECONDS - 1):
        with pytest.raises(Leftover):
            asyncio.run(adoption.find_uid(SERVICE, observed()))
    assert server.changes == []
    server.now = COLLECTOR_SECONDS
    with pytest.raises(RetryLater, match="taken over"):
        asyncio.run(adoption.find_uid(SERVICE, observed()))
    assert [one["uid"] for one in server.changes[0]["ownerReferences"]] == [UID]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, Leftover),
        ({"ownerReferences": [DEAD], "labels": {}}, Leftover),
        ({"labels": {}}, NameConflict),
        ({"labels": {}, "deletionTimestamp": "2026-01-01T00:00:00Z"}, NameConflict),
    ],
)
def test_deleted_or_foreign_objects_are_never_adopted(change: Mapping[str, Any], error: type[Exception]) -> None:
    server = _Server({**ORPHAN, **change})
    adoption = server.adoption
    for server.now in (0.0, 10 * COLLECTOR_SECONDS):
        with pytest.raises(error):
            asyncio.run(adoption.find_uid(SERVICE, observed()))
    assert server.changes == []
    assert adoption.was_taken(KEY, SERVICE)
