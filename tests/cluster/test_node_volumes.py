"""Volumes of the process node: their content, how they follow the API, and their limits."""

import base64
import json

import pytest

from sandbox import Sandbox
from support.cluster.pods import Object, container, events, once, output, pod, state, wait_for_end, waiting_reason
from support.cluster.sandbox import Kubectl
from support.waiting import eventually

pytestmark = pytest.mark.cluster

# Prints the content of every file of /data, with its mode, as JSON.
SHOW = """
import json, os
print(json.dumps({n: [open("/data/" + n).read(), oct(os.stat("/data/" + n).st_mode & 0o777)]
                  for n in os.listdir("/data") if os.path.isfile("/data/" + n)}))
"""
# Waits until /data/key holds what its argument says.
AWAIT = """
import os, sys, time
while not os.path.exists("/data/key") or open("/data/key").read() != sys.argv[1]:
    time.sleep(0.05)
"""


def configmap(**data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data}


def mounting(code: str, *arguments: str) -> Object:
    main = container(code, volumeMounts=[{"name": "data", "mountPath": "/data"}])
    main["args"] += arguments
    return main


def test_items_choose_keys_paths_and_modes(kubectl: Kubectl) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"a": "1", "b": "2"}}
    kubectl.create(secret)
    source = {
        "secretName": "keys",
        "defaultMode": 0o440,
        "items": [{"key": "a", "path": "one"}, {"key": "b", "path": "two", "mode": 0o400}],
    }
    text = output(kubectl, once(mounting(SHOW), volumes=[{"name": "data", "secret": source}]))
    assert json.loads(text) == {"one": ["1", "0o440"], "two": ["2", "0o400"]}


def test_projected_volume_holds_a_token_of_the_pods_account(kubectl: Kubectl, namespace: str) -> None:
    sources = [
        {"serviceAccountToken": {"path": "token", "audience": "bank", "expirationSeconds": 600}},
        {"configMap": {"name": "kube-root-ca.crt"}},
        {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
    ]
    manifest = once(mounting(SHOW), volumes=[{"name": "data", "projected": {"sources": sources}}])
    manifest["metadata"]["labels"] = {"tier": "gold"}
    files = {name: content for name, (content, _) in json.loads(output(kubectl, manifest)).items()}
    claims = json.loads(base64.urlsafe_b64decode(files["token"].split(".")[1] + "=="))
    assert claims["aud"] == ["bank"]
    assert claims["sub"] == f"system:serviceaccount:{namespace}:default"
    assert files["labels"] == 'tier="gold"'
    assert files["ca.crt"].startswith("-----BEGIN CERTIFICATE")


def test_the_token_lets_a_pod_talk_to_the_api_server(kubectl: Kubectl, namespace: str) -> None:
    ask = """
import os, ssl, urllib.request
folder = "/var/run/secrets/kubernetes.io/serviceaccount/"
url = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}/apis"
request = urllib.request.Request(url, headers={"Authorization": "Bearer " + open(folder + "token").read()})
print(urllib.request.urlopen(request, context=ssl.create_default_context(cafile=folder + "ca.crt")).status)
"""
    assert output(kubectl, once(container(ask))).strip() == "200"


def test_optional_configmap_appears_in_a_running_pod(kubectl: Kubectl) -> None:
    volumes = [{"name": "data", "configMap": {"name": "settings", "optional": True}}]
    early, late = ({**mounting(AWAIT, word), "name": name} for word, name in (("first", "early"), ("second", "late")))
    kubectl.create(once(early, late, volumes=volumes))
    eventually(lambda: "running" in state(kubectl, "early")["state"] and "running" in state(kubectl, "late")["state"])
    kubectl.create(configmap(key="first"))
    eventually(lambda: "terminated" in state(kubectl, "early")["state"])
    kubectl.apply(configmap(key="second"), "--force-conflicts")
    assert wait_for_end(kubectl)["status"]["phase"] == "Succeeded"


def test_pod_waits_until_its_missing_configmap_exists(kubectl: Kubectl) -> None:
    kubectl.create(once(mounting(SHOW), volumes=[{"name": "data", "configMap": {"name": "settings"}}]))
    wanted = 'MountVolume.SetUp failed for volume "data" : configmap "settings" not found'
    eventually(lambda: wanted in events(kubectl, "FailedMount"))
    assert waiting_reason(kubectl) == "ContainerCreating"
    kubectl.create(configmap(key="now"))
    assert wait_for_end(kubectl)["status"]["phase"] == "Succeeded"


def test_emptydir_is_shared_in_its_pod_and_removed_with_it(kubectl: Kubectl, sandbox: Sandbox) -> None:
    write = mounting("open('/data/key', 'w').write('hello')") | {"name": "writer"}
    volumes = [{"name": "data", "emptyDir": {"medium": "Memory"}}]
    kubectl.create(once(mounting(AWAIT, "hello"), initContainers=[write], volumes=volumes))
    uid = wait_for_end(kubectl)["metadata"]["uid"]
    folder = sandbox.directory / "pods" / uid
    assert folder.exists()
    kubectl("delete", "pod", "pod")
    eventually(lambda: not folder.exists())


def test_a_pod_whose_emptydir_outgrows_its_limit_is_evicted(kubectl: Kubectl) -> None:
    fill = "open('/data/big', 'wb').write(b'x' * 5_000_000); import time; time.sleep(600)"
    kubectl.create(pod(mounting(fill), volumes=[{"name": "data", "emptyDir": {"sizeLimit": "1Mi"}}]))
    status = wait_for_end(kubectl)["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "Evicted")
    assert 'Usage of EmptyDir volume "data" exceeds the limit "1Mi"' in status["message"]


def test_labels_that_change_reach_the_downward_volume(kubectl: Kubectl) -> None:
    items = [{"path": "key", "fieldRef": {"fieldPath": "metadata.labels['stage']"}}]
    kubectl.create(once(mounting(AWAIT, "late"), volumes=[{"name": "data", "downwardAPI": {"items": items}}]))
    eventually(lambda: "running" in state(kubectl)["state"])
    kubectl("label", "pod", "pod", "stage=late")
    assert wait_for_end(kubectl)["status"]["phase"] == "Succeeded"
