"""How long it takes until models are as asked for: by the operator, and by a bare client that sends the same objects.

Both times are read from the API server's audit log. *Applied* is from the first ModelDeployment's arrival to the moment
when every child exists and every status was written once. *Ready* is from there too, until every model is Ready (by the
operator) or every Deployment available (bare). The controllers make the same pods in both.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.operator.objects import GROUPS, Model, children_of, status_of
from bench.operator.trail import Write, creations
from bench.operator.world import World
from sandbox.api import Api

CONCURRENCY = 16
"""Requests in flight of the bare client, and of the user who applies the ModelDeployments."""

SECONDS = 300.0
"""The longest that a round may take."""


@dataclass(frozen=True)
class Round:
    """What one round took, in seconds."""

    applied: float
    ready: float


@dataclass(frozen=True)
class Cost:
    """What the operator wrote until all was at rest."""

    per_child: float
    """Writes to children for each of them."""
    statuses: float
    """Status writes for each ModelDeployment."""
    most_statuses: int
    events: float
    """Events for each ModelDeployment."""


async def by_operator(world: World, models: Sequence[Model]) -> Round:
    """The user applies ModelDeployments; the operator does the rest."""
    world.trail.restart()
    names = {(model.namespace, model.name) for model in models}
    async with Api.from_kubeconfig(world.sandbox.kubeconfig) as api:
        await _all(models, lambda model: _apply(api, model))

        def is_done(writes: list[Write]) -> bool:
            children = creations(writes, world.kinds)
            judged_names = {(write.namespace, write.name) for write in writes if _is_status(write)}
            return len(children) >= len(world.kinds) * len(models) and judged_names >= names

        writes = await world.trail.until(is_done, seconds=SECONDS, purpose="the children of all models")
        applied = _duration(writes, world.kinds)
        ready = await _ready(api, "modeldeployments", len(models), names, _is_ready)
    return Round(applied, ready - _begin(writes))


async def by_bare_client(world: World, models: Sequence[Model]) -> Round:
    """One client applies the ModelDeployments, their children and their statuses."""
    world.trail.restart()
    names = {(model.namespace, model.name) for model in models}

    async def bring(model: Model) -> None:
        answer = await _apply(api, model)
        for path, body in children_of(answer, preflight=world.preflight):
            await api.patch(path, body, "apply", fieldManager="bench", force="true")
        await api.patch(f"{model.path}/status", {"status": status_of(answer)}, "merge")

    async with Api.from_kubeconfig(world.sandbox.kubeconfig) as api:
        await _all(models, bring)
        count = len(models)
        writes = await world.trail.until(
            lambda writes: sum(map(_is_status, writes)) >= count, seconds=10, purpose="the end of the audit log"
        )
        applied = _duration(writes, world.kinds)
        ready = await _ready(api, "deployments", len(models), names, _is_available)
    return Round(applied, ready - _begin(writes))


async def apply_all(api: Api, models: Iterable[Model]) -> None:
    """Apply ModelDeployments as a user would."""
    await _all(models, lambda model: _apply(api, model))


def cost(writes: Iterable[Write], models: Sequence[Model], kinds: Sequence[str]) -> Cost:
    """What the operator wrote for these models, whose children are of these kinds."""
    ours = [write for write in writes if write.by_operator]
    statuses = Counter(write.place for write in ours if _is_status(write))
    children = sum(write.resource in kinds for write in ours)
    events = sum(write.resource == "events" for write in ours)
    count = len(models)
    return Cost(children / (count * len(kinds)), sum(statuses.values()) / count, max(statuses.values()), events / count)


async def _apply(api: Api, model: Model) -> dict[str, Any]:
    return await api.patch(model.path, model.manifest, "apply", fieldManager="user", force="true")


async def _all(models: Iterable[Model], act: Callable[[Model], Any]) -> None:
    todo = iter(models)

    async def work() -> None:
        for model in todo:
            await act(model)

    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))


async def _ready(
    api: Api, plural: str, count: int, names: set[tuple[str, str]], judge: Callable[[dict[str, Any]], bool]
) -> float:
    """When the last of them was as it should be, in seconds since the epoch; they are only looked at once all were applied."""
    good: set[tuple[str, str]] = set()
    async with asyncio.timeout(SECONDS):
        async for change in api.list_and_watch(f"{GROUPS[plural]}/{plural}"):
            metadata = change.object["metadata"]
            name = metadata["namespace"], metadata["name"]
            if name in names:
                (good.add if judge(change.object) else good.discard)(name)
            if len(good) == count:
                break
    return time.time()


def _is_ready(obj: dict[str, Any]) -> bool:
    conditions = obj.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _is_available(obj: dict[str, Any]) -> bool:
    return bool(obj.get("status", {}).get("availableReplicas"))


def _is_status(write: Write) -> bool:
    return write.resource == "modeldeployments/status" and write.code == 200


def _begin(writes: Iterable[Write]) -> float:
    return min(write.begin for write in writes if write.resource == "modeldeployments")


def _duration(writes: Sequence[Write], kinds: Sequence[str]) -> float:
    """From the first ModelDeployment to the last child or the last model's first status."""
    ends = [write.end for write in creations(writes, kinds).values()]
    first: dict[tuple[str, str, str], float] = {}
    for write in writes:
        if _is_status(write):
            first.setdefault(write.place, write.end)
    return max([*ends, *first.values()]) - _begin(writes)
