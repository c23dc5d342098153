"""What may come between while a rollout goes on, under load: each has its end, and no client notices."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from bench.trial.kinds import GOOD
from bench.trial.results import Case
from bench.trial.world import Model, World
from support.cluster.sandbox import Object
from support.waiting import eventually

SECONDS = 120.0
REVERTED = "no rollout"
ROLLOUT: Final[Object] = {
    "strategy": "Canary",
    "steps": [{"weight": 20, "hold": "30s"}, {"weight": 50}],
    "analysis": {"tolerance": "10%"},
}


class Held:
    """A rollout of a good candidate that waits at its first step.

    Attributes:
        world: where.
        model: whose rollout it is.
        version: that is asked for.
        id: of the rollout.
    """

    def __init__(self, world: World, model: Model, version: str) -> None:
        self.world = world
        self.model = model
        self.version = version
        self.before = str(model.stable["version"])
        previous = model.rollout.get("id", "")
        model.wants("good", version, ROLLOUT)
        self.id = str(model.begins_after(previous)["id"])
        eventually(lambda: model.rollout.get("since"), deadline=SECONDS, describe=lambda: model.rollout)

    def apply(self, *, version: str = "", rollout: Object = ROLLOUT, **spec: Any) -> None:
        """Change the spec; the version stays unless another is named."""
        self.version = version or self.version
        self.model.wants("good", self.version, rollout, **spec)

    def phase(self) -> str:
        """Of the rollout."""
        return str(self.model.rollout.get("phase", ""))


def _evict(held: Held) -> None:
    kubectl, name = held.model.deployed.kubectl, held.model.deployed.name
    for pod in kubectl.list("pods", f"modelway.dev/name={name},modelway.dev/track=canary"):
        metadata = {"name": pod["metadata"]["name"], "namespace": kubectl.namespace}
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
        path = f"/api/v1/namespaces/{kubectl.namespace}/pods/{metadata['name']}/eviction"
        kubectl("create", "--raw", path, "-f", "-", input=json.dumps(eviction))


def _scale(held: Held) -> None:
    held.apply(scaling={"replicas": held.model.size + 1})


def _suspend(held: Held) -> None:
    held.apply(suspend=True)
    eventually(lambda: held.phase() == "Paused", deadline=SECONDS, describe=lambda: held.model.rollout)
    held.apply()


def _change_strategy(held: Held) -> None:
    held.apply(rollout={"strategy": "Shadow", "analysis": ROLLOUT["analysis"]})
    held.id = str(held.model.begins_after(held.id)["id"])


def _delete_children(held: Held) -> None:
    kubectl, name = held.model.deployed.kubectl, held.model.deployed.name
    for kind, child in (
        ("deployment", f"{name}-canary"),
        ("configmap", f"{name}-traffic"),
        ("service", f"{name}-canary"),
    ):
        kubectl("delete", kind, child)


def _revert(held: Held) -> None:
    held.apply(version=held.before)


def _ask_for_another(held: Held) -> None:
    held.apply(version=f"{held.version}-b")
    held.id = str(held.model.begins_after(held.id)["id"])


def _upgrade(held: Held) -> None:
    held.world.set_operator(MODELWAY_SERVER_IMAGE=f"modelway/server:{held.version}")


@dataclass(frozen=True)
class Change:
    """What comes between, and the end."""

    name: str
    act: Callable[[Held], None]
    end: str = GOOD


CHANGES: Final = (
    Change("evicted", _evict),
    Change("scaled", _scale),
    Change("suspended", _suspend),
    Change("strategy", _change_strategy),
    Change("deleted", _delete_children),
    Change("reverted", _revert, REVERTED),
    Change("changed", _ask_for_another),
    Change("upgraded", _upgrade),
)
BY_NAME: Final = {change.name: change for change in CHANGES}


def try_change(world: World, model: Model, change: Change, version: str) -> Case:
    """One rollout with what comes between, until nothing of its candidate is left."""
    before, start, faults, end = model.clients.tally(), time.monotonic(), [], "no end"
    try:
        held = Held(world, model, version)
        change.act(held)
        if change.end == REVERTED:
            model.deployed.is_ready()
            end = REVERTED if not model.rollout else str(model.rollout)
        else:
            state = model.ends()
            end = str(state["phase"])
            faults += [f"rollout {state['id']} ended, not {held.id}"] if state["id"] != held.id else []
        faults += [f"ended by {end}, not by {change.end}"] if end != change.end else []
        model.is_clean()
        model.deployed.is_ready()
        wanted = held.version
        faults += [f"{model.stable} serves, not {wanted}"] if model.stable["version"] != wanted else []
    except AssertionError as error:
        faults.append(str(error)[:2000])
    got = model.clients.tally().since(before)
    return Case(
        strategy="Canary",
        kind=change.name,
        end=end,
        measure="",
        seconds=time.monotonic() - start,
        requests=got.requests,
        failures=dict(got.failures),
        by_candidate=None,
        wrong=got.wrong.total(),
        faults=tuple(faults),
    )
