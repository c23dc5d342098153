"""`modelway serve`: the pod's own commands as processes of this machine."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
import joblib
import psutil
import pytest
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from modelway.cli.local_pod import NotRunnable, processes
from support.models import mixed_pipeline

TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"modelway.dev/revision": "r1"}},
    "spec": {
        "initContainers": [
            {
                "name": "fetch",
                "args": ["fetch", "--uri=file:///mnt/models/$$(POD_IP)", "--dest=/mnt/models"],
                "envFrom": [{"secretRef": {"name": "s3"}}],
                "volumeMounts": [{"name": "model", "mountPath": "/mnt/models"}],
            }
        ],
        "containers": [
            {
                "name": "serve",
                "args": [
                    "serve",
                    "--place=$(POD_IP)",
                    "--http-port=8080",
                    "--model-dir=/mnt/models",
                    "--x=/mnt/modelsX",
                ],
                "env": [
                    {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                    {"name": "GREETING", "value": "from $(POD_IP) and $(NOBODY)"},
                ],
                "volumeMounts": [{"name": "model", "mountPath": "/mnt/models", "readOnly": True}],
            }
        ],
    },
}


def test_a_pod_becomes_processes(tmp_path: Path) -> None:
    fetch, serve = processes(TEMPLATE, tmp_path, {"--http-port": "9000", "--grpc-port": "9001"})
    assert fetch.arguments == ("fetch", "--uri=file:///mnt/models/$(POD_IP)", f"--dest={tmp_path}/mnt/models")
    assert fetch.secrets == ("s3",)
    assert serve.arguments == (
        "serve",
        "--place=127.0.0.1",
        "--http-port=9000",
        f"--model-dir={tmp_path}/mnt/models",
        "--x=/mnt/modelsX",
    )
    assert serve.environment == {
        "MODELWAY_HOST": "127.0.0.1",
        "POD_IP": "127.0.0.1",
        "GREETING": "from 127.0.0.1 and $(NOBODY)",
    }


def test_a_value_that_only_a_cluster_has_is_named(tmp_path: Path) -> None:
    container = {"name": "serve", "args": [], "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s"}}}]}
    with pytest.raises(NotRunnable, match="KEY of container serve"):
        processes({"metadata": {}, "spec": {"containers": [container]}}, tmp_path, {})


@pytest.fixture
def ports() -> tuple[int, int, int]:
    """Of predictions, of probes, of gRPC."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        one, two, three = (server.getsockname()[1] for server in taken)
        return one, two, three


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "iris.yaml"
    document = {
        "apiVersion": "modelway.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "iris"},
        "spec": {
            "model": {"uri": "s3://models/iris.joblib", "version": "v7", "storage": {"secretRef": {"name": "s3"}}},
            "runtime": {"env": [{"name": "GREETING", "value": "hello"}]},
        },
    }
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "my model.joblib"
    joblib.dump(LogisticRegression(max_iter=500).fit(*load_iris(return_X_y=True)), path)
    return path


class Served(subprocess.Popen[str]):
    """A running `modelway serve`."""

    def __init__(self, file: Path | None, ports: tuple[int, int, int], *arguments: str, **environment: str) -> None:
        command = [
            sys.executable,
            "-m",
            "modelway",
            "serve",
            *([f"-f{file}"] if file else []),
            f"--port={ports[0]}",
            f"--metrics-port={ports[1]}",
            f"--grpc-port={ports[2]}",
        ]
        super().__init__(
            [*command, *arguments],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """A failed assertion must not wait for a server that nobody stops."""
        self.terminate()
        super().__exit__(kind, error, traceback)

    def lines(self) -> Iterator[str]:
        assert self.stdout is not None
        return iter(self.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_model_is_served_until_it_is_stopped(
    file: Path, model: Path, ports: tuple[int, int, int], sent: signal.Signals
) -> None:
    with Served(file, ports, f"--model={model}", AWS_SECRET_ACCESS_KEY="s3cr3t") as served:
        base = f"http://127.0.0.1:{ports[0]}"
        assert next(served.lines()) == f"iris is ready at {base}; {base}/docs is a page for people. Try:\n"
        curl = next(line for line in served.lines() if "/infer" in line)
        body = curl[curl.index("{") : curl.rindex("}") + 1]
        request = urllib.request.Request(
            f"http://127.0.0.1:{ports[0]}/v2/models/iris/infer", body.encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["outputs"][0]["data"] == [0]
        with grpc.insecure_channel(f"127.0.0.1:{ports[2]}") as channel:
            check = health_pb2.HealthCheckRequest()
            assert health_pb2_grpc.HealthStub(channel).Check(check).status == health_pb2.HealthCheckResponse.SERVING
        below = psutil.Process(served.pid).children(recursive=True)
        environment = below[0].environ()
        assert (environment["GREETING"], environment["OMP_NUM_THREADS"], environment["POD_IP"]) == (
            "hello",
            "1",
            "127.0.0.1",
        )
        assert "AWS_SECRET_ACCESS_KEY" not in environment
        served.send_signal(sent)
        _, errors = served.communicate(timeout=20)
    assert served.returncode == 0
    assert "every request that was begun is answered" in errors
    assert "Traceback" not in errors
    assert not [child for child in below if child.is_running()]


@pytest.mark.slow
def test_a_lone_file_is_served_with_an_example_request(tmp_path: Path, ports: tuple[int, int, int]) -> None:
    joblib.dump(mixed_pipeline(), tmp_path / "Of Applicants.v2.joblib")
    with Served(None, ports, str(tmp_path / "Of Applicants.v2.joblib"), "--method=predict_proba") as served:
        assert next(served.lines()).startswith("of-applicants-v2 is ready at ")
        for path in ("/predict", "/v2/models/of-applicants-v2/infer"):
            command = shlex.split(next(served.lines()))
            assert command[1] == f"http://127.0.0.1:{ports[0]}{path}"
            request = urllib.request.Request(command[1], command[-1].encode(), {"Content-Type": "application/json"})
            with urllib.request.urlopen(request) as answer:
                assert answer.status == 200
        served.terminate()
        served.communicate(timeout=20)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "name a model's file"),
        (("absent.joblib",), "There is no absent.joblib."),
        (("-f", "m.yaml", "--method=transform"), "set spec.runtime.method in the file"),
        ((__file__, "--engine=fast"), "--engine: 'fast' must be one of"),
        ((__file__, "--setting=drain"), "--setting drain: write NAME=VALUE"),
    ],
)
def test_a_file_that_cannot_be_served_is_explained(
    ports: tuple[int, int, int], arguments: tuple[str, ...], says: str
) -> None:
    with Served(None, ports, *arguments) as served:
        _, errors = served.communicate(timeout=30)
    assert (served.returncode, says in errors) == (2, True), errors


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_is_explained(file: Path, tmp_path: Path, ports: tuple[int, int, int]) -> None:
    (tmp_path / "bad.joblib").write_text("<html>not found</html>")
    with Served(file, ports, f"--model={tmp_path}/bad.joblib") as served:
        output, errors = served.communicate(timeout=60)
    assert (served.returncode, output) == (20, "")
    assert "prepare failed: InvalidArtifact: bad.joblib is an HTML or XML page" in errors


