"""Status settles and does not flap: a watch bears witness of every reason that each model goes through, in one namespace, all at once.

A story is told reason by reason. None may come back once another one took its place, but for `Serving` after a failure that passed by itself.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psutil
import pytest

from sandbox import Sandbox
from support.cluster.deployed import COLD, Deployed
from support.cluster.pinned import apply_pinned
from support.cluster.sandbox import Kubectl, Object, namespace_manifest
from support.cluster.silent_node import report_ready, silent_node
from support.cluster.witness import Witness
from support.models import Hungry, Told
from support.stores.model_store import ModelStore
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

SECONDS = 180.0
SETTLED_SECONDS = 10.0
SMALL = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "450Mi"}}
ENDS_AT_ONCE = f"broken/server-{os.getpid()}"
BROKEN = {"resources": SMALL, "image": f"{ENDS_AT_ONCE}:1"}
ROOM = f"silent-{os.getpid()}"
IMAGE = f"later/server-{os.getpid()}"


class World:
    """The namespace of the stories."""

    def __init__(self, kubectl: Kubectl, witness: Witness) -> None:
        self.kubectl = kubectl
        self.witness = witness

    def story(self, name: str, *reasons: str) -> None:
        """Wait until a model has gone through exactly these reasons."""
        self.witness.saw(name, *reasons, deadline=SECONDS)
        assert self.witness.story(name) == list(reasons), self.witness.changes(name)

    def reached(self, name: str, *reasons: str) -> None:
        """Wait until the last reasons of a model are these."""
        self.witness.saw(name, *reasons, deadline=SECONDS)

    def pod(self, name: str) -> Object:
        """The pod of a model that is not going."""
        pods = self.kubectl.list("pods", f"modelway.dev/name={name}")
        living = [one for one in pods if "deletionTimestamp" not in one["metadata"]]
        assert len(living) == 1
        return living[0]

    def restarted(self, name: str) -> None:
        """Wait until the containers of a model's pod were started again twice."""
        eventually(lambda: self._restarts(name) >= 2, deadline=SECONDS)

    def _restarts(self, name: str) -> int:
        status = self.pod(name)["status"]
        both = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
        return sum(int(one["restartCount"]) for one in both)

    def kill(self, name: str) -> None:
        """End the server of a model from outside, as a node may."""
        metadata = self.pod(name)["metadata"]
        wanted = {f"--name={name}", f"--namespace={metadata['namespace']}"}
        servers = [one for one in psutil.process_iter(["cmdline"]) if wanted <= set(one.info["cmdline"] or ())]
        assert servers
        for server in servers:
            server.kill()

    def settled(self, name: str) -> None:
        """Within how long status follows the pod's own readiness."""
        pod = next(one for one in self.pod(name)["status"]["conditions"] if one["type"] == "Ready")
        ready = Deployed(self.kubectl, name).condition()
        assert ready["status"] == pod["status"] == "True"
        assert _seconds(ready) - _seconds(pod) <= SETTLED_SECONDS


def _seconds(condition: Object) -> float:
    return datetime.fromisoformat(condition["lastTransitionTime"]).timestamp()


@pytest.fixture(scope="module")
def world(sandbox: Sandbox, cluster_kubectl: Kubectl, installed: str, model_store: ModelStore) -> Iterator[World]:
    """Every story at its beginning."""
    name = f"settle-{os.getpid()}"
    cluster_kubectl.create(namespace_manifest(name))
    kubectl = cluster_kubectl.in_namespace(name)
    eventually(lambda: kubectl.exists("serviceaccount", "default"))
    images = {**json.loads(sandbox.images.read_text()), ENDS_AT_ONCE: {"entrypoint": ["/bin/false"]}}
    sandbox.images.write_text(json.dumps(images))
    well, hungry = model_store.put("told.joblib", Told().fit()), model_store.put("hungry.joblib", Hungry())
    small: dict[str, Any] = {"runtime": {"resources": SMALL}}
    silent = {"nodeSelector": {"example.com/room": ROOM}, "tolerations": [{"key": "silent", "operator": "Exists"}]}
    taint = {"key": "silent", "effect": "NoSchedule"}
    with silent_node(cluster_kubectl, ROOM, taints=[taint]), Witness(kubectl) as witness:
        Deployed(kubectl, "greedy").apply(model={"uri": well}, scheduling=COLD, **small)
        Deployed(kubectl, "killed").apply(model={"uri": well}, **small)
        Deployed(kubectl, "loops").apply(model={"uri": well}, runtime=BROKEN)
        Deployed(kubectl, "hungry").apply(model={"uri": hungry}, scheduling=COLD, **small)
        Deployed(kubectl, "uploaded").apply(model={"uri": model_store.uri("later.joblib")}, **small)
        Deployed(kubectl, "secret").apply(model={"uri": well, "storage": {"secretRef": {"name": "store"}}}, **small)
        apply_pinned(Deployed(kubectl, "pulled"), f"{IMAGE}:1", model={"uri": well}, **small)
        Deployed(kubectl, "lost").apply(scheduling=silent)
        yield World(kubectl, witness)
    cluster_kubectl.discard("namespace", name)


