"""What the operator does once models are there: nothing while nothing changes, and the right thing soon when something does."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.operator.objects import KINDS, Model, Object, models, path, twins_of
from bench.operator.rounds import apply_all
from bench.operator.trail import Place, Write, creations
from bench.operator.world import World
from sandbox.api import Api
from support.cluster.installed import SYSTEM
from support.waiting import eventually

REPAIRED = (*KINDS, "horizontalpodautoscalers")
VICTIMS = 5
PATIENCE = 120.0
LONE = ("deployments", "services")
REST_SECONDS = 0.4
"""How long nobody must write anything before the next child is deleted: else one waits for the pods of another."""

QUIET_SECONDS = 3.0
"""How long nothing must be written for the operator to count as at rest."""


@dataclass(frozen=True)
class Restart:
    """A restart of the operator: writes until everything was looked at again, and how long that took in seconds."""

    writes: int
    seconds: float


@dataclass(frozen=True)
class Repairs:
    """How soon each deleted child of one kind was back, in seconds: ours by the operator, their twins by a bare client."""

    operator: list[float]
    bare: list[float]


@dataclass(frozen=True)
class Flood:
    """How soon single models were acted on beside a flood, in seconds."""

    first_write: Sequence[float]
    """From the answer to the user to the operator's first request."""
    children: Mapping[str, Sequence[float]]
    """From there to the moment when the child is made, by its kind."""
    bare: Mapping[str, Sequence[float]]
    """What one request of a bare client took that made the same at the same time."""


async def idle(world: World, seconds: float) -> int:
    """How many writes the operator makes while nothing changes."""
    world.trail.restart()
    await asyncio.sleep(seconds)
    return len(world.trail.operators())


async def restart(world: World, count: int) -> Restart:
    """End the operator's pod, and wait until its successor has looked at all models."""
    loop = asyncio.get_running_loop()
    world.trail.restart()
    begin = loop.time()
    world.kubectl("delete", "pods", "-n", SYSTEM, "--all", "--wait=true")

    def all_seen() -> bool:
        return world.metric("modelway_operator_reconciles_total") >= count and not world.metric(
            "modelway_operator_queue_depth"
        )

    await asyncio.to_thread(eventually, all_seen, deadline=PATIENCE)
    seconds = loop.time() - begin
    await world.trail.quiet(seconds=QUIET_SECONDS, deadline=PATIENCE)
    return Restart(len(world.trail.operators()), seconds)


async def repair(world: World, times: int) -> dict[str, Repairs]:
    """Delete one child after the other, each once the whole cluster is at rest; for each kind how soon it was back."""
    [namespace], [client_namespace] = world.namespaces("repair", 1), world.namespaces("bare-repair", 1)
    wounded = [Model(namespace, f"r{number}", autoscaled=True) for number in range(times)]
    async with Api.from_kubeconfig(world.sandbox.kubeconfig) as api:
        world.trail.restart()
        await apply_all(api, wounded)
        twins = dict(
            [
                pair
                for model in wounded
                for pair in await _twins(api, Model(client_namespace, model.name, autoscaled=True))
            ]
        )
        for twin, body in twins.items():
            await _apply(api, twin, body)
        await world.trail.until(
            lambda writes: len(creations(writes, REPAIRED)) >= 2 * times * len(REPAIRED),
            seconds=PATIENCE,
            purpose="the models to be repaired",
        )
        return {plural: await _repairs(world, api, plural, namespace, twins) for plural in REPAIRED}


async def _twins(api: Api, model: Model) -> list[tuple[Place, Object]]:
    """What a bare client makes of a model that nobody else hears of."""
    answer = await api.patch(model.path, model.manifest, "apply", fieldManager="user", force="true", dryRun="All")
    return twins_of(answer)


async def _apply(api: Api, place: Place, body: Object) -> None:
    await api.patch(path(*place), body, "apply", fieldManager="bench", force="true")


