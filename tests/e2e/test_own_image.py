"""A model with a class of its own, served from an image of its own."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import yaml

from e2e.conftest import READY_SECONDS, reaches
from e2e.images import OWN, OWN_IMAGE, image
from support.cluster.deployed import Deployed
from support.cluster.sandbox import Kubectl, Object, namespace_manifest
from support.waiting import eventually


@pytest.fixture
def shop(cluster_kubectl: Kubectl, installed: str, models: Path) -> Kubectl:
    """A namespace, and the example's model in the store."""
    subprocess.run([sys.executable, str(OWN_IMAGE / "train.py"), str(models)], check=True)
    cluster_kubectl.apply(namespace_manifest("shop"))
    return cluster_kubectl.in_namespace("shop")


def manifest(**runtime: str) -> Object:
    document: Object = yaml.safe_load((OWN_IMAGE / "modeldeployment.yaml").read_text())
    document["spec"]["runtime"] |= runtime
    return document


def test_it_answers_from_its_image_and_fetches_by_the_platforms(shop: Kubectl) -> None:
    shop.apply(manifest(image=OWN))
    churn = Deployed(shop, "churn").is_ready(deadline=READY_SECONDS)
    url = churn.status["url"]
    eventually(lambda: reaches(url), deadline=READY_SECONDS)
    endpoint, body = f"{url}/v2/models/churn/infer", (OWN_IMAGE / "request.json").read_bytes()
    request = urllib.request.Request(endpoint, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer)["outputs"][0]["shape"] == [2, 2]
    (pod,) = shop.list("pods")
    images = {one["name"]: one["image"] for one in pod["spec"]["initContainers"] + pod["spec"]["containers"]}
    assert images == {"fetch": image("server"), "prepare": OWN, "serve": OWN}
