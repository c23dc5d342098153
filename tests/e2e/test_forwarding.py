"""`kubectl port-forward`, which asks the loopback address of the pod: the first command that a user tries."""

import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from e2e.conftest import Example
from support.cluster.installed import SYSTEM
from support.cluster.sandbox import Kubectl

POD = "deployment/breast-cancer"


@pytest.mark.parametrize(
    ("target", "port", "path"),
    [
        ("service/breast-cancer", 80, "/v2/models/breast-cancer/ready"),
        (POD, 8080, "/docs"),
        (POD, 8082, "/metrics"),
    ],
)
def test_a_model_answers_through_a_forwarded_port(example: Example, target: str, port: int, path: str) -> None:
    with _forward(example.kubectl, target, port) as address, urllib.request.urlopen(f"http://{address}{path}") as got:
        assert got.status == 200


def test_a_model_answers_grpc_through_a_forwarded_port(example: Example) -> None:
    with (
        _forward(example.kubectl, "service/breast-cancer", 8081) as address,
        grpc.insecure_channel(address) as channel,
    ):
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_the_operator_answers_through_a_forwarded_port(example: Example, cluster_kubectl: Kubectl) -> None:
    system = cluster_kubectl.in_namespace(SYSTEM)
    with (
        _forward(system, "deployment/modelway", 8080) as address,
        urllib.request.urlopen(f"http://{address}/metrics") as answer,
    ):
        assert b"modelway_" in answer.read()


@contextmanager
def _forward(kubectl: Kubectl, target: str, port: int) -> Iterator[str]:
    """The local address under which a port of a pod is reached while the block runs."""
    command = kubectl.command("port-forward", target, f":{port}")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            match = re.search(r"Forwarding from (127\.0\.0\.1:\d+)", line)
            assert match is not None, line
            yield match[1]
        finally:
            process.terminate()