def test_a_lost_node_is_told_when_its_pod_was_serving(world: World) -> None:
    eventually(lambda: world.pod("lost")["spec"].get("nodeName"))
    report_ready(world.kubectl, world.pod("lost"))
    # The cluster itself gives a node up after 40 to 50 s without news.
    world.story("lost", "Progressing", "Serving", "NodeLost")


def test_a_secret_that_comes_late(world: World) -> None:
    world.reached("secret", "SecretNotFound")
    world.kubectl("create", "secret", "generic", "store", "--from-literal=AWS_ACCESS_KEY_ID=x")
    world.story("secret", "Progressing", "SecretNotFound", "Serving")
    world.settled("secret")


def test_an_image_that_comes_late(world: World, sandbox: Sandbox) -> None:
    world.reached("pulled", "ImagePullFailed")
    # Through the failure and the back-off after it.
    eventually(lambda: "ImagePullBackOff" in json.dumps(world.pod("pulled")["status"]))
    images = json.loads(sandbox.images.read_text())
    sandbox.images.write_text(json.dumps({**images, IMAGE: images["modelway/server"]}))
    # The record names no revision before the second apply: what was suspended came first.
    world.reached("pulled", "Progressing", "ImagePullFailed", "Serving")
    world.settled("pulled")


def test_a_model_that_is_uploaded_late(world: World, model_store: ModelStore) -> None:
    world.reached("uploaded", "ModelNotFound")
    model_store.put("later.joblib", Told().fit())
    world.story("uploaded", "Progressing", "ModelNotFound", "Serving")
    world.settled("uploaded")


def test_a_kill_for_memory_while_serving_and_the_recovery(world: World) -> None:
    world.reached("greedy", "Serving")
    served = Deployed(world.kubectl, "greedy")
    eventually(lambda: served.ask([[0.0]]), deadline=30)
    began = time.time()
    with contextlib.suppress(AssertionError, OSError):
        served.ask([[-999.0]])
    world.story("greedy", "Progressing", "Serving", "OutOfMemory", "Serving")
    killed = next(one for one in world.witness.changes("greedy") if one.reason == "OutOfMemory")
    assert killed.at - began <= SETTLED_SECONDS
    assert "spec.runtime.resources.limits.memory" in killed.message
    world.settled("greedy")


def test_a_kill_and_then_a_deletion_of_the_pod(world: World) -> None:
    world.reached("killed", "Serving")
    world.kill("killed")
    world.story("killed", "Progressing", "Serving", "Killed", "Serving")
    world.kubectl.discard("pod", world.pod("killed")["metadata"]["name"])
    world.story("killed", "Progressing", "Serving", "Killed", "Serving", "NotEnoughReplicas", "Serving")
    world.settled("killed")


def test_crash_loop_keeps_its_reason_through_restarts(world: World, cluster_kubectl: Kubectl, installed: str) -> None:
    for name, reason in (("loops", "CrashLoop"), ("hungry", "OutOfMemory")):
        world.reached(name, reason)
        world.restarted(name)
        world.kubectl("delete", "pod", world.pod(name)["metadata"]["name"], "--wait=false", "--grace-period=1")
    operator = cluster_kubectl.in_namespace(installed)
    operator("delete", "pod", "-l", "app.kubernetes.io/name=modelway", "--wait=false")
    operator("rollout", "status", "deployment/modelway", "--timeout=60s")
    for name, reason in (("loops", "CrashLoop"), ("hungry", "OutOfMemory")):
        world.restarted(name)
        world.story(name, "Progressing", reason)


def test_the_right_spec_serves_after_a_loop(world: World, model_store: ModelStore) -> None:
    uri = model_store.uri("told.joblib")
    Deployed(world.kubectl, "loops").apply(model={"uri": uri}, runtime={"resources": SMALL})
    world.reached("loops", "CrashLoop", "Progressing", "Serving")
    world.settled("loops")
