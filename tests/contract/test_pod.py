"""What the operator writes into a pod is what the server reads there."""

import argparse
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, get_args

import joblib
import pytest
from sklearn.cluster import KMeans

from modelway.api.quantity import byte_count
from modelway.api.v1alpha1 import Model, ModelDeployment, Runtime
from modelway.cli.local_pod import processes
from modelway.pod import pod_template
from modelway.revision import revision_of
from modelway.settings import Settings
from modelway_server import report, settings
from modelway_server.artifacts import fetch
from support.waiting import eventually

SPEC: dict[str, Any] = {
    "model": {"uri": "s3://models/fraud/$(v7)/model.joblib", "version": "v7", "format": "sklearn"},
    "runtime": {
        "method": "predict_proba",
        "workers": 3,
        "limits": {
            "maxRequestBytes": 2048,
            "maxArtifactBytes": 4096,
            "fetchTimeoutSeconds": 11,
            "startupTimeoutSeconds": 12,
            "requestTimeoutSeconds": 13,
        },
    },
}


def template_of(spec: dict[str, Any]) -> dict[str, Any]:
    deployment = ModelDeployment.parse(
        {
            "apiVersion": "modelway.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": "fraud", "namespace": "risk", "uid": "1"},
            "spec": spec,
        }
    )
    return pod_template(deployment, revision_of(deployment), Settings(drain_seconds=14))


TEMPLATE = template_of(SPEC)
FETCH, SERVE = TEMPLATE["spec"]["initContainers"][0], TEMPLATE["spec"]["containers"][0]


def parser(add_arguments: Any) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(allow_abbrev=False)
    add_arguments(made)
    return made


def options(made: argparse.ArgumentParser) -> set[str]:
    return {option for action in made._actions for option in action.option_strings} - {"-h", "--help"}


def given(container: dict[str, Any]) -> set[str]:
    return {argument.partition("=")[0] for argument in container["args"][1:]}


def arguments(name: str) -> list[str]:
    """The command line as the process sees it, the pod's folders at their own places."""
    process = next(one for one in processes(TEMPLATE, Path("/"), {}) if one.name == name)
    return list(process.arguments)


def test_fetch_understands_its_arguments() -> None:
    command, *rest = arguments("fetch")
    assert command == "fetch"
    assert vars(parser(fetch.add_arguments).parse_args(rest)) == {
        "uri": "s3://models/fraud/$(v7)/model.joblib",
        "dest": Path("/mnt/models"),
        "max_bytes": 4096,
        "timeout": 11.0,
    }


def test_serve_understands_its_arguments() -> None:
    command, *rest = arguments("serve")
    assert command == "serve"
    understood = settings.ServeSettings.from_arguments(parser(settings.add_arguments).parse_args(rest))
    assert understood == settings.ServeSettings(
        model_dir=Path("/mnt/models"),
        name="fraud",
        namespace="risk",
        revision=TEMPLATE["metadata"]["labels"]["modelway.dev/revision"],
        model_version="v7",
        format="sklearn",
        method="predict_proba",
        workers=3,
        host="127.0.0.1",
        http_port=8080,
        metrics_port=8082,
        max_request_bytes=2048,
        request_timeout=13.0,
        startup_timeout=12.0,
        drain_seconds=14.0,
    )


FOR_PREPARING = {"--engine", "--prepared-dir", "--samples", "--tolerance", "--trusted-types"}
"""What `serve` reads when it prepares the model by itself."""
WITHOUT_FIELD = {"--access-log", "--grpc-port", "--max-batch-rows", "--max-connections", "--max-queue"}
"""What the resource has no field for: the server's defaults hold."""


@pytest.mark.parametrize(
    ("container", "add_arguments"), [(FETCH, fetch.add_arguments), (SERVE, settings.add_arguments)]
)
def test_nothing_is_left_to_a_default_of_the_server(container: dict[str, Any], add_arguments: Any) -> None:
    assert given(container) == options(parser(add_arguments)) - FOR_PREPARING - WITHOUT_FIELD


