"""Find out whose an object of a child's name is: ours, nobody's any more and so ours again, or somebody else's, which is left alone.

An object loses its owner when a ModelDeployment is deleted with `--cascade=orphan`. In a restored backup it has none, or a dead one. An
object with our labels and a child's name was made for a model of this name. It is adopted, so that what runs goes on serving. Adoption also
takes the fields of whoever restored it: otherwise fields that nobody wants any more would stay for ever.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from modelway.api.labels import CANARY, CHILD_SELECTOR, NAME_LABEL, name_on_track
from modelway.cluster.cache import Cache
from modelway.cluster.client import FIELD_MANAGER, Client
from modelway.cluster.kinds import KIND_NAMED, OWNER_KIND, REVISION, Kind
from modelway.cluster.managed_fields import hand_over
from modelway.desired.metadata import owner_reference
from modelway.desired.places import traffic_name
from modelway.errors import ClusterError, Leftover, NameConflict, RetryLater
from modelway.observed import Child, ChildId, Key, Observed, Owner, RevisionView

LEFTOVER_SECONDS = 1.0
"""When to look again at an object that is being deleted with an earlier ModelDeployment, or that changed just now."""

COLLECTOR_SECONDS = 15.0
"""How long the garbage collector may take to delete what a dead ModelDeployment of the name controls, before it is taken over."""

REPLAN_SECONDS = 0.1
"""When to plan again with what was taken over."""

logger = logging.getLogger(__name__)


class Standing(Enum):
    """Whose an object is."""

    OURS = auto()
    ORPHANED = auto()
    """Made for a model of this name, and controlled by nobody."""
    LEFT = auto()
    """Controlled by a dead ModelDeployment of this name."""
    FOREIGN = auto()


def standing_of(metadata: Mapping[str, Any], owner: Owner) -> Standing:
    """Whose an object with this metadata is, seen from a ModelDeployment of whose name no other one lives."""
    controller: Mapping[str, Any] = next(
        (one for one in metadata.get("ownerReferences") or () if one.get("controller")), {}
    )
    if controller.get("uid") == owner.uid:
        return Standing.OURS
    if controller.get("kind") == OWNER_KIND and controller.get("name") == owner.key.name:
        return Standing.LEFT
    return Standing.ORPHANED if not controller and is_labelled(metadata, owner.key.name) else Standing.FOREIGN


def is_labelled(metadata: Mapping[str, Any], name: str) -> bool:
    """Whether an object bears the labels of the children of a model."""
    labels = metadata.get("labels") or {}
    label, _, value = CHILD_SELECTOR.partition("=")
    return labels.get(label) == value and labels.get(NAME_LABEL) == name


def is_named_as_a_child(child: Child, name: str) -> bool:
    """Whether an object has the name that a model's child of its kind has."""
    if isinstance(child, RevisionView):
        return child.id.name == f"{name}-{child.revision}"
    return child.id.name in {name, name_on_track(name, CANARY), traffic_name(name)}


@dataclass(frozen=True, slots=True)
class _Other:
    """An object that was not ours when last looked at: it is looked at before the next write, so that a lasting conflict costs none."""

    left_since: float | None = None
    """Since when it is controlled by a dead ModelDeployment; None when it is not."""