@pytest.mark.slow
@pytest.mark.parametrize("is_file_of_yours", [False, True])
def test_digest_holds_for_the_uri_and_not_for_another_file(
    file: Path, tmp_path: Path, ports: tuple[int, int, int], *, is_file_of_yours: bool
) -> None:
    (tmp_path / "bad.joblib").write_text("<html>not found</html>")
    document = yaml.safe_load(file.read_text())
    document["spec"]["model"] = {"uri": f"file://{tmp_path}/bad.joblib", "digest": f"sha256:{'0' * 64}"}
    file.write_text(yaml.safe_dump(document))
    options = [f"--model={tmp_path}/bad.joblib"] if is_file_of_yours else []
    with Served(file, ports, *options) as served:
        _, errors = served.communicate(timeout=60)
    assert served.returncode == (20 if is_file_of_yours else 19)
    assert ("spec.model.digest is left aside" in errors) is is_file_of_yours


@pytest.mark.slow
def test_a_secret_is_called_out_of_reach(file: Path, ports: tuple[int, int, int]) -> None:
    nobody = "http://127.0.0.1:9"
    with Served(file, ports, "--setting=drain_seconds=1", AWS_ENDPOINT_URL=nobody, AWS_ALLOW_HTTP="false") as served:
        output, errors = served.communicate(timeout=60)
    assert (served.returncode, output) == (16, "")
    assert errors.startswith("Secret s3 cannot be read here")
    assert "fetch failed: InvalidURI: the S3 endpoint http://127.0.0.1:9 is plain http" in errors


@pytest.mark.slow
def test_what_competes_with_the_served_model_is_named(file: Path, ports: tuple[int, int, int]) -> None:
    document = yaml.safe_load(file.read_text())
    metrics = [{"name": "accuracy", "min": 0.5}]
    evaluation = {"dataset": {"uri": "s3://models/rows.csv"}, "target": "kind", "metrics": metrics}
    candidates = [{"name": "small", "uri": "s3://models/small.onnx"}]
    document["spec"] |= {
        "preflight": {"evaluation": evaluation},
        "model": {**document["spec"]["model"], "candidates": candidates},
    }
    file.write_text(yaml.safe_dump(document))
    with Served(file, ports, f"--model={file.parent}/absent.joblib") as served:
        _, errors = served.communicate(timeout=60)
    assert "In a cluster the preflight may choose small in its place." in errors
    assert f"evaluate -f {file}" in errors


def test_a_port_in_use_is_reported_at_once(file: Path, ports: tuple[int, int, int]) -> None:
    with socket.create_server(("127.0.0.1", ports[1])), Served(file, ports) as served:
        _, errors = served.communicate(timeout=30)
    assert served.returncode == 1
    assert (
        errors
        == f"Port {ports[1]} of 127.0.0.1 cannot be had (Address already in use). Choose another one with --metrics-port.\n"
    )


def test_one_of_several_must_be_chosen(file: Path, ports: tuple[int, int, int]) -> None:
    text = file.read_text()
    file.write_text(f"{text}---\n{text.replace('name: iris', 'name: lilies')}")
    with Served(file, ports) as served:
        _, errors = served.communicate(timeout=30)
    assert (served.returncode, errors) == (2, "choose one of iris, lilies with --name\n")
