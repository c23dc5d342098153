"""What keeps a container from starting on the process node: each says why, as a kubelet does, and heals by itself."""

import json
from typing import Any

import pytest

from sandbox import Sandbox
from support.cluster.pods import container, events, is_ready, once, pod, state, wait_for_end, waiting_reason
from support.cluster.sandbox import Kubectl
from support.waiting import eventually

pytestmark = pytest.mark.cluster


def test_an_unknown_image_backs_off_until_it_is_there(kubectl: Kubectl, sandbox: Sandbox, namespace: str) -> None:
    name = f"shop/{namespace}"
    kubectl.create(once(container("print('here')", image=f"{name}:2")))
    reasons: set[str] = set()

    def both() -> bool:
        reasons.add(waiting_reason(kubectl))
        return reasons >= {"ErrImagePull", "ImagePullBackOff"}

    eventually(both)
    assert any(f'Failed to pull image "{name}:2"' in text for text in events(kubectl, "Failed"))
    images = json.loads(sandbox.images.read_text())
    sandbox.images.write_text(json.dumps({**images, name: images["sandbox/python"]}))
    assert wait_for_end(kubectl)["status"]["phase"] == "Succeeded"


def test_image_without_credentials_is_refused_as_registries_do(
    kubectl: Kubectl, sandbox: Sandbox, namespace: str
) -> None:
    name = f"private/{namespace}"
    sandbox.images.write_text(json.dumps({**json.loads(sandbox.images.read_text()), name: {"forbidden": True}}))
    kubectl.create(pod(container(image=name)))
    eventually(lambda: waiting_reason(kubectl) == "ImagePullBackOff")
    assert "401 Unauthorized" in state(kubectl)["state"]["waiting"]["message"]


def test_an_image_that_may_not_be_pulled_is_never_pulled(kubectl: Kubectl) -> None:
    kubectl.create(pod(container(image="shop/none", imagePullPolicy="Never")))
    eventually(lambda: waiting_reason(kubectl) == "ErrImageNeverPull")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"envFrom": [{"secretRef": {"name": "login"}}]}, 'secret "login" not found'),
        ({"envFrom": [{"configMapRef": {"name": "login"}}]}, 'configmap "login" not found'),
    ],
)
def test_a_missing_source_of_the_environment_is_named(kubectl: Kubectl, source: dict[str, Any], message: str) -> None:
    kubectl.create(pod(container(**source)))
    eventually(lambda: waiting_reason(kubectl) == "CreateContainerConfigError")
    assert state(kubectl)["state"]["waiting"]["message"] == message


def test_pod_names_a_missing_key_and_starts_once_it_exists(kubectl: Kubectl, namespace: str) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}}
    kubectl.create(secret)
    env = [{"name": "USER", "valueFrom": {"secretKeyRef": {"name": "login", "key": "user"}}}]
    kubectl.create(pod(container(env=env)))
    eventually(lambda: waiting_reason(kubectl) == "CreateContainerConfigError")
    assert state(kubectl)["state"]["waiting"]["message"] == f"couldn't find key user in Secret {namespace}/login"
    kubectl.apply({**secret, "stringData": {"user": "joe"}})
    eventually(lambda: is_ready(kubectl))


def test_a_command_that_is_not_there_is_a_start_error(kubectl: Kubectl) -> None:
    kubectl.create(once(container(command=["no-such-program"])))
    ended = wait_for_end(kubectl)["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("StartError", 128)
    assert 'exec: "no-such-program": executable file not found in $PATH' in ended["message"]


def test_a_pod_larger_than_the_node_is_not_scheduled(kubectl: Kubectl) -> None:
    kubectl.create(pod(container(resources={"requests": {"cpu": "999"}})))
    eventually(lambda: any("Insufficient cpu" in text for text in events(kubectl, "FailedScheduling")))
