"""`modelway status` and `modelway explain` on a real cluster, and both as a plugin of the real kubectl."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from sklearn.tree import DecisionTreeClassifier

from modelway.api.orders import order_in
from sandbox import Sandbox
from support.cluster.deployed import NOWHERE, Deployed
from support.cluster.sandbox import Kubectl, Object
from support.operator.rollouts import rolled
from support.operator.specs import manifest
from support.stores.model_store import ModelStore

pytestmark = pytest.mark.cluster

PROGRAMS = Path(sys.executable).parent
"""Where the console scripts of this Python environment are."""
ASK_BASH = """
source <(modelway completion bash)
COMP_LINE="modelway $1"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9
_python_argcomplete modelway
printf '%s\\n' "${COMPREPLY[@]}"
"""

ASK_FISH = "modelway completion fish | source; complete -C 'modelway '$argv[1]"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def modelway(sandbox: Sandbox, namespace: str) -> Run:
    """`modelway COMMAND ...` in the test's namespace."""

    def run(command: str, *arguments: str, kubeconfig: Path = sandbox.kubeconfig) -> "subprocess.CompletedProcess[str]":
        line = [sys.executable, "-m", "modelway", command, "-n", namespace, *arguments]
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=120, check=False)

    return run


def test_status_tells_served_failed_and_absent_models_apart(
    deployed: Deployed, model_store: ModelStore, modelway: Run, namespace: str
) -> None:
    model = DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1])
    deployed.apply(model={"uri": model_store.put("fraud.joblib", model), "version": "v1"})
    churn = Deployed(deployed.kubectl, "churn").apply(model={"uri": model_store.uri("nothing.joblib")})
    churn.becomes("ModelNotFound")
    deployed.is_ready()

    listed = {one["name"]: one for one in json.loads(modelway("status", "-o", "json").stdout)}
    assert (listed["fraud"]["ready"], listed["fraud"]["stable"], listed["fraud"]["pods"]) == (
        "True",
        "v1",
        {"ready": 1, "total": 1},
    )
    assert (listed["churn"]["reason"], listed["churn"]["stalled"]) == ("ModelNotFound", True)
    assert yaml.safe_load(modelway("status", "churn", "-o", "yaml").stdout)["name"] == "churn"
    table = modelway("status").stdout
    assert [line.split()[:3] for line in table.splitlines()[1:3]] == [
        ["churn", "False", "ModelNotFound"],
        ["fraud", "True", "Serving"],
    ]
    assert f"churn: There is nothing at {model_store.uri('nothing.joblib')}" in table

    good = modelway("explain", "fraud")
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith(f"fraud in namespace {namespace}: ready.\n")
    assert f"curl http://fraud.{namespace}.svc" in good.stdout
    assert "What to do" not in good.stdout
    bad = modelway("explain", "churn").stdout
    assert "ModelNotFound: There is nothing at" in bad
    assert "| error: there is nothing at" in bad
    assert f"kubectl -n {namespace} logs churn-" in bad

    missing = modelway("explain", "frod")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert (
        missing.stderr
        == f"modelway: there is no ModelDeployment frod in namespace {namespace}: there are churn, fraud\n"
    )


def test_person_with_few_rights_is_told_what_they_cannot_see(
    deployed: Deployed, modelway: Run, kubectl: Kubectl, sandbox: Sandbox, tmp_path: Path
) -> None:
    deployed.apply(scheduling=NOWHERE).becomes("Unschedulable")

    kubeconfig = person(kubectl, sandbox, tmp_path, "viewer", "view")
    line = [sys.executable, "-m", "modelway", "explain", "fraud", "--kubeconfig", str(kubeconfig)]
    # No -n: the namespace is that of the context.
    viewer = subprocess.run(line, capture_output=True, text=True, timeout=120, check=True)
    assert "Not to be seen" not in viewer.stdout
    assert "waits for a node" in viewer.stdout

    half = modelway(
        "explain", "fraud", kubeconfig=person(kubectl, sandbox, tmp_path, "half", "modelway:modelway-system:view")
    )
    assert half.returncode == 0
    assert "pods: pods is forbidden" in half.stdout
    assert "Unschedulable: No node takes pod" in half.stdout

    nobody = modelway("status", kubeconfig=person(kubectl, sandbox, tmp_path, "nobody", None))
    assert nobody.returncode == 1
    assert "Ask for the role view in the namespace, or name another one with -n." in nobody.stderr


