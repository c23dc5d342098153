"""A sandbox with the operator, a store of candidates, and models that clients ask all the time."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.trial.clients import Clients, asking
from bench.trial.kinds import KINDS
from sandbox import Sandbox
from support.cluster import helm
from support.cluster.deployed import Deployed
from support.cluster.installed import SYSTEM, VALUES
from support.cluster.sandbox import ENDPOINT_LAG, Kubectl, Object, namespace_manifest
from support.stores.model_store import ModelStore, serve_folder
from support.waiting import eventually

NAMESPACE = "trial"
START_SECONDS = 300.0
END_SECONDS = 600.0
"""The longest that a rollout may take, from the change of the spec."""
PROGRESS_SECONDS = 30
"""The operator's deadline of progress, which is 600 s by default: what a candidate that is never ready is waited for."""


class Model:
    """A ModelDeployment that serves, and its clients.

    Attributes:
        deployed: the ModelDeployment.
        clients: who asks it.
        size: how many pods it has.
    """

    def __init__(self, world: "World", deployed: Deployed, clients: Clients, size: int) -> None:
        self._world = world
        self.deployed = deployed
        self.clients = clients
        self.size = size

    def wants(self, kind: str, version: str, rollout: Object, **spec: Any) -> None:
        """Ask for a candidate of a kind."""
        model = {"uri": self._world.store.uri(f"{kind}.joblib"), "version": version}
        blocks = {"scaling": {"replicas": self.size}, **spec}
        self.deployed.apply(model=model, rollout=rollout, **blocks)

    @property
    def rollout(self) -> Object:
        """`status.rollout` as it is now."""
        return dict(self.deployed.status.get("rollout") or {})

    @property
    def stable(self) -> Object:
        """`status.stable` as it is now."""
        return dict(self.deployed.status.get("stable") or {})

    def begins_after(self, before: str) -> Object:
        """Wait for a rollout other than the one of that id; its state."""

        def next_one() -> Object:
            state = self.rollout
            return state if state.get("id", before) != before else {}

        return eventually(next_one, deadline=60.0, describe=self.deployed.condition)

    def ends(self) -> Object:
        """Wait until the present rollout is over; its state."""

        def final() -> Object:
            state = self.rollout
            return state if state.get("phase") in {"Promoted", "RolledBack"} else {}

        return eventually(final, deadline=END_SECONDS, describe=lambda: self.deployed.status)

    def remains(self) -> list[str]:
        """What there is of a candidate."""
        kubectl, name = self.deployed.kubectl, self.deployed.name
        around = {"deployment": f"{name}-canary", "service": f"{name}-canary", "configmap": f"{name}-traffic"}
        pods = kubectl.list("pods", f"modelway.dev/name={name},modelway.dev/track=canary")
        return [f"{kind} {one}" for kind, one in around.items() if kubectl.exists(kind, one)] + [
            f"pod {one['metadata']['name']}" for one in pods
        ]

    def is_clean(self) -> None:
        """Wait until nothing of a candidate is left."""
        eventually(lambda: not self.remains(), deadline=120.0, describe=self.remains)


class World:
    """A sandbox with the operator and the store.

    Attributes:
        sandbox: the control plane and its node.
        kubectl: in the trial's namespace.
        store: has a model of each kind.
    """

    def __init__(self, sandbox: Sandbox, kubectl: Kubectl, store: ModelStore) -> None:
        self.sandbox = sandbox
        self.kubectl = kubectl
        self.store = store

    @contextmanager
    def model(self, name: str, *, size: int, over_http: int, over_grpc: int, pause: float) -> Iterator[Model]:
        """A model of the first version that serves, and is asked until the end of the block."""
        deployed = Deployed(self.kubectl, name)
        model = {"uri": self.store.uri("good.joblib"), "version": "v0"}
        deployed.apply(model=model, scaling={"replicas": size}).is_ready(deadline=START_SECONDS)
        deployed.answers([[5.0]], [10.0])
        service = deployed.child("service")["spec"]
        ports = {port["name"]: port["port"] for port in service["ports"]}
        address, target = (service["clusterIP"], ports["http"]), f"{service['clusterIP']}:{ports['grpc']}"
        with asking(name, address, target, over_http=over_http, over_grpc=over_grpc, pause=pause) as clients:
            yield Model(self, deployed, clients, size)
        self.kubectl("delete", "mdep", name, "--wait=false")

    def set_operator(self, **environment: str) -> None:
        """Replace the operator's pod by one with other environment variables, as an upgrade does."""
        operator = self.kubectl.in_namespace(SYSTEM)
        operator("set", "env", "deployment/modelway", *(f"{name}={value}" for name, value in environment.items()))
        operator("rollout", "status", "deployment/modelway", "--timeout=120s")


@contextmanager
def world() -> Iterator[World]:
    """A fresh sandbox, gone afterwards with everything in it."""
    folder = Path(tempfile.mkdtemp(prefix="modelway-trial-"))
    try:
        (folder / "store").mkdir()
        with (
            serve_folder(folder / "store") as store,
            Sandbox.start(folder / "sandbox", endpoint_lag=ENDPOINT_LAG, warm=True, metrics=False) as sandbox,
        ):
            for kind in KINDS:
                store.put(f"{kind.name}.joblib", kind.model)
            kubectl = Kubectl(sandbox.kubectl, sandbox.kubeconfig)
            kubectl.apply(namespace_manifest(SYSTEM))
            helm.install(sandbox.kubeconfig, SYSTEM, VALUES)
            kubectl.apply(namespace_manifest(NAMESPACE))
            inside = kubectl.in_namespace(NAMESPACE)
            eventually(lambda: inside.exists("serviceaccount", "default"), deadline=60)
            eventually(lambda: inside.exists("configmap", "kube-root-ca.crt"), deadline=60)
            here = World(sandbox, inside, store)
            here.set_operator(MODELWAY_PROGRESS_DEADLINE_SECONDS=str(PROGRESS_SECONDS))
            yield here
    finally:
        shutil.rmtree(folder, ignore_errors=True)
