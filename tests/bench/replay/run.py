"""The benchmark: candidates come beside a model that nobody asks, in a fresh sandbox, and known rows judge them."""

import asyncio
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sklearn.linear_model import LinearRegression

from bench.errors import BenchError
from bench.replay.figures import Figures
from sandbox import Sandbox
from sandbox.api import Api
from support.cluster import helm
from support.cluster.deployed import Deployed
from support.cluster.installed import SYSTEM, VALUES
from support.cluster.sandbox import Kubectl, namespace_manifest
from support.stores.model_store import ModelStore, serve_folder
from support.waiting import eventually

CAPACITY = "cpu=16,memory=64Gi,pods=100"
NAMESPACE, NAME, ROWS = "bench", "replayed", "rows.csv"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
MODELS = f"/apis/modelway.dev/v1alpha1/namespaces/{NAMESPACE}/modeldeployments"
SECONDS = 300.0
"""The longest that one round may take."""
DECIDED = {"Promoting": "promoted", "Promoted": "promoted", "RolledBack": "rolled back"}

Say = Callable[[str], None]


def _times(factor: float) -> LinearRegression:
    return LinearRegression().fit([[0.0], [1.0]], [0.0, factor])


class World:
    """A sandbox with the operator, a store of models, and one model that serves."""

    def __init__(self, sandbox: Sandbox, kubectl: Kubectl, store: ModelStore, requests: int) -> None:
        self.sandbox, self.store, self.requests = sandbox, store, requests
        self.model = Deployed(kubectl, NAME)

    def wants(self, version: str, factor: float) -> None:
        """Apply a model that multiplies by a factor, as a version of its own."""
        uri = self.store.put(f"{version}.joblib", _times(factor))
        replay = {"dataset": {"uri": self.store.uri(ROWS)}, "requests": self.requests}
        rollout = {"strategy": "Canary", "replay": replay}
        self.model.apply(model={"uri": uri, "version": version}, rollout=rollout)

    async def decided(self, version: str, factor: float) -> tuple[float, str]:
        """Seconds from the readiness of a candidate's pod to the verdict, and which one it is."""
        candidates = f"modelway.dev/name={NAME},modelway.dev/track=canary"
        await asyncio.to_thread(eventually, lambda: not self.model.kubectl.list("pods", candidates), deadline=SECONDS)
        async with Api.from_kubeconfig(self.sandbox.kubeconfig) as api, asyncio.timeout(SECONDS):
            before = (self.model.status.get("rollout") or {}).get("id")
            ready = asyncio.create_task(_first(api, PODS, _is_ready_candidate))
            end = asyncio.create_task(_first(api, MODELS, lambda one: _verdict(one, before)))
            self.wants(version, factor)
            begun, _ = await ready
            ended, verdict = await end
            return ended - begun, verdict


async def _first(api: Api, path: str, look: Callable[[Mapping[str, Any]], str]) -> tuple[float, str]:
    """When an object first is so, and what is then seen."""
    async for change in api.list_and_watch(path):
        if sight := look(change.object):
            return time.monotonic(), sight
    raise BenchError(f"the watch of {path} ended")


def _is_ready_candidate(pod: Mapping[str, Any]) -> str:
    if pod["metadata"]["labels"].get("modelway.dev/track") != "canary" or "deletionTimestamp" in pod["metadata"]:
        return ""
    conditions = pod.get("status", {}).get("conditions", ())
    return "ready" if any(one["type"] == "Ready" and one["status"] == "True" for one in conditions) else ""


def _verdict(model: Mapping[str, Any], before: str | None) -> str:
    rollout = (model.get("status") or {}).get("rollout") or {}
    return DECIDED.get(rollout.get("phase", ""), "") if rollout.get("id") not in {None, before} else ""


@contextmanager
def _world(requests: int) -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="modelway-bench-"))
    try:
        (folder / "store").mkdir()
        generator = random.Random(0)
        (folder / "store" / ROWS).write_text("\n".join(["x", *(str(generator.random()) for _ in range(2 * requests))]))
        with serve_folder(folder / "store") as store, Sandbox.start(folder / "sandbox", capacity=CAPACITY) as sandbox:
            kubectl = Kubectl(sandbox.kubectl, sandbox.kubeconfig)
            helm.install(sandbox.kubeconfig, SYSTEM, VALUES)
            kubectl.apply(namespace_manifest(NAMESPACE))
            inside = kubectl.in_namespace(NAMESPACE)
            eventually(lambda: inside.exists("serviceaccount", "default"), deadline=60)
            eventually(lambda: inside.exists("configmap", "kube-root-ca.crt"), deadline=60)
            world = World(sandbox, inside, store, requests)
            world.wants("first", 2.0)
            world.model.is_ready(deadline=SECONDS)
            yield world
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def measure(rounds: int, requests: int, machine: Mapping[str, str], say: Say) -> Figures:
    """All figures.

    Raises:
        BenchError: a candidate came to another verdict than it should.
    """
    taken: dict[str, list[float]] = {"promoted": [], "rolled back": []}
    with _world(requests) as world:
        load = os.getloadavg()[0]
        for number in range(rounds):
            for expected, factor in (("rolled back", 3.0), ("promoted", 2.0)):
                seconds, verdict = await world.decided(f"v{number}-{factor:g}", factor)
                if verdict != expected:
                    raise BenchError(f"a candidate was {verdict} that should be {expected}: {world.model.status}")
                say(f"a candidate was {verdict} {seconds:.2f} s after it was ready")
                taken[expected].append(seconds)
                if verdict == "promoted":
                    world.model.is_ready(deadline=SECONDS)
        loads = (load, os.getloadavg()[0])
    return Figures(
        machine=machine,
        load=loads,
        requests=requests,
        promoted=taken["promoted"],
        rolled_back=taken["rolled back"],
    )
