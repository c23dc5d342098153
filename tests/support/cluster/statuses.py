"""ModelDeployments as a real operator left them in a real cluster, one for each thing that Argo CD can say of them.

Usage: python -m support.cluster.statuses   records them anew (a minute; needs the sandbox).
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import yaml
from sklearn.dummy import DummyClassifier

from modelway.api.labels import ROLLOUT_ORDER_ANNOTATION
from modelway.api.orders import Order
from sandbox import Sandbox
from support.cluster import helm
from support.cluster.deployed import NOWHERE, Deployed
from support.cluster.sandbox import Kubectl, namespace_manifest
from support.stores.model_store import ModelStore, Quiet
from support.waiting import eventually

Object = dict[str, Any]

FILE = Path(__file__).with_name("statuses.yaml")
SYSTEM, MODELS = "modelway-system", "models"


def read_recorded() -> dict[str, Object]:
    """The objects by what is so; the health that Argo CD should see is in the name: `degraded-never-served`."""
    return {name: dict(resource) for name, resource in yaml.safe_load(FILE.read_text()).items()}


def record(kubectl: Kubectl, store: ModelStore, stop_operator: Callable[[], object]) -> Iterator[tuple[str, Object]]:
    """Bring every state about, one after the other, and give each as soon as it holds."""
    good = {"uri": store.put("good.joblib", DummyClassifier().fit([[0.0], [1.0]], [0, 1]))}
    absent = {"uri": store.uri("absent.joblib")}
    names = ("served", "scaled", "lonely", "broken", "updated", "paused")
    served, scaled, lonely, broken, updated, paused = (Deployed(kubectl, name) for name in names)
    served.apply(model=good)
    scaled.apply(model=good, scaling={"min": 1, "max": 2})
    lonely.apply(model=good, scheduling=NOWHERE)
    broken.apply(model=absent)
    updated.apply(model=good)
    paused.apply(model=good, suspend=True)
    for one in (served, scaled, updated):
        one.is_ready()
    yield "healthy-served", _object(served)
    yield "healthy-autoscaled", _object(scaled)
    lonely.becomes("Unschedulable")
    yield "progressing-unschedulable", _object(lonely)
    broken.becomes("ModelNotFound")
    yield "degraded-never-served", _object(broken)
    paused.becomes("Suspended")
    yield "suspended", _object(paused)
    updated.apply(model=good, scheduling=NOWHERE)
    updated.becomes("Unschedulable")
    yield "progressing-beside-the-old", _object(updated)
    updated.apply(model=absent)
    updated.becomes("ModelNotFound")
    yield "degraded-beside-the-old", _object(updated)
    yield from _record_rollouts(
        kubectl, good, {"uri": store.put("other.joblib", DummyClassifier().fit([[0.0], [1.0]], [1, 2]))}
    )
    stop_operator()
    served.apply(model=absent)
    yield "progressing-generation-behind", _object(served)
    broken.apply(model=good, suspend=True)
    yield "progressing-not-yet-suspended", _object(broken)
    yield "progressing-never-seen", _object(Deployed(kubectl, "new").apply(model=good))


def _record_rollouts(kubectl: Kubectl, good: Object, other: Object) -> Iterator[tuple[str, Object]]:
    """The states of a canary: under way, paused, rolled back."""
    canary = Deployed(kubectl, "canary-of-v2")
    rollout = {"strategy": "Canary"}
    canary.apply(model=good, rollout=rollout).is_ready()
    canary.apply(model=other, rollout=rollout).becomes("RolloutProgressing")
    eventually(lambda: canary.status["rollout"]["phase"] == "Progressing", deadline=60)
    yield "progressing-rollout", _object(canary)
    canary.apply(model=other, rollout={**rollout, "paused": True}).becomes("RolloutSuspended")
    yield "suspended-rollout", _object(canary)
    order = Order("abort", canary.status["rollout"]["revision"], "ada", datetime.now(UTC))
    kubectl("annotate", "mdep", canary.name, f"{ROLLOUT_ORDER_ANNOTATION}={order.as_annotation()}")
    canary.becomes("RolledBack")
    yield "degraded-rolled-back", _object(canary)


def _object(deployed: Deployed) -> Object:
    resource = deployed.kubectl.get("modeldeployment", deployed.name)
    resource["metadata"].pop("managedFields", None)
    return resource


def main() -> None:
    """Record on a sandbox of our own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server,
    ):
        Thread(target=server.serve_forever, daemon=True).start()
        store = ModelStore(Path(folder), f"http://127.0.0.1:{server.server_port}")
        with Sandbox.start(Path(folder, "sandbox"), metrics=False) as sandbox:
            kubectl = Kubectl(sandbox.kubectl, sandbox.kubeconfig)
            kubectl.apply([namespace_manifest(SYSTEM), namespace_manifest(MODELS)])
            helm.install(sandbox.kubeconfig, SYSTEM, {"preflight": {"enabled": False}})
            stop = partial(kubectl, "scale", "deployment/modelway", "-n", SYSTEM, "--replicas=0", "--timeout=30s")
            states = dict(record(kubectl.in_namespace(MODELS), store, stop))
        server.shutdown()
    FILE.write_text(
        "# Recorded by `python -m support.cluster.statuses`.\n"
        + yaml.safe_dump(json.loads(json.dumps(states)), sort_keys=False, width=120)
    )
    sys.stdout.write(f"wrote {FILE}\n")


if __name__ == "__main__":
    main()
