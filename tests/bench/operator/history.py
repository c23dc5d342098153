"""What the operator holds in memory when every model has a full history of revisions."""

import asyncio
import copy
from typing import Any

from bench.operator.objects import path
from bench.operator.upkeep import restart
from bench.operator.world import World
from sandbox.api import Api

CONCURRENCY = 16
_LETTERS = "bcdfghjklmn"
"""With which the hashes of earlier revisions begin; one more than are made, since the present one may begin with any."""
MOST_HISTORY = len(_LETTERS) - 1
"""Earlier revisions that the operator keeps by default."""

_OWNED_BY_SERVER = ("uid", "resourceVersion", "creationTimestamp", "managedFields")


async def memory_with_history(world: World, count: int, depth: int) -> int:
    """Resident bytes of a fresh operator, once every model has `depth` earlier revisions and was looked at."""
    async with Api.from_kubeconfig(world.sandbox.kubeconfig) as api:
        listed = await api.get(
            "/apis/apps/v1/controllerrevisions", labelSelector="app.kubernetes.io/managed-by=modelway"
        )
        turns = asyncio.Semaphore(CONCURRENCY)

        async def make(body: dict[str, Any]) -> None:
            metadata = body["metadata"]
            async with turns:
                await api.patch(
                    path("controllerrevisions", metadata["namespace"], metadata["name"]),
                    body,
                    "apply",
                    fieldManager="modelway",
                    force="true",
                )

        async with asyncio.TaskGroup() as group:
            for record in listed["items"]:
                for number in range(depth):
                    group.create_task(make(earlier(record, number)))
    await restart(world, count)
    return world.memory()


def earlier(record: dict[str, Any], number: int) -> dict[str, Any]:
    """A record as one of an earlier revision of the same model would be, with data that no other one has."""
    body = copy.deepcopy(record)
    for name in _OWNED_BY_SERVER:
        body["metadata"].pop(name, None)
    name, _, revision = body["metadata"]["name"].rpartition("-")
    hash_ = f"{_LETTERS.replace(revision[0], '')[number]}{revision[1:]}"
    body["metadata"] |= {"name": f"{name}-{hash_}"}
    body["metadata"]["labels"]["modelway.dev/revision"] = hash_
    model = body["data"]["inputs"]["model"]
    body |= {"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 0}
    body["data"]["inputs"]["model"] = {**model, "version": f"v{number}"}
    return body