@pytest.mark.parametrize("method", get_args(Runtime.model_fields["method"].annotation))
def test_the_server_knows_every_method_of_the_api(method: str) -> None:
    assert (
        parser(settings.add_arguments).parse_args(["--model-dir=/m", "--name=n", f"--method={method}"]).method == method
    )


@pytest.mark.parametrize("form", get_args(Model.model_fields["format"].annotation))
def test_the_server_knows_every_format_of_the_api(form: str) -> None:
    assert parser(settings.add_arguments).parse_args(["--model-dir=/m", "--name=n", f"--format={form}"]).format == form


def test_ports_and_probes_name_what_the_server_opens() -> None:
    ports = {port["name"]: port["containerPort"] for port in SERVE["ports"]}
    assert f"--http-port={ports['http']}" in SERVE["args"]
    assert f"--metrics-port={ports['metrics']}" in SERVE["args"]
    assert {SERVE[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")} == {
        ports["metrics"]
    }


def test_the_model_is_written_where_it_is_read() -> None:
    written = {mount["name"]: mount for mount in FETCH["volumeMounts"]}["model"]
    read = {mount["name"]: mount for mount in SERVE["volumeMounts"]}["model"]
    assert f"--dest={written['mountPath']}" in FETCH["args"]
    assert f"--model-dir={read['mountPath']}" in SERVE["args"]
    assert (written.get("readOnly", False), read["readOnly"]) == (False, True)
    volume = {volume["name"]: volume for volume in TEMPLATE["spec"]["volumes"]}["model"]
    assert byte_count(volume["emptyDir"]["sizeLimit"]) > SPEC["runtime"]["limits"]["maxArtifactBytes"]


def test_only_fetch_sees_credentials() -> None:
    secret = {"storage": {"secretRef": {"name": "s3"}}}
    spec = template_of({"model": SPEC["model"] | secret})["spec"]
    assert spec["initContainers"][0]["envFrom"] == [{"secretRef": {"name": "s3"}}]
    assert "envFrom" not in spec["containers"][0]


@pytest.mark.parametrize("container", [FETCH, SERVE])
def test_the_report_lies_where_the_kubelet_looks(container: dict[str, Any]) -> None:
    assert container.get("terminationMessagePath", "/dev/termination-log") == report.TERMINATION_LOG
    assert container.get("terminationMessagePolicy", "File") == "File"


def test_the_kubelet_is_more_patient_than_the_server() -> None:
    limits = SPEC["runtime"]["limits"]
    startup = SERVE["startupProbe"]
    assert startup["failureThreshold"] * startup["periodSeconds"] > limits["startupTimeoutSeconds"]
    assert TEMPLATE["spec"]["terminationGracePeriodSeconds"] > 14 + limits["requestTimeoutSeconds"]


def test_a_rendered_pod_fetches_starts_and_answers_its_probes(tmp_path: Path) -> None:
    joblib.dump(KMeans(2, n_init=1).fit([[0.0], [1.0]]), tmp_path / "model.joblib")
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        http, metrics = one.getsockname()[1], two.getsockname()[1]
    overrides = {"--http-port": str(http), "--metrics-port": str(metrics), "--drain-seconds": "0"}
    template = template_of({"model": {"uri": (tmp_path / "model.joblib").as_uri()}})
    fetching, serving = processes(template, tmp_path / "pod", overrides)
    environment = {**os.environ, **serving.environment, "MODELWAY_TERMINATION_LOG": str(tmp_path / "report")}
    program = [sys.executable, "-m", "modelway_server"]
    subprocess.run([*program, *fetching.arguments], env=environment, check=True, stderr=subprocess.DEVNULL)
    with subprocess.Popen([*program, *serving.arguments], env=environment, stderr=subprocess.DEVNULL) as server:
        try:
            container = template["spec"]["containers"][0]
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                url = f"http://127.0.0.1:{metrics}{container[probe]['httpGet']['path']}"
                eventually(lambda url=url: answers(url), deadline=30)  # type: ignore[misc]
            assert answers(f"http://127.0.0.1:{metrics}/metrics")
            assert answers(f"http://127.0.0.1:{http}/v2/models/fraud/ready")
        finally:
            server.terminate()
    assert server.returncode == 0


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False
