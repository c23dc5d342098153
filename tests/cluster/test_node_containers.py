"""How the process node makes a container: environment, command, files, identity."""

import json

import pytest

from sandbox.processes import MARK
from support.cluster.pods import POD_IP, PORT, SERVE, container, is_ready, once, output, pod, state, wait_for_end
from support.cluster.sandbox import Kubectl
from support.waiting import eventually

pytestmark = pytest.mark.cluster

SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "login"},
    "stringData": {"user": "joe", "key": "k"},
}
CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tuning"}, "data": {"SPEED": "9"}}
SHOW_ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"
# Tries to write to each path of its argument list.
WRITE = """
import sys
for path in sys.argv[1:]:
    try:
        open(path, "w").write("x")
        print(path, "written")
    except OSError as error:
        print(path, error.strerror)
"""


def test_an_environment_comes_from_everything_a_spec_may_name(kubectl: Kubectl) -> None:
    kubectl.create([SECRET, CONFIG])
    env = [
        POD_IP,
        {"name": "URL", "value": "http://$(POD_IP):$(SPEED)/$$(SPEED)/$(NOT_THERE)"},
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "USER", "valueFrom": {"secretKeyRef": {"name": "login", "key": "user"}}},
        {"name": "MAYBE", "valueFrom": {"configMapKeyRef": {"name": "no", "key": "no", "optional": True}}},
        {"name": "MILLICPU", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1m"}}},
    ]
    sources = [{"configMapRef": {"name": "tuning"}}, {"secretRef": {"name": "login"}, "prefix": "LOGIN_"}]
    main = container(SHOW_ENVIRONMENT, env=env, envFrom=sources, resources={"requests": {"cpu": "250m"}})
    environment = json.loads(output(kubectl, once(main)))
    address = kubectl.get("pod", "pod")["status"]["podIP"]
    assert environment["URL"] == f"http://{address}:9/$(SPEED)/$(NOT_THERE)"
    assert (environment["NAME"], environment["USER"], environment["LOGIN_key"], environment["MILLICPU"]) == (
        "pod",
        "joe",
        "k",
        "250",
    )
    assert "MAYBE" not in environment


def test_an_environment_holds_nothing_of_the_nodes_own(kubectl: Kubectl) -> None:
    environment = json.loads(output(kubectl, once(container(SHOW_ENVIRONMENT))))
    known = {"PATH", "HOME", "HOSTNAME", "LC_CTYPE", "MODELWAY_HOST", MARK}
    assert {name for name in environment if not name.startswith("KUBERNETES_SERVICE_")} == known


def test_command_replaces_the_entrypoint_and_both_are_expanded(kubectl: Kubectl) -> None:
    main = container(
        command=["sh", "-c"], args=["echo $(GREETING) '$$(GREETING)'"], env=[{"name": "GREETING", "value": "hello"}]
    )
    assert output(kubectl, once(main)).strip() == "hello $(GREETING)"


def test_container_reaches_its_volumes_at_any_path_and_no_more(kubectl: Kubectl) -> None:
    paths = ["/mnt/models/a", "/opt/new/b", "/tmp/c", "/etc/d", "/e"]
    main = container(WRITE, securityContext={**container()["securityContext"], "readOnlyRootFilesystem": True})
    main["args"] += paths
    main["volumeMounts"] = [
        {"name": "scratch", "mountPath": "/mnt/models"},
        {"name": "scratch", "mountPath": "/opt/new", "readOnly": True},
        {"name": "scratch", "mountPath": "/tmp", "subPath": "below"},
    ]
    lines = output(kubectl, once(main, volumes=[{"name": "scratch", "emptyDir": {}}])).splitlines()
    refused = "Read-only file system"
    expected = ["written", refused, "written", refused, refused]
    assert lines == [f"{path} {result}" for path, result in zip(paths, expected, strict=True)]


def test_container_runs_as_the_user_of_the_pod_and_process_1(kubectl: Kubectl) -> None:
    show = "import os; print(os.getuid(), os.getpid(), os.uname().nodename)"
    context = {"runAsUser": 4242, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert output(kubectl, once(container(show), securityContext=context)).split() == ["4242", "1", "pod"]


def test_pods_listen_on_the_same_port_each_on_its_own_address(kubectl: Kubectl) -> None:
    probe = {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1}
    for name in ("one", "two"):
        kubectl.create(pod(container(SERVE, env=[POD_IP], startupProbe=probe), name=name))
    eventually(lambda: is_ready(kubectl, "one") and is_ready(kubectl, "two"))
    assert kubectl.get("pod", "one")["status"]["podIP"] != kubectl.get("pod", "two")["status"]["podIP"]


def test_services_have_names_in_a_pod_also_those_made_later(kubectl: Kubectl, namespace: str) -> None:
    ask = f"""
import socket, time
def address():
    try:
        return socket.gethostbyname("late.{namespace}.svc")
    except OSError:
        return None
while not address():
    time.sleep(0.05)
print(address(), socket.gethostbyname("late"))
"""
    kubectl.create(once(container(ask)))
    eventually(lambda: "running" in state(kubectl)["state"])
    spec = {"ports": [{"port": 8090}], "selector": {"app": "late"}}
    kubectl.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "late"}, "spec": spec})
    wait_for_end(kubectl)
    assert kubectl("logs", "pod").split() == [kubectl.get("service", "late")["spec"]["clusterIP"]] * 2


def test_logs_keep_the_streams_of_a_run_and_of_the_one_before(kubectl: Kubectl) -> None:
    code = "import sys, time; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    kubectl.create(pod(container(code)))
    eventually(lambda: sorted(kubectl("logs", "pod", "--previous").split()) == ["err", "out"])
