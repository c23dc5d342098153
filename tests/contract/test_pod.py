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
from modelway.api.runtime import Runtime
from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli.local_pod import processes
from modelway.desired.places import TRAFFIC
from modelway.desired.pod import pod_template
from modelway.desired.revision import revision_of
from modelway.settings import Settings
from modelway_server import prepare, settings
from modelway_server.artifacts import fetch
from modelway_server.process import exit_report as report
from support.waiting import eventually

SPEC: dict[str, Any] = {
    "model": {
        "uri": "s3://models/fraud/$(v7)/model.joblib",
        "version": "v7",
        "digest": f"sha256:{'7' * 64}",
        "storage": {"secretRef": {"name": "s3"}},
        "format": "sklearn",
        "trustedTypes": ["churn.A", "churn.b.*"],
    },
    "runtime": {
        "method": "predict_proba",
        "engine": "native",
        "tolerance": "2e-4",
        "batching": {"maxRows": 15},
        "accessLog": True,
        "metricAliases": ["kserve", "mlserver"],
        "workers": 3,
        "limits": {
            "maxRequestBytes": 2048,
            "maxArtifactBytes": 4096,
            "fetchTimeoutSeconds": 11,
            "startupTimeoutSeconds": 12,
            "requestTimeoutSeconds": 13,
            "maxQueue": 16,
            "maxConnections": 17,
        },
    },
}

PLATFORM = Settings(
    drain_seconds=14,
    policy_hosts=("models.example.com", "*.amazonaws.com:443"),
    policy_private_addresses="Refuse",
    policy_secret_hosts="Required",
)


def template_of(spec: dict[str, Any]) -> dict[str, Any]:
    deployment = ModelDeployment.parse(
        {
            "apiVersion": "modelway.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": "fraud", "namespace": "risk", "uid": "1"},
            "spec": spec,
        }
    )
    return pod_template(deployment, revision_of(deployment), PLATFORM)


TEMPLATE = template_of(SPEC)
FETCH, PREPARE = TEMPLATE["spec"]["initContainers"]
SERVE = TEMPLATE["spec"]["containers"][0]


def parser(add_arguments: Any) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_arguments(parser)
    return parser


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings} - {"-h", "--help"}


def options_of(container: dict[str, Any]) -> set[str]:
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
        "hosts": "models.example.com,*.amazonaws.com:443",
        "private_addresses": "refuse",
        "secret_hosts": "required",
        "digest": f"sha256:{'7' * 64}",
        "digest_field": "spec.model.digest",
        "object_version": None,
    }


def test_prepare_understands_its_arguments() -> None:
    command, *rest = arguments("prepare")
    assert command == "prepare"
    understood = parser(prepare.add_arguments).parse_args(rest)
    assert settings.ModelSettings.from_arguments(understood) == settings.ModelSettings(
        model_dir=Path("/mnt/models"),
        format="sklearn",
        method="predict_proba",
        engine="native",
        tolerance=2e-4,
        trusted_types=("churn.A", "churn.b.*"),
    )
    assert (understood.prepared_dir, understood.timeout) == (Path("/mnt/prepared"), 12.0)


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
        prepared_dir=Path("/mnt/prepared"),
        trusted_types=("churn.A", "churn.b.*"),
        workers=3,
        host="",
        http_port=8080,
        grpc_port=8081,
        metrics_port=8082,
        max_request_bytes=2048,
        max_batch_rows=15,
        max_queue=16,
        max_connections=17,
        access_log=True,
        metric_aliases=("kserve", "mlserver"),
        request_timeout=13.0,
        startup_timeout=12.0,
        drain_seconds=14.0,
    )


FOR_PREPARING = {"--engine", "--format", "--method", "--precision", "--tolerance"}
"""What `serve` reads only where it prepares the model by itself."""
FROM_PREFLIGHT = {"--samples"}
FROM_CANDIDATES = {"--note-failure", "--precision"}
"""What only a Job says, or a pod whose model was chosen among several."""
FROM_THE_PROOF = {"--object-version"}
FROM_THE_MACHINE = {"--host"}
"""Every address, but for machines whose pods share one network."""
FROM_THE_MOUNT = {"--traffic-dir"}
"""Its default is where every pod has it, so that a pod can run a server that knows of no rollouts."""


@pytest.mark.parametrize(
    ("container", "add_arguments", "unsaid"),
    [
        (FETCH, fetch.add_arguments, FROM_THE_PROOF),
        (PREPARE, prepare.add_arguments, FROM_PREFLIGHT | FROM_CANDIDATES),
        (SERVE, settings.add_arguments, FROM_PREFLIGHT | FOR_PREPARING | FROM_THE_MACHINE | FROM_THE_MOUNT),
    ],
)
def test_nothing_is_left_to_a_default_of_the_server(
    container: dict[str, Any], add_arguments: Any, unsaid: set[str]
) -> None:
    assert options_of(container) == options(parser(add_arguments)) - unsaid


