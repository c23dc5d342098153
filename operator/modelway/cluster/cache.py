"""Keep slim views of what the watches reported, by the ModelDeployment to which they belong.

Versions only move forward: the answer to our own write may be newer than the next event. Deletions are remembered for a while, so that
older pages of a LIST and late answers do not bring deleted objects back.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from modelway.api.labels import CANARY, PREFLIGHT, REPLAY
from modelway.cluster import kinds
from modelway.cluster.kinds import Kind
from modelway.cluster.views import View, owner_key, view
from modelway.model_gauges import Model
from modelway.observed import Child, DeploymentView, JobView, Key, Observed, Owner, PodView

DEPARTED_SECONDS = 120.0
"""How long a deletion is remembered: longer than any answer to a write is on its way."""


class ObjectId(NamedTuple):
    """Names one object of the cluster."""

    kind: str
    namespace: str
    name: str


class _Departure(NamedTuple):
    """When an object was deleted."""

    version: int
    """Of the cluster."""
    time: float
    """By the clock."""


class Cache:
    """What one operator knows of the cluster.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._views: dict[ObjectId, View] = {}
        self._belongings: defaultdict[Key, set[ObjectId]] = defaultdict(set)
        self._last_sizes: dict[str, int] = {}
        """The last size of a lost Deployment, by the UID of the ModelDeployment: another one of its name starts afresh."""
        self._departed: dict[ObjectId, _Departure] = {}
        """The latest deletions, oldest first."""
        self._lists = False

    def store(self, kind: Kind, obj: Mapping[str, Any]) -> set[Key]:
        """Store an object. The answer: whom its change concerns; nobody when nothing that matters changed."""
        id = object_id(kind, obj)  # noqa: A001 -- the term
        new, old = view(kind, obj), self._views.get(id)
        if self._is_outdated(id, _version(new), old):
            return set()
        self._views[id] = new
        if isinstance(old, Owner) and isinstance(new, Owner) and old.uid != new.uid:
            self._last_sizes.pop(old.uid, None)
        concerned = {key for key in (_key(old, id), _key(new, id)) if key}
        self._file(id, _key(old, id), _key(new, id))
        if old is not None and replace(old, resource_version=new.resource_version) == new:
            return set()
        return concerned

    def remove(self, kind: Kind, obj: Mapping[str, Any]) -> set[Key]:
        """Remove an object that was deleted. The answer: whom that concerns."""
        return self.drop(object_id(kind, obj), int(obj["metadata"]["resourceVersion"]))

    def drop(self, id: ObjectId, version: int) -> set[Key]:  # noqa: A002 -- the term
        """Remove an object that was found to be gone at a version of the cluster. The answer: whom that concerns."""
        self._remember_departure(id, version)
        old = self._views.get(id)
        if old is None or _version(old) > version:
            return set()
        del self._views[id]
        key = _key(old, id)
        self._file(id, key, None)
        if isinstance(old, Owner):
            self._last_sizes.pop(old.uid, None)
        elif isinstance(old, DeploymentView) and (owner := self._owner_of(old, key)) and old.id.name == owner.key.name:
            self._last_sizes[owner.uid] = old.size
        return {key} if key else set()

    def forget_kind(self, kind: Kind) -> None:
        """Forget the objects of a kind and their deletions: when the kind is served again, they may be there at the versions of before."""
        for id in self.versions(kind):  # noqa: A001 -- the term
            self._file(id, _key(self._views.pop(id), id), None)
        self._departed = {id: departure for id, departure in self._departed.items() if id.kind != kind.name}  # noqa: A001 -- the term

    def observe(self, key: Key) -> Observed | None:
        """A ModelDeployment and everything around it; None when there is no such ModelDeployment."""
        owner = self._owner(key)
        if owner is None:
            return None
        around = [self._views[one] for one in self._belongings.get(key, ())]
        pods = [one for one in around if isinstance(one, PodView)]
        return Observed(
            owner=owner,
            children={one.id: one for one in around if isinstance(one, Child)},
            pods=tuple(one for one in pods if one.track not in {CANARY, PREFLIGHT, REPLAY}),
            preflight_pods=tuple(one for one in pods if one.track == PREFLIGHT),
            replay_pods=tuple(one for one in pods if one.track == REPLAY),
            canary_pods=tuple(one for one in pods if one.track == CANARY),
            last_size=self._last_sizes.get(owner.uid, 0),
        )

    def owners(self) -> Iterator[Owner]:
        """Every ModelDeployment."""
        return (one for one in self._views.values() if isinstance(one, Owner))

    def models(self) -> Iterator[Model]:
        """Every ModelDeployment with the Deployment that it owns; other threads may ask, too."""
        for owner in tuple(self._views.values()):
            if not isinstance(owner, Owner):
                continue
            view = self._views.get(ObjectId(kinds.DEPLOYMENT.name, *owner.key))
            deployment = view if isinstance(view, DeploymentView) and view.owner_uid == owner.uid else None
            yield Model(owner, deployment)

    def proofs(self) -> Iterator[tuple[Key, JobView, tuple[PodView, ...]]]:
        """Every model with a Job that proves a revision and has not ended, that Job, and the pods that prove its revisions."""
        for name, one in self._views.items():
            if isinstance(one, JobView) and one.track != REPLAY and not one.finished and one.owner_name:
                key = Key(name.namespace, one.owner_name)
                around = (self._views[other] for other in self._belongings.get(key, ()))
                yield key, one, tuple(pod for pod in around if isinstance(pod, PodView) and pod.track == PREFLIGHT)

    def versions(self, kind: Kind) -> dict[ObjectId, int]:
        """The version at which each object of a kind is known."""
        return {name: _version(one) for name, one in self._views.items() if name.kind == kind.name}

    def begin_listing(self) -> None:
        """Remember deletions from now until the LIST ends."""
        self._lists = True

    def end_listing(self) -> None:
        """The LIST is over."""
        self._lists = False

    def _owner(self, key: Key) -> Owner | None:
        view = self._views.get(ObjectId(kinds.OWNER.name, key.namespace, key.name))
        return view if isinstance(view, Owner) else None

    def _owner_of(self, child: Child, key: Key | None) -> Owner | None:
        """The ModelDeployment that controls a child, while there is this very one."""
        owner = self._owner(key) if key else None
        return owner if owner is not None and owner.uid == child.owner_uid else None

    def _remember_departure(self, id: ObjectId, version: int) -> None:  # noqa: A002 -- the term
        before = self._departed.pop(id, None)  # so that it moves to the end
        now = self._clock()
        self._departed[id] = _Departure(max(version, before.version if before else 0), now)
        while not self._lists and (oldest := next(iter(self._departed))) != id:
            if now - self._departed[oldest].time < DEPARTED_SECONDS:
                break
            del self._departed[oldest]

    def _is_outdated(self, id: ObjectId, version: int, old: View | None) -> bool:  # noqa: A002 -- the term
        departure = self._departed.get(id)
        return (departure is not None and version <= departure.version) or (
            old is not None and version <= _version(old)
        )

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


def _version(view: View) -> int:
    # Comparable since Kubernetes 1.35 by contract, and since etcd 3 in fact.
    return int(view.resource_version)


def _key(view: View | None, id: ObjectId) -> Key | None:  # noqa: A002 -- the term
    return owner_key(view, id.namespace) if view is not None else None
