"""A real kubelet runs the Job that proves a revision, restricted and with the model's Secret."""

from pathlib import Path

from e2e.conftest import READY_SECONDS, manifest
from support.cluster.deployed import Deployed
from support.cluster.sandbox import Kubectl, namespace_manifest

SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "store"},
    "stringData": {"HTTP_USERNAME": "ann", "HTTP_PASSWORD": "open sesame"},
}


def test_revision_is_proved_with_its_secret(models: Path, installed: str, cluster_kubectl: Kubectl) -> None:
    cluster_kubectl.apply(namespace_manifest("proved"))
    kubectl = cluster_kubectl.in_namespace("proved")
    kubectl.apply(SECRET)
    document = manifest("v1")
    document["spec"]["model"]["storage"] = {"secretRef": {"name": "store"}}
    document["spec"]["preflight"] = {"enabled": True}
    kubectl.apply(document)
    model = Deployed(kubectl, "breast-cancer").is_ready(deadline=READY_SECONDS)
    (entry,) = model.status["revisions"]
    assert entry["verdict"] == "Accepted"
    fetch = model.child("deployment")["spec"]["template"]["spec"]["initContainers"][0]
    assert f"--digest={entry['digest']}" in fetch["args"]
    kubectl("delete", "mdep", "breast-cancer")
