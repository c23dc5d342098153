"""The cache: versions only move forward, and a change wakes whom it concerns."""

from typing import Any

from modelway.cluster import kinds
from modelway.cluster.cache import Cache
from modelway.cluster.kinds import Kind
from modelway.state import ChildId, Key

KEY = Key("risk", "fraud")


def _object(
    kind: Kind, version: int, *, name: str = "fraud", owner: str | None = "fraud", **content: Any
) -> dict[str, Any]:
    references = (
        [{"controller": True, "kind": "ModelDeployment", "name": owner, "uid": "u"}]
        if owner and kind is not kinds.OWNER
        else []
    )
    metadata = {
        "name": name,
        "namespace": "risk",
        "uid": "u",
        "resourceVersion": str(version),
        "ownerReferences": references,
    }
    return {"metadata": metadata, "spec": {"replicas": 5, "template": {}}, **content}


def _cache() -> Cache:
    cache = Cache()
    cache.store(kinds.OWNER, _object(kinds.OWNER, 1))
    return cache


def _services(cache: Cache) -> list[str]:
    seen = cache.observe(KEY)
    assert seen is not None
    return [one.resource_version for one in seen.children.values() if one.id == ChildId("Service", "fraud")]


def test_a_child_belongs_to_its_owner() -> None:
    cache = _cache()
    assert cache.store(kinds.SERVICE, _object(kinds.SERVICE, 2)) == {KEY}
    assert _services(cache) == ["2"]
    assert cache.observe(Key("risk", "other")) is None


def test_an_older_version_changes_nothing() -> None:
    cache = _cache()
    cache.store(kinds.SERVICE, _object(kinds.SERVICE, 5))
    assert cache.store(kinds.SERVICE, _object(kinds.SERVICE, 4, spec={"changed": True})) == set()
    assert cache.remove(kinds.SERVICE, _object(kinds.SERVICE, 4)) == set()
    assert _services(cache) == ["5"]


def test_a_newer_version_that_says_nothing_new_wakes_nobody() -> None:
    cache = _cache()
    cache.store(kinds.SERVICE, _object(kinds.SERVICE, 5))
    assert cache.store(kinds.SERVICE, _object(kinds.SERVICE, 6)) == set()
    assert _services(cache) == ["6"]


def test_a_child_that_changes_hands_wakes_both_owners() -> None:
    cache = _cache()
    cache.store(kinds.SERVICE, _object(kinds.SERVICE, 5))
    assert cache.store(kinds.SERVICE, _object(kinds.SERVICE, 6, owner="other")) == {KEY, Key("risk", "other")}
    assert _services(cache) == []


def test_the_size_of_a_deployment_outlives_it_and_goes_with_its_owner() -> None:
    cache = _cache()
    cache.store(kinds.DEPLOYMENT, _object(kinds.DEPLOYMENT, 5))
    assert cache.remove(kinds.DEPLOYMENT, _object(kinds.DEPLOYMENT, 6)) == {KEY}
    seen = cache.observe(KEY)
    assert seen is not None
    assert (seen.deployment, seen.last_size) == (None, 5)
    cache.remove(kinds.OWNER, _object(kinds.OWNER, 7))
    cache.store(kinds.OWNER, _object(kinds.OWNER, 8))
    again = cache.observe(KEY)
    assert again is not None
    assert again.last_size == 0


def test_what_was_deleted_while_a_list_ran_does_not_rise_from_its_pages() -> None:
    cache = _cache()
    cache.store(kinds.SERVICE, _object(kinds.SERVICE, 5))
    cache.begin_listing()
    cache.remove(kinds.SERVICE, _object(kinds.SERVICE, 9))
    assert cache.store(kinds.SERVICE, _object(kinds.SERVICE, 5)) == set()
    cache.store(kinds.SERVICE, _object(kinds.SERVICE, 12))
    assert _services(cache) == ["12"]