async def _repairs(world: World, api: Api, plural: str, namespace: str, twins: Mapping[Place, Object]) -> Repairs:
    """The operator and the bare client by turns: each is told by its watch, and makes anew what is gone."""
    listed = await api.get(path(plural, namespace), labelSelector="app.kubernetes.io/managed-by=modelway")
    ours = [(plural, namespace, item["metadata"]["name"]) for item in listed["items"]]
    theirs = [place for place in twins if place[0] == plural]
    repairs = Repairs([], [])
    watcher = asyncio.create_task(_mend(api, plural, twins))
    try:
        for pair in zip(ours, theirs, strict=True):
            for place, taken in zip(pair, (repairs.operator, repairs.bare), strict=True):
                taken.append(await _time_repair(world, api, place))
    finally:
        watcher.cancel()
    return repairs


async def _mend(api: Api, plural: str, twins: Mapping[Place, Object]) -> None:
    """Be the bare client: make anew each twin that is deleted."""
    [namespace] = {body["metadata"]["namespace"] for body in twins.values()}
    async for change in api.list_and_watch(path(plural, namespace)):
        place = plural, namespace, change.object["metadata"]["name"]
        if change.type == "DELETED" and place in twins:
            await _apply(api, place, twins[place])


async def _time_repair(world: World, api: Api, place: Place) -> float:
    """Seconds from the deletion of one object to the new one."""
    await world.trail.rest(seconds=REST_SECONDS, deadline=PATIENCE)
    world.trail.restart()
    await api.delete(path(*place), {"propagationPolicy": "Background"})
    writes = await world.trail.until(
        lambda writes: place in creations(writes, place[:1]),
        seconds=PATIENCE,
        purpose=f"{' '.join(place)} to come back",
    )
    deleted = next(write for write in writes if write.verb == "delete" and write.place == place)
    return creations(writes, place[:1])[place].end - deleted.end


async def flood(world: World, count: int) -> Flood:
    """While one namespace is flooded, apply single models in others; a bare client makes one at the same times."""
    [crowded] = world.namespaces("flood", 1)
    victims = [Model(namespace, "lone") for namespace in world.namespaces("quiet", VICTIMS)]
    twins = [Model(namespace, "bare") for namespace in world.namespaces("bare", VICTIMS)]
    world.trail.restart()
    async with Api.from_kubeconfig(world.sandbox.kubeconfig) as api, asyncio.TaskGroup() as group:
        group.create_task(apply_all(api, models(count, [crowded], "f")))
        for number, (victim, twin) in enumerate(zip(victims, twins, strict=True), start=1):
            await _await_flood(world, crowded, count * number // (VICTIMS + 1))
            await apply_all(api, [victim])
            for place, body in await _twins(api, twin):
                group.create_task(_apply(api, place, body))
    places = {(plural, model.namespace, model.name) for plural in LONE for model in (*victims, *twins)}
    writes = await world.trail.until(
        lambda writes: places <= creations(writes, LONE).keys(), seconds=PATIENCE, purpose="the models beside the flood"
    )
    children = creations(writes, LONE)
    request_ends = {write.namespace: write.end for write in writes if write.resource == "modeldeployments"}
    begun: dict[str, float] = {}
    for write in world.trail.operators():
        begun[write.namespace] = min(write.begin, begun.get(write.namespace, write.begin))
    return Flood(
        first_write=[begun[one.namespace] - request_ends[one.namespace] for one in victims],
        children={
            plural: [children[plural, one.namespace, one.name].end - request_ends[one.namespace] for one in victims]
            for plural in LONE
        },
        bare={plural: [children[plural, one.namespace, one.name].seconds for one in twins] for plural in LONE},
    )


async def _await_flood(world: World, namespace: str, count: int) -> None:
    """Wait until so many models of the flood have come."""

    def enough(writes: list[Write]) -> bool:
        return sum(write.resource == "modeldeployments" and write.namespace == namespace for write in writes) >= count

    await world.trail.until(enough, seconds=PATIENCE, purpose="the flood")
