"""The cache: versions only move forward, and a change wakes whom it concerns."""

from typing import Any

import pytest

from modelway.cluster import kinds
from modelway.cluster.cache import DEPARTED_SECONDS, Cache
from modelway.cluster.kinds import Kind
from modelway.observed import ChildId, Key

KEY = Key("risk", "fraud")


def _object(
    kind: Kind, version: int, *, name: str = "fraud", owner: str | None = "fraud", uid: str = "u", **content: Any
) -> dict[str, Any]:
    references = (
        [{"controller": True, "kind": "ModelDeployment", "name": owner, "uid": uid}]
        if owner and kind is not kinds.OWNER
        else []
    )
    metadata = {
        "name": name,
        "namespace": "risk",
        "uid": uid,
        "resourceVersion": str(version),
        "ownerReferences": references,
    }
    return {"metadata": metadata, "spec": {"replicas": 5, "template": {}}, **content}


def _pod(name: str, version: int = 2, *, kind: str = "ReplicaSet", **content: Any) -> dict[str, Any]:
    pod = _object(kinds.POD, version, name=name, **{"spec": {}, **content})
    controller = {"controller": True, "kind": kind, "name": "fraud-1", "uid": "r"}
    pod["metadata"] |= {"labels": {"modelway.dev/name": "fraud"}, "ownerReferences": [controller]}
    return pod


def _cache() -> Cache:
    cache = Cache()
    cache.store(kinds.OWNER, _object(kinds.OWNER, 1))
    return cache


def _services(cache: Cache) -> list[str]:
    observed = cache.observe(KEY)
    assert observed is not None
    return [one.resource_version for one in observed.children.values() if one.id == ChildId("Service", "fraud")]


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


def test_an_order_about_a_rollout_wakes_its_model() -> None:
    cache, changed = _cache(), _object(kinds.OWNER, 2)
    changed["metadata"]["annotations"] = {"modelway.dev/rollout-order": "{}"}
    assert cache.store(kinds.OWNER, changed) == {KEY}


def test_pods_are_told_apart_by_their_track() -> None:
    cache = _cache()
    for number, track in enumerate(("stable", "canary", "preflight", None), 2):
        pod = _pod(f"pod-{number}", number, status={"podIP": "10.0.0.7"})
        pod["metadata"]["labels"] |= {"modelway.dev/track": track} if track else {}
        cache.store(kinds.POD, pod)
    seen_by_pass = cache.observe(KEY)
    assert seen_by_pass is not None
    assert sorted(pod.name for pod in seen_by_pass.pods) == ["pod-2", "pod-5"]
    assert [pod.name for pod in seen_by_pass.canary_pods] == ["pod-3"]
    assert [pod.name for pod in seen_by_pass.preflight_pods] == ["pod-4"]
    assert {pod.address for pod in seen_by_pass.pods} == {"10.0.0.7"}


@pytest.mark.parametrize(
    ("kind", "host", "expected_address"),
    [("ReplicaSet", "10.0.0.1", "10.0.0.7"), ("Job", "10.0.0.1", ""), ("ReplicaSet", "10.0.0.7", "")],
)
def test_address_is_that_of_a_pod_of_a_deployment(kind: str, host: str, expected_address: str) -> None:
    """Whoever borrows the labels must not have the operator ask a node, or a pod of something else."""
    cache = _cache()
    cache.store(kinds.POD, _pod("fraud-1", kind=kind, status={"podIP": "10.0.0.7", "hostIP": host}))
    around = cache.observe(KEY)
    assert around is not None
    assert [pod.address for pod in around.pods] == [expected_address]


def test_size_of_a_lost_candidate_is_not_that_of_the_model() -> None:
    cache = _cache()
    cache.store(kinds.DEPLOYMENT, _object(kinds.DEPLOYMENT, 2, name="fraud-canary"))
    cache.remove(kinds.DEPLOYMENT, _object(kinds.DEPLOYMENT, 3, name="fraud-canary"))
    around = cache.observe(KEY)
    assert around is not None
    assert around.last_size == 0


def test_a_refresh_wakes_its_model() -> None:
    cache, changed = _cache(), _object(kinds.OWNER, 2)
    changed["metadata"]["annotations"] = {"modelway.dev/refresh": "2026-01-01T00:00:00Z"}
    assert cache.store(kinds.OWNER, changed) == {KEY}
    observed = cache.observe(KEY)
    assert observed is not None
    assert observed.owner.wanted == (0, "2026-01-01T00:00:00Z")