class Adoption:
    """Finds out whose the objects of children's names are, and takes over what is nobody's any more.

    Args:
        client: reads them.
        cache: learns what was taken over.
        clock: seconds, monotonic.
        kind_named: finds a kind by its name.
    """

    def __init__(
        self,
        client: Client,
        cache: Cache,
        clock: Callable[[], float] = time.monotonic,
        kind_named: Callable[[str], Kind] = KIND_NAMED.__getitem__,
    ) -> None:
        self._client = client
        self._cache = cache
        self._clock = clock
        self._kind_named = kind_named
        self._others: dict[tuple[Key, ChildId], _Other] = {}

    def was_taken(self, key: Key, child: ChildId) -> bool:
        """Whether the name was another's when last looked at."""
        return (key, child) in self._others

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._others = {place: other for place, other in self._others.items() if place[0] != key}

    async def take_over(self, observed: Observed) -> None:
        """Adopt every object that was made for a model of this name and has no owner any more, records of revisions included.

        Raises:
            RetryLater: something was; plan anew with it.
            ClusterError: the API server does not let us.
        """
        later: RetryLater | None = None
        for child in observed.children.values():
            if child.owner_uid == observed.owner.uid or not is_named_as_a_child(child, observed.owner.key.name):
                continue
            try:
                await self.find_uid(child.id, observed)
            except (NameConflict, Leftover):
                continue  # reported where it keeps a child from being created
            except RetryLater as error:
                later = error
        if later is not None:
            raise later

    async def find_uid(self, child: ChildId, observed: Observed) -> str | None:
        """Find the UID of an object that is ours; None where the name is free.

        Raises:
            RetryLater: it is ours from now on; plan anew with it.
            Leftover: it is still on its way out.
            NameConflict: it is somebody else's.
        """
        owner, place = observed.owner, (observed.owner.key, child)
        kind = self._kind_named(child.kind)
        metadata = await self._client.metadata_of(kind, owner.key.namespace, child.name)
        standing = standing_of(metadata, owner) if metadata is not None else None
        before = self._others.pop(place, _Other())
        if metadata is None or standing is Standing.OURS:
            return str(metadata["uid"]) if metadata is not None else None
        left_since = None
        if standing is Standing.LEFT:
            left_since = self._clock() if before.left_since is None else before.left_since
        self._others[place] = _Other(left_since)
        if standing is Standing.FOREIGN:
            raise _conflict(kind, child.name, owner.key.namespace)
        if "deletionTimestamp" in metadata or (
            left_since is not None and not self._is_abandoned(left_since, metadata, owner)
        ):
            raise Leftover(
                f"Waiting for {child} of an earlier {OWNER_KIND} {owner.key.name} to be deleted.",
                seconds=LEFTOVER_SECONDS,
            )
        await self._adopt(child, metadata, owner)
        raise RetryLater(f"{child} was taken over", seconds=REPLAN_SECONDS)

    def _is_abandoned(self, since: float, metadata: Mapping[str, Any], owner: Owner) -> bool:
        """Whether the garbage collector had time to delete something that we may take over, and did not."""
        return self._clock() - since >= COLLECTOR_SECONDS and is_labelled(metadata, owner.key.name)

    async def _adopt(self, child: ChildId, metadata: Mapping[str, Any], owner: Owner) -> None:
        others = [one for one in metadata.get("ownerReferences") or () if not one.get("controller")]
        change: dict[str, Any] = {
            "resourceVersion": metadata["resourceVersion"],
            "ownerReferences": [*others, owner_reference(owner.key.name, owner.uid)],
        }
        kind = self._kind_named(child.kind)
        fields = hand_over(metadata, FIELD_MANAGER, kind.api_version)
        if fields is not None and kind is not REVISION:  # what is recorded never changes, so none of it grows old
            change["managedFields"] = fields
        try:
            answer = await self._client.patch_metadata(kind, owner.key.namespace, child.name, change)
        except ClusterError as error:
            if error.status in {404, 409}:
                raise RetryLater(f"{child} changed meanwhile: {error}", seconds=LEFTOVER_SECONDS) from error
            error.child = str(child)
            raise
        self._others.pop((owner.key, child), None)
        self._cache.store(kind, answer)
        logger.info("Took over %s", child, extra={"resource": owner.key})


def _conflict(kind: Kind, name: str, namespace: str) -> NameConflict:
    return NameConflict(
        f"{kind.name} {name} exists in namespace {namespace} and does not belong to this {OWNER_KIND}, so it is left alone. Delete it "
        f"(kubectl delete {kind.plural} {name} -n {namespace}) or give the {OWNER_KIND} another name."
    )
