"""What a platform team does once: the operator from the chart, and somewhere for models to come from."""

from typing import Any

import yaml

from demo.place import ROOT, Place
from demo.progress import Narrator
from support.cluster import helm
from support.cluster.sandbox import namespace_manifest

Object = dict[str, Any]

SYSTEM = "modelway-system"
STORE = "model-store"
DRAIN_SECONDS = 5
"""More than the sandbox's endpoint lag of 2 s; less than the chart's default, to see the update end sooner."""


def install(place: Place, narrator: Narrator) -> None:
    """Install the chart in a namespace that enforces restricted pods; the operator runs under the chart's ServiceAccount.

    Raises:
        HelmError: the operator did not become ready.
    """
    port = place.service_port
    values = {"server": {"servicePort": port, "drainSeconds": DRAIN_SECONDS}}
    options = f"--set server.drainSeconds={DRAIN_SECONDS}" + (f",server.servicePort={port}" if port != 80 else "")
    narrator.command(f"helm install modelway charts/modelway -n {SYSTEM} --create-namespace {options}")
    with narrator.step("The operator starts, with the rights of the chart's own ServiceAccount"):
        place.kubectl.apply(namespace_manifest(SYSTEM))
        helm.install(place.kubeconfig, SYSTEM, values)


def open_store(place: Place, narrator: Narrator) -> None:
    """Serve the trained models inside the cluster, in place of an S3 bucket or a web server."""
    text = (ROOT / "examples" / "model-store" / "store.yaml").read_text()
    namespace, *others = yaml.safe_load_all(text.replace("MODELS_FOLDER", str(place.models)))
    with narrator.step("A store of models opens at http://models.model-store.svc:8080"):
        place.kubectl.apply(namespace)
        place.kubectl.apply(others if place.sandboxed else _portable(others, place))
        place.kubectl("rollout", "status", "deployment/models", "-n", STORE, "--timeout=60s")


def close(place: Place, narrator: Narrator, namespace: str) -> None:
    """Take everything out of a cluster that stays: models, store, operator, resource definition."""
    with narrator.step("Removing the models, the store and the operator"):
        place.kubectl("delete", "namespace", namespace, STORE, "--ignore-not-found", "--timeout=55s")
        helm.uninstall(place.kubeconfig, SYSTEM)
        place.kubectl("delete", "crd", "modeldeployments.modelway.dev", "--ignore-not-found")
        place.kubectl("delete", "namespace", SYSTEM, "--ignore-not-found", "--timeout=55s")


def _portable(manifests: list[Object], place: Place) -> list[Object]:
    """The store for a cluster that does not see this machine's files: they travel in a ConfigMap, Python comes with the server image."""
    names = [str(path.relative_to(place.models)) for path in sorted(place.models.rglob("*.joblib"))]
    keys = {name: name.replace("/", "_") for name in names}
    files = [f"--from-file={key}={place.models / name}" for name, key in keys.items()]
    content = place.kubectl("create", "configmap", "models", "-n", STORE, *files, "--dry-run=client", "-o", "yaml")
    deployment, *others = manifests
    pod = deployment["spec"]["template"]["spec"]
    pod["volumes"] = [
        {
            "name": "models",
            "configMap": {"name": "models", "items": [{"key": key, "path": name} for name, key in keys.items()]},
        }
    ]
    pod["containers"][0]["image"] = "modelway/server:0.1.0"
    return [yaml.safe_load(content), deployment, *others]
