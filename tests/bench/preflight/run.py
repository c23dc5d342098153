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

import psutil

from bench.errors import BenchError
from bench.operator.trail import CREATED, Trail, Write
from bench.preflight.figures import Figures
from bench.preflight.forest import MODEL, ROWS, TARGET, write_files
from sandbox import Sandbox, processes
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

    async def decided(self, model: str, version: str) -> tuple[float, int]:
        """Seconds from a version of a model to the operator's write of its Deployment, and the Jobs that were made between."""
        self.trail.restart()
        self.apply(model, version, self.proved)

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

    def processor_seconds(self) -> float:
        """Processor seconds of all containers that have ended.

        Raises:
            BenchError: the node does not run.
        """
        for pid in processes.find_marked(self.sandbox.directory):
            process = psutil.Process(pid)
            if "sandbox.node" in process.cmdline():
                times = process.cpu_times()
                return float(times.children_user + times.children_system)
        raise BenchError("the node does not run")

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
        accepted, processor = zip(
            *[await _accept(world, f"forest-{number}", say) for number in range(rounds)], strict=True
        )
        first = "forest-0"
        for number in range(1, rounds):
            world.kubectl.discard("modeldeployment", f"forest-{number}")
        reverted, jobs = await _go_back_and_forth(world, first, rounds, say)
        world.apply("plain", "1", {"enabled": False}).is_ready(deadline=SECONDS)
        starts = await _start_in_pairs(world, (first, "plain"), rounds, say)
        size = (world.store.directory / MODEL).stat().st_size / 1e6
        loads = (load, os.getloadavg()[0])
    return Figures(
        machine=machine,
        load=loads,
        megabytes=size,
        rows=rows,
        accepted=accepted,
        processor=processor,
        reverted=reverted,
        revert_jobs=jobs,
        pinned=starts[first],
        plain=starts["plain"],
        seconds=time.monotonic() - begin,
    )


async def _accept(world: World, name: str, say: Say) -> tuple[float, float]:
    """Seconds until a new model is accepted, and what its Job takes of processors."""
    before = world.processor_seconds()
    seconds, jobs = await world.decided(name, "1")
    processor = world.processor_seconds() - before
    if jobs != 1:
        raise BenchError(f"{jobs} Jobs proved {name}, where one was expected")
    say(f"{name} was accepted after {seconds:.2f} s; its Job took {processor:.2f} s of processors")
    model = Deployed(world.kubectl, name).is_ready(deadline=SECONDS)
    (entry,) = model.status["revisions"]
    if entry["verdict"] != "Accepted":
        raise BenchError(f"{name} serves, and its revision is {entry['verdict']}")
    return seconds, processor


async def _go_back_and_forth(world: World, name: str, rounds: int, say: Say) -> tuple[list[float], int]:
    """Seconds of each way to the other of two accepted revisions, and the Jobs of all of them."""
    await world.decided(name, "2")
    model = Deployed(world.kubectl, name).is_ready(deadline=SECONDS)
    taken, total = [], 0
    for number in range(rounds):
        before = model.status["stable"]["revision"]
        seconds, jobs = await world.decided(name, str(1 + number % 2))
        model.is_ready(deadline=SECONDS)
        if model.status["stable"]["revision"] == before:
            raise BenchError(f"{name} still serves the revision {before}")
        taken.append(seconds)
        total += jobs
        say(f"{name} went to an accepted revision after {seconds:.2f} s, with {jobs} Jobs")
    return taken, total


async def _start_in_pairs(world: World, names: tuple[str, str], rounds: int, say: Say) -> dict[str, list[float]]:
    """Seconds that a new pod of each model takes to be ready; one after the other, in turns."""
    starts: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names if number % 2 else names[::-1]:
            starts[name].append(await world.started(name))
            say(f"a pod of {name} was ready after {starts[name][-1]:.2f} s")
    return starts
