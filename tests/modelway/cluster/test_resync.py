"""The resync: finds what the watches did not tell, heals it, and tells a late watch from a dead one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from modelway.cluster import kinds
from modelway.cluster.cache import Cache
from modelway.cluster.kinds import Kind
from modelway.cluster.resync import DEATH_SECONDS, GRACE_SECONDS, Resync
from modelway.cluster.served_kinds import ServedKinds
from modelway.cluster.watches import Watch, Watches
from modelway.errors import ClusterError, WatchLost
from modelway.metrics import Metrics
from modelway.observed import Key

KEY = Key("risk", "fraud")


def _object(version: int) -> dict[str, Any]:
    references = [{"controller": True, "kind": "ModelDeployment", "name": "fraud", "uid": "u"}]
    return {
        "metadata": {
            "name": "fraud",
            "namespace": "risk",
            "uid": "u",
            "resourceVersion": str(version),
            "ownerReferences": references,
        }
    }


class _Cluster:
    """Lists what the test put there, two objects to a page."""

    def __init__(self) -> None:
        self.version = 10
        self.objects: dict[str, list[dict[str, Any]]] = {}
        self.absent: set[Kind] = set()
        self.requests: list[Kind] = []

    async def pages(self, kind: Kind, _namespace: str | None, _selector: str) -> AsyncIterator[dict[str, Any]]:
        self.requests.append(kind)
        if kind in self.absent:
            raise ClusterError(f"GET {kind.path(None)}: 404 page not found", status=404)
        objects = self.objects.get(kind.name, [])
        for start in range(0, max(1, len(objects)), 2):
            yield {"metadata": {"resourceVersion": str(self.version)}, "items": objects[start : start + 2]}


class _World:
    """A cluster, a cache that has seen all of it, and a clock."""

    def __init__(self) -> None:
        self.cluster, self.cache, self.metrics, self.now = _Cluster(), Cache(), Metrics(), 0.0
        self.cluster.objects = {"ModelDeployment": [_object(1)], "Service": [_object(2)]}
        self.resync = Resync(self.cluster, self.cache, self.metrics, clock=lambda: self.now)  # type: ignore[arg-type]
        self.list()

    def list(self) -> set[Key]:
        return asyncio.run(self.resync.run())

    def misses(self) -> float:
        return (
            self.metrics.registry.get_sample_value("modelway_operator_resync_misses_total", {"kind": "Service"}) or 0.0
        )


@pytest.fixture
def world() -> _World:
    return _World()


def test_a_second_list_of_an_unchanged_cluster_wakes_nobody(world: _World) -> None:
    assert world.list() == set()


def test_a_missed_deletion_is_found_and_counted(world: _World) -> None:
    world.cluster.objects["Service"], world.cluster.version = [], 20
    assert world.list() == {KEY}
    observed = world.cache.observe(KEY)
    assert observed is not None
    assert not observed.children
    world.now += GRACE_SECONDS + 1
    world.resync.settle()
    assert world.misses() == 1


def test_an_event_that_arrives_in_time_is_no_miss(world: _World) -> None:
    world.cluster.objects["Service"], world.cluster.version = [_object(15)], 20
    world.list()
    world.resync.note_event(kinds.SERVICE, _object(15))
    world.now += DEATH_SECONDS + 1
    world.resync.settle()
    assert world.misses() == 0


def test_a_silent_watch_that_missed_a_change_is_dead(world: _World) -> None:
    world.cluster.objects["Service"], world.cluster.version = [_object(15)], 20
    world.list()
    world.now += DEATH_SECONDS + 1
    with pytest.raises(WatchLost, match="watch on Service"):
        world.resync.settle()


def test_a_dead_watch_is_found_beside_one_that_lives() -> None:
    """It is opened anew twice, and only then the operator is."""
    world = _World()
    restarted: list[Watch] = []
    watches = Watches(restarted.append, lambda: world.now)
    namespaces = ("risk", "ops")
    world.resync = Resync(
        world.cluster,  # type: ignore[arg-type]
        world.cache,
        world.metrics,
        namespaces,
        watches=watches,
        clock=lambda: world.now,
    )
    world.list()
    world.cluster.objects["Service"], world.cluster.version = [_object(15)], 20
    world.list()
    elsewhere = _object(16)
    elsewhere["metadata"]["namespace"] = "ops"
    for number in range(3):
        assert restarted == [Watch("Service", "risk")] * number
        world.resync.note_event(kinds.SERVICE, elsewhere)
        world.now += DEATH_SECONDS + 1
        if number < 2:
            world.resync.settle()
    with pytest.raises(WatchLost, match="watch on Service in namespace risk"):
        world.resync.settle()


def test_a_watch_that_missed_one_event_is_not_dead(world: _World) -> None:
    world.cluster.objects["Service"], world.cluster.version = [_object(15)], 20
    world.list()
    world.now += GRACE_SECONDS + 1
    other = _object(16)
    other["metadata"]["name"] = "other"
    world.resync.note_event(kinds.SERVICE, other)
    world.resync.settle()
    world.now += DEATH_SECONDS + 1
    world.resync.settle()
    assert world.misses() == 1


def test_an_object_created_during_a_list_is_kept(world: _World) -> None:
    world.cache.store(kinds.SERVICE, _object(30))
    world.cluster.objects["Service"], world.cluster.version = [], 20
    world.list()
    observed = world.cache.observe(KEY)
    assert observed is not None
    assert len(observed.children) == 1


def test_a_cluster_that_was_set_back_is_an_error() -> None:
    world = _World()
    world.cluster.version = 9
    with pytest.raises(WatchLost, match="set back"):
        world.list()


class _Closed(_Cluster):
    """Refuses one namespace."""

    async def pages(self, kind: Kind, namespace: str | None, selector: str) -> AsyncIterator[dict[str, Any]]:
        if namespace == "closed":
            raise ClusterError(f"{kind.plural} in closed: forbidden", status=403)
        async for page in super().pages(kind, namespace, selector):
            yield page


@pytest.mark.parametrize("namespaces", [("closed", "risk"), ("risk", "closed")])
def test_a_forbidden_namespace_does_not_block_the_others(namespaces: tuple[str, ...]) -> None:
    cluster, cache = _Closed(), Cache()
    cluster.objects = {"ModelDeployment": [_object(1)]}
    resync = Resync(cluster, cache, Metrics(), namespaces)  # type: ignore[arg-type]
    asyncio.run(resync.run())
    assert [owner.key for owner in cache.owners()] == [KEY]
    assert resync.trouble is None


def test_an_error_is_raised_when_all_namespaces_are_forbidden() -> None:
    resync = Resync(_Closed(), Cache(), Metrics(), ["closed"])  # type: ignore[arg-type]
    with pytest.raises(ClusterError, match="forbidden"):
        asyncio.run(resync.run())
    assert resync.trouble
    assert resync.last_success is None


def _with_budget() -> tuple[_World, ServedKinds]:
    """A world with a PodDisruptionBudget, which the resync has listed."""
    world, served = _World(), ServedKinds()
    world.cluster.objects["PodDisruptionBudget"] = [_object(3)]
    world.resync = Resync(world.cluster, world.cache, world.metrics, served=served, clock=lambda: world.now)  # type: ignore[arg-type]
    world.list()
    return world, served


def test_an_optional_kind_that_has_gone_is_dropped() -> None:
    world, served = _with_budget()
    world.cluster.absent = {kinds.BUDGET}
    world.list()
    assert served.absent == (kinds.BUDGET,)
    observed = world.cache.observe(KEY)
    assert observed is not None
    assert [child.kind for child in observed.children] == ["Service"]
    world.cluster.requests.clear()
    world.list()
    assert kinds.BUDGET not in world.cluster.requests
    assert world.resync.trouble is None


def test_the_watch_of_an_absent_kind_owes_no_events() -> None:
    world, served = _with_budget()
    world.cluster.objects["PodDisruptionBudget"] = [_object(15)]
    world.list()
    served.note_absent(kinds.BUDGET)
    world.now += DEATH_SECONDS + 1
    world.resync.settle()
    assert world.misses() == 0


@pytest.mark.parametrize("version", [3, 20])
@pytest.mark.parametrize("is_dropped", [True, False])
def test_an_optional_kind_that_is_back_is_listed(version: int, *, is_dropped: bool) -> None:
    world, served = _with_budget()
    served.note_absent(kinds.BUDGET)
    if is_dropped:  # by a pass that prunes what it saw before
        world.cache.remove(kinds.BUDGET, _object(3))
    served.note_present(kinds.BUDGET)
    world.cluster.objects["PodDisruptionBudget"], world.cluster.version = [_object(version)], 20
    world.list()
    observed = world.cache.observe(KEY)
    assert observed is not None
    assert len(observed.children) == 2


@pytest.mark.parametrize("namespaces", [(), ("risk",)])
def test_a_required_kind_that_is_absent_is_an_error(namespaces: tuple[str, ...]) -> None:
    cluster = _Cluster()
    cluster.absent = {kinds.SERVICE}
    resync = Resync(cluster, Cache(), Metrics(), namespaces)  # type: ignore[arg-type]
    with pytest.raises(ClusterError, match="/services"):
        asyncio.run(resync.run())
    assert resync.trouble
