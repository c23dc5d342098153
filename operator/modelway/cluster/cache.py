"""What the watches told, as slim views, found by the ModelDeployment they belong to.

Versions only move forward: an answer to our own write may be newer than what the watch brings next. Deletions seen while a LIST runs
are remembered until it ends, so that its older pages raise nothing from the dead.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from modelway.cluster import kinds
from modelway.cluster.kinds import Kind
from modelway.cluster.views import View, owner_key, view
from modelway.model_gauges import Model
from modelway.state import Child, DeploymentView, Key, Observed, Owner, PodView


class ObjectId(NamedTuple):
    """Names one object of the cluster."""

    kind: str
    namespace: str
    name: str


class Cache:
    """The watched world of one operator."""

    def __init__(self) -> None:
        self._views: dict[ObjectId, View] = {}
        self._belongings: defaultdict[Key, set[ObjectId]] = defaultdict(set)
        self._last_sizes: dict[Key, int] = {}
        self._gone_while_listing: dict[ObjectId, int] | None = None

    def store(self, kind: Kind, obj: Mapping[str, Any]) -> set[Key]:
        """Take in an object; whom its change concerns, nobody when nothing that matters changed."""
        id = object_id(kind, obj)  # noqa: A001 -- the term
        new, old = view(kind, obj), self._views.get(id)
        if self._outdated(id, _version(new), old):
            return set()
        self._views[id] = new
        concerned = {key for key in (_key(old, id), _key(new, id)) if key}
        self._file(id, _key(old, id), _key(new, id))
        if old is not None and replace(old, resource_version=new.resource_version) == new:
            return set()
        return concerned

    def remove(self, kind: Kind, obj: Mapping[str, Any]) -> set[Key]:
        """Take out an object that was deleted; whom that concerns."""
        return self.drop(object_id(kind, obj), int(obj["metadata"]["resourceVersion"]))

    def drop(self, id: ObjectId, version: int) -> set[Key]:  # noqa: A002 -- the term
        """Take out an object that was found to be gone at a version of the cluster; whom that concerns."""
        if self._gone_while_listing is not None:
            self._gone_while_listing[id] = version
        old = self._views.get(id)
        if old is None or _version(old) > version:
            return set()
        del self._views[id]
        key = _key(old, id)
        self._file(id, key, None)
        if isinstance(old, Owner):
            self._last_sizes.pop(old.key, None)
        elif isinstance(old, DeploymentView) and key:
            self._last_sizes[key] = old.size
        return {key} if key else set()

    def observe(self, key: Key) -> Observed | None:
        """A ModelDeployment and everything around it; None when there is no such ModelDeployment."""
        owner = self._views.get(ObjectId(kinds.OWNER.name, key.namespace, key.name))
        if not isinstance(owner, Owner):
            return None
        around = [self._views[one] for one in self._belongings.get(key, ())]
        return Observed(
            owner=owner,
            children={one.id: one for one in around if isinstance(one, Child)},
            pods=tuple(one for one in around if isinstance(one, PodView)),
            last_size=self._last_sizes.get(key, 0),
        )

    def owners(self) -> Iterator[Owner]:
        """Every ModelDeployment."""
        return (one for one in self._views.values() if isinstance(one, Owner))

    def models(self) -> Iterator[Model]:
        """Every ModelDeployment with the Deployment that it owns; other threads may ask, too."""
        for owner in tuple(self._views.values()):
            if not isinstance(owner, Owner):
                continue
            found = self._views.get(ObjectId(kinds.DEPLOYMENT.name, *owner.key))
            deployment = found if isinstance(found, DeploymentView) and found.owner_uid == owner.uid else None
            yield Model(owner, deployment)

    def versions(self, kind: Kind) -> dict[ObjectId, int]:
        """The version at which each object of a kind is known."""
        return {name: _version(one) for name, one in self._views.items() if name.kind == kind.name}

    def begin_listing(self) -> None:
        """A LIST begins: remember what is deleted from now on."""
        self._gone_while_listing = {}

    def end_listing(self) -> None:
        """The LIST is over."""
        self._gone_while_listing = None

    def _outdated(self, id: ObjectId, version: int, old: View | None) -> bool:  # noqa: A002 -- the term
        gone = (self._gone_while_listing or {}).get(id)
        return (gone is not None and version <= gone) or (old is not None and version <= _version(old))

    def _file(self, id: ObjectId, old: Key | None, new: Key | None) -> None:  # noqa: A002 -- the term
        if old is not None and old != new:
            self._belongings[old].discard(id)
            if not self._belongings[old]:
                del self._belongings[old]
        if new is not None:
            self._belongings[new].add(id)


def object_id(kind: Kind, obj: Mapping[str, Any]) -> ObjectId:
    """The name of an object as the API server sent it."""
    return ObjectId(kind.name, obj["metadata"]["namespace"], obj["metadata"]["name"])


def _version(seen: View) -> int:
    # Comparable since Kubernetes 1.35 by contract, and since etcd 3 in fact.
    return int(seen.resource_version)


def _key(seen: View | None, id: ObjectId) -> Key | None:  # noqa: A002 -- the term
    return owner_key(seen, id.namespace) if seen is not None else None
