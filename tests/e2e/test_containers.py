"""What holds inside the real containers: who they run as, what they may do, and what the images do not have."""

import json

import pytest

from e2e.conftest import Example
from support.cluster.installed import SYSTEM
from support.cluster.sandbox import Kubectl, KubectlError

OPERATOR = ("-n", SYSTEM, "deployment/modelway", "-c", "operator")
SERVER = ("deployment/breast-cancer", "-c", "serve")
BOTH = pytest.mark.parametrize("target", [OPERATOR, SERVER], ids=["operator", "server"])

NOBODY = 65532


def python(kubectl: Kubectl, target: tuple[str, ...], expression: str) -> object:
    """The value of an expression in a container, by its own Python."""
    program = f"import glob, importlib.util, json, os, shutil; print(json.dumps({expression}))"
    return json.loads(kubectl("exec", *target, "--", "python3", "-c", program))


@BOTH
def test_it_runs_as_nobody_without_any_capability(example: Example, target: tuple[str, ...]) -> None:
    assert python(example.kubectl, target, "[os.getuid(), os.getgid()]") == [NOBODY, NOBODY]
    status = dict(
        line.split(":\t") for line in example.kubectl("exec", *target, "--", "cat", "/proc/1/status").splitlines()
    )
    assert status["Uid"].split() == [str(NOBODY)] * 4
    assert {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"  # a filter


@BOTH
@pytest.mark.parametrize("folder", ["/", "/opt/modelway", "/etc", "/var/tmp"])
def test_its_root_file_system_is_read_only(example: Example, target: tuple[str, ...], folder: str) -> None:
    with pytest.raises(KubectlError, match="Read-only file system"):
        example.kubectl("exec", *target, "--", "touch", f"{folder}/probe")


@BOTH
def test_it_has_no_compiler_and_no_package_manager(example: Example, target: tuple[str, ...]) -> None:
    tools, packages = "('gcc', 'cc', 'ld', 'make', 'git')", "('pip', 'setuptools', 'hatchling')"
    assert python(example.kubectl, target, f"[name for name in {tools} if shutil.which(name)]") == []
    assert python(example.kubectl, target, f"[name for name in {packages} if importlib.util.find_spec(name)]") == []
    assert python(example.kubectl, target, "glob.glob('/root/.cache/*') + glob.glob('/run/secrets/[pc]*')") == []


def test_the_server_holds_neither_kopf_nor_a_kubernetes_client(example: Example) -> None:
    names = "('kopf', 'kubernetes', 'kubernetes_asyncio', 'aiohttp')"
    assert python(example.kubectl, SERVER, f"[name for name in {names} if importlib.util.find_spec(name)]") == []


def test_server_image_holds_what_formats_need_and_no_more(example: Example) -> None:
    needed, further = "('onnxruntime', 'skl2onnx', 'skops', 'grpc')", "('xgboost', 'lightgbm', 'torch', 'grpc_tools')"
    assert python(example.kubectl, SERVER, f"[name for name in {needed} if not importlib.util.find_spec(name)]") == []
    assert python(example.kubectl, SERVER, f"[name for name in {further} if importlib.util.find_spec(name)]") == []
    assert python(example.kubectl, SERVER, "__import__('onnxruntime').get_available_providers()") != []


def test_no_container_of_a_model_may_write_but_where_it_has_to(example: Example) -> None:
    (pod,) = example.kubectl.list("pods")
    containers = pod["spec"]["initContainers"] + pod["spec"]["containers"]
    writable = {
        one["name"]: {mount["mountPath"] for mount in one["volumeMounts"] if not mount.get("readOnly")}
        for one in containers
    }
    assert writable == {"fetch": {"/mnt/models", "/tmp"}, "prepare": {"/mnt/prepared", "/tmp"}, "serve": {"/tmp"}}
    assert [one["name"] for one in containers if not one["securityContext"]["readOnlyRootFilesystem"]] == []
    assert [one["name"] for one in containers if "envFrom" in one] == []


def test_the_operator_holds_no_machine_learning(example: Example) -> None:
    names = "('sklearn', 'numpy', 'scipy', 'pandas')"
    assert python(example.kubectl, OPERATOR, f"[name for name in {names} if importlib.util.find_spec(name)]") == []


@pytest.mark.parametrize("where", [SYSTEM, None])
def test_a_privileged_pod_is_refused_beside_them(example: Example, cluster_kubectl: Kubectl, where: str | None) -> None:
    container = {"name": "intruder", "image": "intruder", "securityContext": {"privileged": True}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "intruder"}, "spec": {"containers": [container]}}
    with pytest.raises(KubectlError, match='violates PodSecurity "restricted'):
        cluster_kubectl.in_namespace(where or example.namespace).create(pod)


def test_the_kubelet_hands_out_the_logs(example: Example) -> None:
    lines = [json.loads(line) for line in example.kubectl("logs", *SERVER).splitlines()]
    assert "ready" in {line["message"] for line in lines}