def test_a_model_goes_back_to_what_serves_and_forth_again(
    deployed: Deployed, model_store: ModelStore, modelway: Run, sandbox: Sandbox, tmp_path: Path
) -> None:
    kubectl = deployed.kubectl
    uri = model_store.put("history.joblib", DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1]))
    deployed.apply(model={"uri": uri, "version": "v1"}).is_ready()
    deployed.apply(model={"uri": model_store.uri("nothing.joblib"), "version": "v2"}, scaling={"replicas": 1})
    deployed.becomes("ModelNotFound")
    listed = json.loads(modelway("history", "fraud", "-o", "json").stdout)
    assert [(one["revision"], one["state"], one["changed"]) for one in listed] == [
        (2, "comes", ["model.uri", "model.version"]),
        (1, "serves", []),
    ]

    generation = kubectl.get("mdep", "fraud")["metadata"]["generation"]
    assert "would go back to revision 1" in modelway("undo", "fraud", "--dry-run").stdout
    viewer = modelway("undo", "fraud", kubeconfig=person(kubectl, sandbox, tmp_path, "viewer", "view"))
    assert (viewer.returncode, "Ask for the role edit" in viewer.stderr) == (1, True)
    assert kubectl.get("mdep", "fraud")["metadata"]["generation"] == generation

    undone = modelway("undo", "fraud")
    assert undone.returncode == 0, undone.stderr
    assert f"+    uri: {uri}" in undone.stdout
    deployed.is_ready()
    assert (deployed.status["stable"]["version"], "candidate" in deployed.status) == ("v1", False)
    assert kubectl.get("mdep", "fraud")["spec"]["scaling"] == {"replicas": 1}
    assert "already: nothing is changed" in modelway("undo", "fraud", "--to", "1").stdout
    assert modelway("undo", "fraud", "--to", "7").returncode == 1

    modelway("undo", "fraud", "--to", "2")
    deployed.becomes("ModelNotFound")


def test_an_order_about_a_rollout_names_who_asks(modelway: Run, kubectl: Kubectl, crd: str) -> None:
    document = rolled(spec={"suspend": True})
    kubectl.apply({**document, "metadata": {"name": "fraud"}})
    status = json.dumps({"status": {"rollout": document["status"]["rollout"]}})
    kubectl("patch", "mdep", "fraud", "--subresource=status", "--type=merge", "-p", status)
    refused = modelway("retry", "fraud")
    assert (refused.returncode, "still goes on. To end it first: modelway abort fraud" in refused.stderr) == (1, True)
    aborted = modelway("abort", "fraud")
    assert (aborted.returncode, aborted.stderr) == (
        0,
        "Warning: spec.suspend is true: nothing follows until it is false\n",
    )
    order = order_in(kubectl.get("mdep", "fraud")["metadata"]["annotations"])
    assert order is not None
    assert (order.action, order.revision) == ("abort", document["status"]["rollout"]["revision"])
    assert order.by == kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")


def person(kubectl: Kubectl, sandbox: Sandbox, folder: Path, name: str, role: str | None) -> Path:
    """The kubeconfig of a person with a cluster role in the namespace, whose context names the namespace."""
    kubectl("create", "serviceaccount", name)
    config: Object = yaml.safe_load(sandbox.kubeconfig.read_text())
    namespace = kubectl.get("serviceaccount", name)["metadata"]["namespace"]
    if role is not None:
        kubectl("create", "rolebinding", name, f"--clusterrole={role}", f"--serviceaccount={namespace}:{name}")
    config["users"] = [{"name": name, "user": {"token": kubectl("create", "token", name)}}]
    config["contexts"][0]["context"] |= {"user": name, "namespace": namespace}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def test_kubectl_runs_it_as_a_plugin_and_completes_it(kubectl: Kubectl, sandbox: Sandbox, crd: str) -> None:
    kubectl.apply({**manifest("fraud", suspend=True)})
    namespace = kubectl("get", "mdep", "fraud", "-o", "jsonpath={.metadata.namespace}")
    environment = {
        **os.environ,
        "KUBECONFIG": str(sandbox.kubeconfig),
        "PATH": os.pathsep.join([str(PROGRAMS), str(sandbox.kubectl.parent), os.environ["PATH"]]),
    }

    def run(*command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    assert "kubectl modelway" in run("kubectl", "modelway", "--help").stdout.splitlines()[0]
    assert run("kubectl", "modelway", "explain", "fraud", "-n", namespace).stdout.startswith("fraud in namespace")
    missing = run("kubectl", "modelway", "explain", "nowhere", "-n", namespace)
    assert missing.stderr.startswith("kubectl modelway: there is no ModelDeployment nowhere")
    assert run("kubectl", "modelway", "explain").returncode == 2
    completed = run("kubectl", "__complete", "modelway", "explain", "-n", namespace, "fr").stdout
    assert completed.splitlines()[:2] == ["fraud", ":4"]

    def bash(typed: str) -> list[str]:
        return run("bash", "--norc", "-c", ASK_BASH, "bash", typed).stdout.split()

    assert bash("v") == ["validate"]
    assert sorted(bash("re")) == ["refresh", "render", "resume", "retry"]
    assert bash("status --all") == ["--all-namespaces"]
    assert bash(f"status -n {namespace} f") == ["fraud"]
    if shutil.which("fish"):
        completion = run("fish", "--no-config", "-c", ASK_FISH, f"status -n {namespace} f")
        assert completion.stdout.split() == ["fraud"], completion
