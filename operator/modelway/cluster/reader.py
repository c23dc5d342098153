"""Read from the cluster what a person wants to know of ModelDeployments, with no more rights than a user has.

Only `Reader.replace` and `Reader.annotate` write: with them a person changes a ModelDeployment of their own.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from modelway.api.labels import NAME_LABEL
from modelway.cluster import kinds
from modelway.cluster.client import Client
from modelway.cluster.connection import connect
from modelway.cluster.kinds import Kind
from modelway.cluster.snapshot import Object, Place, Snapshot, find_failure, time_of
from modelway.errors import ClusterError, ModelwayError, NoCluster
from modelway.metrics import Metrics

PERSON = "modelway-cli"
"""The field manager of what a person changes by the command line."""

LOG_LINES = 8
_MOST_LOGS = 2


class NotFound(ModelwayError):
    """There is no ModelDeployment of that name."""


class Forbidden(ModelwayError):
    """Whoever asks may not see ModelDeployments."""


class Changed(ModelwayError):
    """The ModelDeployment is not the one that was read."""


class Reader:
    """Reads as whoever the kubeconfig says.

    Attributes:
        namespace: that of the context, where none is named.
    """

    def __init__(self, client: Client, namespace: str, user: str = "") -> None:
        self._client = client
        self._user = user
        self.namespace = namespace

    async def resources(self, namespace: str | None) -> list[Object]:
        """The ModelDeployments of a namespace, of all for None.

        Raises:
            NoCluster: the API server does not answer, or knows no ModelDeployments.
            Forbidden: they may not be listed.
        """
        try:
            return await self._list(kinds.OWNER, namespace, "")
        except ClusterError as error:
            raise _explain(error) from error

    async def resource(self, namespace: str, name: str) -> Object:
        """One ModelDeployment.

        Raises:
            NotFound: there is none of that name; the text says which there are.
            NoCluster, Forbidden: as for `resources`.
        """
        try:
            resource = await self._client.get(kinds.OWNER, namespace, name)
        except ClusterError as error:
            raise _explain(error) from error
        if resource is None:
            names = ", ".join(one["metadata"]["name"] for one in await self.resources(namespace))
            others = f"there are {names}" if names else "there is none in it"
            raise NotFound(f"there is no ModelDeployment {name} in namespace {namespace}: {others}")
        return resource

    async def records(self, namespace: str, name: str) -> list[Object]:
        """The ControllerRevisions of a ModelDeployment of that name, and of earlier ones.

        Raises:
            NoCluster: the API server does not answer.
            Forbidden: they may not be listed.
        """
        try:
            return await self._list(kinds.REVISION, namespace, f"{NAME_LABEL}={name}")
        except ClusterError as error:
            raise _explain(error) from error

    async def replace(self, resource: Object) -> None:
        """Store a ModelDeployment in place of the version that was read.

        Raises:
            Changed: somebody else has changed it since.
            NoCluster: the API server does not answer.
            Forbidden: it may not be changed.
            ClusterError: it was refused; the text says why.
        """
        try:
            await self._client.put(kinds.OWNER, resource, manager=PERSON)
        except ClusterError as error:
            if error.status == 409:
                raise Changed("somebody else has changed it at this moment: try again") from error
            raise _explain(error, role="edit") from error

    async def annotate(self, resource: Object, annotations: Mapping[str, str]) -> None:
        """Add annotations to the very ModelDeployment that was read, in whatever version it is by now.

        Raises:
            Changed: another one has taken its name since.
            NoCluster, Forbidden, ClusterError: as for `replace`.
        """
        metadata = resource["metadata"]
        change = {"uid": metadata["uid"], "annotations": annotations}
        try:
            await self._client.patch_metadata(
                kinds.OWNER, metadata["namespace"], metadata["name"], change, manager=PERSON
            )
        except ClusterError as error:
            if error.status == 409:
                raise Changed("somebody else has changed it at this moment: try again") from error
            raise _explain(error, role="edit") from error

    async def user(self) -> str:
        """Who asks: as the API server knows them, or else as the kubeconfig calls them."""
        try:
            name = await self._client.user_name()
        except ModelwayError:
            name = ""
        return name or self._user or "somebody unknown"

    async def read_snapshot(self, namespace: str, name: str) -> Snapshot:
        """Read one ModelDeployment with everything around it; what the user may not see is listed in `withheld`.

        Raises:
            NotFound, NoCluster, Forbidden: as for `resource`.
        """
        resource = await self.resource(namespace, name)
        withheld: list[str] = []
        selector = f"{NAME_LABEL}={name}"
        wanted = [kind for kind in kinds.CHILDREN if kind is not kinds.ROUTE or kind.is_wanted_by(resource)]
        reads = [self._read_visible(kind, namespace, selector, withheld) for kind in (*wanted, kinds.POD)]
        *children, pods, events = await asyncio.gather(*reads, self._read_visible(kinds.EVENT, namespace, "", withheld))
        objects = [child for listed in children for child in listed]
        about = {one["metadata"]["uid"] for one in (resource, *objects, *pods)}
        return Snapshot(
            resource=resource,
            children=tuple(objects),
            pods=tuple(pods),
            events=tuple(sorted((one for one in events if _is_about(one, about, name)), key=time_of)),
            last_words=await self._last_words(namespace, pods, withheld),
            withheld=tuple(withheld),
        )

    async def _read_visible(self, kind: Kind, namespace: str, selector: str, withheld: list[str]) -> list[Object]:
        try:
            return [{"kind": kind.name, **one} for one in await self._list(kind, namespace, selector)]
        except ClusterError as error:
            absent = f"this cluster does not serve {kind}" if error.status == 404 and kind.optional else ""
            withheld.append(f"{kind.plural}: {absent or error.words or error}")
            return []

    async def _list(self, kind: Kind, namespace: str | None, selector: str) -> list[Object]:
        return [item async for page in self._client.pages(kind, namespace, selector) for item in page["items"]]

    async def _last_words(self, namespace: str, pods: list[Object], withheld: list[str]) -> Mapping[Place, str]:
        faults = [(pod["metadata"]["name"], *fault) for pod in pods if (fault := find_failure(pod)) is not None]
        words: dict[Place, str] = {}
        for pod, container, previous in faults[:_MOST_LOGS]:
            try:
                text = await self._client.log(namespace, pod, container, lines=LOG_LINES, previous=previous)
            except ClusterError as error:
                withheld.append(f"the log of {pod}: {error.words or error}")
            else:
                words[Place(pod, container)] = text
        return words


@asynccontextmanager
async def reader(
    kubeconfig: Path | None = None, context: str | None = None, environment: Mapping[str, str] = os.environ
) -> AsyncIterator[Reader]:
    """A connection to the cluster.

    Raises:
        NoCluster: no configuration was found, or it cannot be read.
    """
    connection = await connect(kubeconfig, environment, context)
    async with Client(connection, Metrics()) as client:
        yield Reader(client, connection.namespace, connection.user)


def _is_about(event: Object, uids: set[Any], name: str) -> bool:
    """Whether an event is about one of these objects, or about a ReplicaSet of the model, which no list here holds."""
    about = event.get("involvedObject") or {}
    return about.get("uid") in uids or (
        about.get("kind") == "ReplicaSet" and str(about.get("name", "")).rpartition("-")[0] == name
    )


def _explain(error: ClusterError, *, role: str = "view") -> ModelwayError:
    words = error.words or str(error)
    if error.status == 0:
        return NoCluster(f"{error}. Is it the right context? kubectl config get-contexts")
    if error.status == 404:
        return NoCluster(f"this cluster knows no ModelDeployments ({words}): install Modelway's chart first")
    if error.status in {401, 403}:
        return Forbidden(f"{words}. Ask for the role {role} in the namespace, or name another one with -n.")
    return error
