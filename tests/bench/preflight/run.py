"""The benchmark: one model after the other is proved, goes back and forth, and has its pods replaced, in a fresh sandbox.

Times of decisions are those of the API server's audit log: from the arrival of the ModelDeployment to the operator's
write of the Deployment. Times of pods are those of a watch.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.operator.trail import CREATED, Trail, Write
from bench.preflight.figures import Figures
from bench.preflight.forest import MODEL, ROWS, TARGET, write_files
from sandbox import Sandbox
from sandbox.api import Api
from support.cluster import helm
from support.cluster.deployed import Deployed
from support.cluster.installed import SYSTEM, VALUES
from support.cluster.sandbox import Kubectl, namespace_manifest
from support.stores.model_store import ModelStore, serve_folder
from support.waiting import eventually

CAPACITY = "cpu=16,memory=64Gi,pods=100"
NAMESPACE = "bench"
SECONDS = 300.0
"""The longest that one step may take."""

Say = Callable[[str], None]


class World:
    """A sandbox with the operator, a store of models, and the trail of what is written."""

    def __init__(self, sandbox: Sandbox, kubectl: Kubectl, store: ModelStore) -> None:
        self.sandbox, self.kubectl, self.store = sandbox, kubectl, store
        self.trail = Trail(sandbox.audit_log)

    def apply(self, name: str, version: str, preflight: Mapping[str, Any]) -> Deployed:
        """Apply the forest as a model, with a version that makes a revision of its own."""
        model = Deployed(self.kubectl, name)
        return model.apply(model={"uri": self.store.uri(MODEL), "version": version}, preflight=preflight)

    @property
    def proved(self) -> Mapping[str, Any]:
        """The preflight with an evaluation."""
        metrics = [{"name": "accuracy", "min": 0.7}]
        evaluation = {"dataset": {"uri": self.store.uri(ROWS)}, "target": TARGET, "metrics": metrics}
        return {"enabled": True, "evaluation": evaluation}

    async def decided(self, model: str, act: Callable[[], object]) -> tuple[float, int]:
        """Seconds from what `act` applies to the operator's write of the Deployment, and the Jobs that were made between."""
        self.trail.restart()
        act()

        def ours(writes: list[Write], resource: str) -> list[Write]:
            mine = [one for one in writes if one.resource == resource and one.namespace == NAMESPACE and one.code < 300]
            return [one for one in mine if one.name == model or resource == "jobs"]

        def deployments(writes: list[Write]) -> list[Write]:
            return [one for one in ours(writes, "deployments") if one.by_operator]

        writes = await self.trail.until(
            lambda all_: bool(deployments(all_)), seconds=SECONDS, purpose=f"{model}'s Deployment"
        )
        begin = ours(writes, "modeldeployments")[0].begin
        jobs = sum(one.code == CREATED for one in ours(writes, "jobs"))
        return deployments(writes)[0].end - begin, jobs

    async def started(self, model: str) -> float:
        """Seconds from a new pod of a model, in place of one that is deleted, to its readiness."""
        selector = f"modelway.dev/name={model},modelway.dev/track=stable"
        before = {one["metadata"]["name"] for one in self.kubectl.list("pods", selector)}
        begin: dict[str, float] = {}
        async with Api.from_kubeconfig(self.sandbox.kubeconfig) as api:
            self.kubectl("delete", "pods", "-l", selector, "--wait=false")
            async for change in api.list_and_watch(f"/api/v1/namespaces/{NAMESPACE}/pods"):
                metadata = change.object["metadata"]
                if metadata["labels"].get("modelway.dev/name") != model or metadata["name"] in before:
                    continue
                begin.setdefault(metadata["name"], time.monotonic())
                if _is_ready(change.object):
                    break
        seconds = time.monotonic() - begin[metadata["name"]]
        eventually(lambda: len(self.kubectl.list("pods", selector)) == 1, deadline=SECONDS)
        return seconds


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


@contextmanager
def _world(rows: int) -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="modelway-bench-"))
    try:
        (folder / "store").mkdir()
        write_files(folder / "store", rows)
        with serve_folder(folder / "store") as store, Sandbox.start(folder / "sandbox", capacity=CAPACITY) as sandbox:
            kubectl = Kubectl(sandbox.kubectl, sandbox.kubeconfig)
            helm.install(sandbox.kubeconfig, SYSTEM, VALUES)
            kubectl.apply(namespace_manifest(NAMESPACE))
            inside = kubectl.in_namespace(NAMESPACE)
            eventually(lambda: inside.exists("serviceaccount", "default"), deadline=60)
            eventually(lambda: inside.exists("configmap", "kube-root-ca.crt"), deadline=60)
            yield World(sandbox, inside, store)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def measure(rounds: int, rows: int, machine: Mapping[str, str], say: Say) -> Figures:
    """All figures.

    Raises:
        BenchError: something did not come about in time, or what is to be measured did not happen.
    """
    begin = time.monotonic()
    with _world(rows) as world:
        load = os.getloadavg()[0]
        accepted = [await _accept(world, f"forest-{number}", say) for number in range(rounds)]
        kept = "forest-0"
        for number in range(1, rounds):
            world.kubectl.discard("modeldeployment", f"forest-{number}")
        reverted, jobs = await _go_back_and_forth(world, kept, rounds, say)
        world.apply("plain", "1", {"enabled": False}).is_ready(deadline=SECONDS)
        pinned, plain = [], []
        for number in range(rounds):
            for name, seconds in [(kept, pinned), ("plain", plain)][:: 1 if number % 2 else -1]:
                seconds.append(await world.started(name))
                say(f"a pod of {name} was ready after {seconds[-1]:.2f} s")
        size = (world.store.directory / MODEL).stat().st_size / 1e6
        loads = (load, os.getloadavg()[0])
    return Figures(
        machine=machine,
        load=loads,
        megabytes=size,
        rows=rows,
        accepted=accepted,
        reverted=reverted,
        revert_jobs=jobs,
        pinned=pinned,
        plain=plain,
        seconds=time.monotonic() - begin,
    )


async def _accept(world: World, name: str, say: Say) -> float:
    seconds, jobs = await world.decided(name, lambda: world.apply(name, "1", world.proved))
    if jobs != 1:
        raise BenchError(f"{jobs} Jobs proved {name}, where one was expected")
    say(f"{name} was accepted after {seconds:.2f} s")
    model = Deployed(world.kubectl, name).is_ready(deadline=SECONDS)
    (entry,) = model.status["revisions"]
    if entry["verdict"] != "Accepted":
        raise BenchError(f"{name} serves, and its revision is {entry['verdict']}")
    return seconds


async def _go_back_and_forth(world: World, name: str, rounds: int, say: Say) -> tuple[list[float], int]:
    """Seconds of each way to the other of two accepted revisions, and the Jobs of all of them."""
    await world.decided(name, lambda: world.apply(name, "2", world.proved))
    model = Deployed(world.kubectl, name).is_ready(deadline=SECONDS)
    taken, made = [], 0
    for number in range(rounds):
        before = model.status["stable"]["revision"]
        seconds, jobs = await world.decided(
            name, lambda number=number: world.apply(name, str(1 + number % 2), world.proved)
        )
        model.is_ready(deadline=SECONDS)
        if model.status["stable"]["revision"] == before:
            raise BenchError(f"{name} still serves the revision {before}")
        taken.append(seconds)
        made += jobs
        say(f"{name} went to an accepted revision after {seconds:.2f} s, with {jobs} Jobs")
    return taken, made
