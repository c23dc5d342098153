"""What the operator does once models are there: nothing while nothing changes, and the right thing soon when something does."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bench.operator.objects import KINDS, Model, models, path
from bench.operator.rounds import apply_all
from bench.operator.trail import Write, created
from bench.operator.world import World
from sandbox.api import Api
from support.installed import SYSTEM
from support.waiting import eventually

REPAIRED = (*KINDS, "horizontalpodautoscalers")
VICTIMS = 5
PATIENCE = 120.0
QUIET_SECONDS = 3.0
"""How long nothing must be written for the operator to count as at rest."""


@dataclass(frozen=True)
class Restart:
    """A restart of the operator: writes until everything was looked at again, and how long that took in seconds."""

    writes: int
    seconds: float


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


async def repair(world: World, times: int) -> dict[str, list[float]]:
    """Delete one child after the other; for each kind the seconds from the deletion to the new object."""
    [namespace] = world.namespaces("repair", 1)
    wounded = [Model(namespace, f"r{number}", autoscaled=True) for number in range(times)]
    async with Api.from_kubeconfig(world.sandbox.kubeconfig) as api:
        world.trail.restart()
        await apply_all(api, wounded)
        await world.trail.until(
            lambda writes: len(created(writes, REPAIRED)) >= times * len(REPAIRED),
            seconds=PATIENCE,
            purpose="the models to be repaired",
        )
        await world.trail.quiet(seconds=QUIET_SECONDS, deadline=PATIENCE)
        return {kind: await _repairs(world, api, kind, wounded) for kind in REPAIRED}


async def _repairs(world: World, api: Api, plural: str, wounded: Sequence[Model]) -> list[float]:
    namespace = wounded[0].namespace
    listed = await api.get(path(plural, namespace), labelSelector="app.kubernetes.io/managed-by=modelway")
    taken = []
    for item in listed["items"]:
        name = item["metadata"]["name"]
        world.trail.restart()
        await api.delete(path(plural, namespace, name), {"propagationPolicy": "Background"})
        place = plural, namespace, name

        def back(writes: list[Write], place: tuple[str, str, str] = place) -> bool:
            return place in created(writes, [place[0]])

        writes = await world.trail.until(back, seconds=PATIENCE, purpose=f"{plural} {name} to come back")
        deleted = next(write for write in writes if write.verb == "delete" and write.place == place)
        taken.append(created(writes, [plural])[place].end - deleted.end)
    return taken


async def flood(world: World, count: int) -> list[float]:
    """While one namespace is flooded, apply single models in others; for each the seconds until its Deployment is there."""
    [crowded] = world.namespaces("flood", 1)
    victims = [Model(namespace, "lone") for namespace in world.namespaces("quiet", VICTIMS)]
    world.trail.restart()
    async with Api.from_kubeconfig(world.sandbox.kubeconfig) as api, asyncio.TaskGroup() as group:
        group.create_task(apply_all(api, models(count, [crowded], "f")))
        for number, victim in enumerate(victims, start=1):
            await _flooded(world, crowded, count * number // (VICTIMS + 1))
            await apply_all(api, [victim])
    places = {("deployments", victim.namespace, victim.name) for victim in victims}
    writes = await world.trail.until(
        lambda writes: places <= created(writes, KINDS).keys(), seconds=PATIENCE, purpose="the models beside the flood"
    )
    made = created(writes, ["deployments"])
    asked = {write.namespace: write.end for write in writes if write.resource == "modeldeployments"}
    return [made[place].end - asked[place[1]] for place in sorted(places)]


async def _flooded(world: World, namespace: str, count: int) -> None:
    """Wait until so many models of the flood have come."""

    def enough(writes: list[Write]) -> bool:
        return sum(write.resource == "modeldeployments" and write.namespace == namespace for write in writes) >= count

    await world.trail.until(enough, seconds=PATIENCE, purpose="the flood")
