"""Where a server listens: on every address of its pod unless it is given one."""

import argparse
import urllib.request
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from modelway_server.process.listening import has_ipv6
from modelway_server.settings import ServeSettings, add_arguments
from support.server.served import Served, SharedModel

Launch = Callable[..., Served]
PORTS = ("http", "grpc", "metrics")


def _answers(server: Served, host: str) -> None:
    http, rpc, metrics = (f"{host}:{server.addresses[port].rpartition(':')[2]}" for port in PORTS)
    for url in (f"http://{http}/v2/health/ready", f"http://{metrics}/readyz"):
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert answer.status == 200
    with grpc.insecure_channel(rpc) as channel:
        answered = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert answered.status == health_pb2.HealthCheckResponse.SERVING


def test_every_port_answers_on_every_address(launched: Launch, forest_model: SharedModel) -> None:
    server = launched("--host=", "--grpc-port=0", **forest_model).started()
    for host in ("127.0.0.1", "127.0.0.7"):
        _answers(server, host)


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6")
def test_every_port_answers_on_an_address_of_ipv6(launched: Launch, forest_model: SharedModel) -> None:
    _answers(launched("--host=::1", "--grpc-port=0", **forest_model).started(), "[::1]")


@pytest.mark.parametrize(
    "line",
    [
        "00000000000000000000000000000001 01 80 10 80       lo",
        "fe80000000000000a00000fffe000001 02 40 20 80     eth0",
    ],
    ids=["loopback", "a link"],
)
def test_pod_has_ipv6_by_a_global_address(tmp_path: Path, line: str) -> None:
    table = tmp_path / "if_inet6"
    assert not has_ipv6(table)
    table.write_text(f"{line}\n")
    assert not has_ipv6(table)
    table.write_text(f"{line}\nfd000000000000000000000000000005 02 40 00 80     eth0\n")
    assert has_ipv6(table)


def test_host_of_the_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    def host(*words: str) -> str:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        return ServeSettings.from_arguments(parser.parse_args(["--model-dir=m", "--name=m", *words])).host

    assert host() == ""
    monkeypatch.setenv("MODELWAY_HOST", "127.0.0.5")
    assert (host(), host("--host=127.0.0.6")) == ("127.0.0.5", "127.0.0.6")