def test_the_server_looks_for_rollouts_where_pods_have_them() -> None:
    assert str(settings.ServeSettings(model_dir=Path(), name="").traffic_dir) == TRAFFIC.directory


DIRECTORIES = ["--model-dir=/m", "--prepared-dir=/p"]


@pytest.mark.parametrize("method", get_args(Runtime.model_fields["method"].annotation))
def test_the_server_knows_every_method_of_the_api(method: str) -> None:
    assert parser(prepare.add_arguments).parse_args([*DIRECTORIES, f"--method={method}"]).method == method


@pytest.mark.parametrize("engine", get_args(Runtime.model_fields["engine"].annotation))
def test_the_server_knows_every_engine_of_the_api(engine: str) -> None:
    assert parser(prepare.add_arguments).parse_args([*DIRECTORIES, f"--engine={engine}"]).engine == engine


def test_ports_and_probes_name_what_the_server_opens() -> None:
    ports = {port["name"]: port["containerPort"] for port in SERVE["ports"]}
    assert f"--http-port={ports['http']}" in SERVE["args"]
    assert f"--grpc-port={ports['grpc']}" in SERVE["args"]
    assert f"--metrics-port={ports['metrics']}" in SERVE["args"]
    assert {SERVE[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")} == {
        ports["metrics"]
    }


def test_the_model_is_written_where_it_is_read() -> None:
    written = {mount["name"]: mount for mount in FETCH["volumeMounts"]}["model"]
    assert f"--dest={written['mountPath']}" in FETCH["args"]
    assert not written.get("readOnly")
    for reader in (PREPARE, SERVE):
        read = {mount["name"]: mount for mount in reader["volumeMounts"]}["model"]
        assert f"--model-dir={read['mountPath']}" in reader["args"]
        assert read["readOnly"]
    volume = {volume["name"]: volume for volume in TEMPLATE["spec"]["volumes"]}["model"]
    assert byte_count(volume["emptyDir"]["sizeLimit"]) > SPEC["runtime"]["limits"]["maxArtifactBytes"]


def test_what_was_prepared_is_written_where_it_is_read() -> None:
    written, read = (
        next(mount for mount in one["volumeMounts"] if mount["name"] == "prepared") for one in (PREPARE, SERVE)
    )
    assert f"--prepared-dir={written['mountPath']}" in PREPARE["args"]
    assert f"--prepared-dir={read['mountPath']}" in SERVE["args"]
    assert (written.get("readOnly", False), read["readOnly"]) == (False, True)


def test_only_fetch_sees_credentials() -> None:
    secret = {"storage": {"secretRef": {"name": "s3"}}}
    spec = template_of({"model": SPEC["model"] | secret})["spec"]
    assert spec["initContainers"][0]["envFrom"] == [{"secretRef": {"name": "s3"}}]
    assert not any("envFrom" in one for one in (*spec["initContainers"][1:], *spec["containers"]))


@pytest.mark.parametrize("container", [FETCH, PREPARE, SERVE])
def test_the_report_lies_where_the_kubelet_looks(container: dict[str, Any]) -> None:
    assert container.get("terminationMessagePath", "/dev/termination-log") == report.TERMINATION_LOG
    assert container.get("terminationMessagePolicy", "File") == "File"


def test_the_kubelet_is_more_patient_than_the_server() -> None:
    limits = SPEC["runtime"]["limits"]
    startup = SERVE["startupProbe"]
    assert startup["failureThreshold"] * startup["periodSeconds"] > limits["startupTimeoutSeconds"]
    assert TEMPLATE["spec"]["terminationGracePeriodSeconds"] > 14 + limits["requestTimeoutSeconds"]


@pytest.mark.slow
def test_rendered_pod_fetches_prepares_serves_and_is_probed(tmp_path: Path) -> None:
    joblib.dump(KMeans(2, n_init=1).fit([[0.0], [1.0]]), tmp_path / "model.joblib")
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        http, metrics = one.getsockname()[1], two.getsockname()[1]
    overrides = {
        "--http-port": str(http),
        "--grpc-port": "0",
        "--metrics-port": str(metrics),
        "--drain-seconds": "0",
    }
    template = template_of({"model": {"uri": (tmp_path / "model.joblib").as_uri()}})
    *before, serving = processes(template, tmp_path / "pod", overrides)
    environment = {**os.environ, **serving.environment, "MODELWAY_TERMINATION_LOG": str(tmp_path / "report")}
    program = [sys.executable, "-m", "modelway_server"]
    for process in before:
        subprocess.run([*program, *process.arguments], env=environment, check=True, stderr=subprocess.DEVNULL)
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