def test_a_newer_version_without_changes_wakes_nobody() -> None:
    cache = _cache()
    cache.store(kinds.SERVICE, _object(kinds.SERVICE, 5))
    assert cache.store(kinds.SERVICE, _object(kinds.SERVICE, 6)) == set()
    assert _services(cache) == ["6"]


def test_a_child_that_changes_owners_wakes_both() -> None:
    cache = _cache()
    cache.store(kinds.SERVICE, _object(kinds.SERVICE, 5))
    assert cache.store(kinds.SERVICE, _object(kinds.SERVICE, 6, owner="other")) == {KEY, Key("risk", "other")}
    assert _services(cache) == []


def test_the_last_size_is_kept_until_the_owner_goes() -> None:
    cache = _cache()
    cache.store(kinds.DEPLOYMENT, _object(kinds.DEPLOYMENT, 5))
    assert cache.remove(kinds.DEPLOYMENT, _object(kinds.DEPLOYMENT, 6)) == {KEY}
    observed = cache.observe(KEY)
    assert observed is not None
    assert (observed.deployment, observed.last_size) == (None, 5)
    cache.remove(kinds.OWNER, _object(kinds.OWNER, 7))
    cache.store(kinds.OWNER, _object(kinds.OWNER, 8))
    again = cache.observe(KEY)
    assert again is not None
    assert again.last_size == 0


def test_an_object_deleted_during_a_list_stays_deleted() -> None:
    cache = _cache()
    cache.store(kinds.SERVICE, _object(kinds.SERVICE, 5))
    cache.begin_listing()
    cache.remove(kinds.SERVICE, _object(kinds.SERVICE, 9))
    assert cache.store(kinds.SERVICE, _object(kinds.SERVICE, 5)) == set()
    cache.store(kinds.SERVICE, _object(kinds.SERVICE, 12))
    assert _services(cache) == ["12"]


@pytest.mark.parametrize("seen_to_go", [True, False])
def test_a_namesake_does_not_inherit_the_size(*, seen_to_go: bool) -> None:
    """The garbage collector takes a Deployment after its owner, and after another one has taken the name."""
    cache = _cache()
    cache.store(kinds.DEPLOYMENT, _object(kinds.DEPLOYMENT, 5))
    if seen_to_go:
        cache.remove(kinds.OWNER, _object(kinds.OWNER, 7))
    cache.store(kinds.OWNER, _object(kinds.OWNER, 8, uid="other"))
    cache.remove(kinds.DEPLOYMENT, _object(kinds.DEPLOYMENT, 9))
    namesake = cache.observe(KEY)
    assert namesake is not None
    assert namesake.last_size == 0


@pytest.mark.parametrize("kind", [kinds.OWNER, kinds.SERVICE], ids=lambda kind: kind.name)
def test_a_late_answer_does_not_revive_a_deleted_object(kind: Kind) -> None:
    now = 0.0
    cache = Cache(lambda: now)
    cache.store(kind, _object(kind, 5))
    cache.remove(kind, _object(kind, 9))
    now = DEPARTED_SECONDS - 1
    cache.remove(kinds.POD, _object(kinds.POD, 20))
    assert cache.store(kind, _object(kind, 6)) == set()
    assert cache.versions(kind) == {}
    assert cache.store(kind, _object(kind, 12)) == {KEY}, "another one of that name"


def test_a_forgotten_kind_is_stored_again_at_the_same_version() -> None:
    cache = _cache()
    for version, name in ((5, "fraud"), (6, "gone")):
        cache.store(kinds.BUDGET, _object(kinds.BUDGET, version, name=name))
    cache.remove(kinds.BUDGET, _object(kinds.BUDGET, 6, name="gone"))
    cache.forget_kind(kinds.BUDGET)
    assert cache.versions(kinds.BUDGET) == {}
    assert cache.observe(KEY) is not None
    for version, name in ((5, "fraud"), (6, "gone")):
        assert cache.store(kinds.BUDGET, _object(kinds.BUDGET, version, name=name)) == {KEY}


def test_deletions_are_forgotten_after_a_while() -> None:
    now = 0.0
    cache = Cache(lambda: now)
    for number in range(100):
        now += DEPARTED_SECONDS / 10
        cache.remove(kinds.POD, _object(kinds.POD, number, name=f"fraud-{number}"))
    assert len(cache._departed) <= 11
