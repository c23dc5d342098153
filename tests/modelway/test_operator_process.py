"""The operator as a process: what it says when it cannot start, and what proves that it works."""

import asyncio
import io
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request, unused_port
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from modelway import logs
from modelway.api.labels import CHILD_SELECTOR
from modelway.cluster.election.candidate import END_SECONDS
from modelway.cluster.election.decision import LEADING_SECONDS, RENEW_SECONDS
from modelway.cluster.election.watchdog import EXIT_CODE
from modelway.cluster.kinds import WATCHED
from modelway.cluster.served_kinds import ServedKinds
from modelway.handlers import LONGEST_AWAY_SECONDS, RETRY_SECONDS, _registry, _settings
from modelway.health import LARGEST_LAG, Health, Pulse
from modelway.manager import GRACE_SECONDS
from modelway.metrics import Metrics
from modelway.observed import Key
from modelway.parts import STOP_SECONDS
from modelway.run import LEFTOVER_SECONDS
from support.operator.fake_api import fake_api

CHART = Path(__file__).resolve().parents[2] / "charts" / "modelway"


def _modelway(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, "-P", "-m", "modelway", *arguments]
    return subprocess.run(
        command, env={**inherited, **environment}, capture_output=True, text=True, timeout=60, check=False
    )


def _kubeconfig(path: Path, server: str) -> str:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
    path.write_text(json.dumps(config))
    return str(path)


def test_version_option_prints_the_version() -> None:
    assert _modelway("--version").stdout.startswith("modelway 0.")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"MODELWAY_SERVICE_PORT": "http"}, "MODELWAY_SERVICE_PORT"),
        ({"MODELWAY_COLOUR": "red"}, "MODELWAY_COLOUR"),
        ({"KUBECONFIG": "/no/such/file"}, "/no/such/file"),
    ],
    ids=["bad value", "unknown setting", "no cluster"],
)
def test_startup_failure_is_reported_in_one_line(environment: dict[str, str], says: str) -> None:
    process = _modelway("run", **environment)
    assert process.returncode == 2
    assert says in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.slow
def test_an_api_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    process = _modelway(
        "run",
        KUBECONFIG=_kubeconfig(tmp_path / "config", "http://127.0.0.1:9"),
        MODELWAY_HEALTH_PORT=str(unused_port()),
    )
    assert process.returncode == 2
    assert "does not answer" in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("status", "says"), [(404, "install the chart"), (403, "role and binding")])
def test_a_cluster_without_the_chart_is_told_apart(status: int, says: str, tmp_path: Path) -> None:
    async def scenario() -> tuple[int, str]:
        async with fake_api((status, {}, {"message": "no"})) as fake:
            kubeconfig = _kubeconfig(tmp_path / "config", fake.address)
            environment = {"KUBECONFIG": kubeconfig, "MODELWAY_HEALTH_PORT": str(unused_port())}
            process = await asyncio.to_thread(lambda: _modelway("run", **environment))
            return process.returncode, process.stderr

    code, text = asyncio.run(scenario())
    assert code == 2
    assert says in text


class _Server:
    """A server that is doubted."""

    away: str | None = None
    doubts = 0

    def doubt(self) -> None:
        self.doubts += 1


def test_kopf_watches_our_labels_and_writes_nothing() -> None:
    registry = _registry(ServedKinds(), None, lambda _kind, _gone, _obj: None, None)  # type: ignore[arg-type]
    assert len(registry._watching.get_all_handlers()) == len(WATCHED)
    assert not registry._changing.get_all_handlers()
    assert not registry._spawning.get_all_handlers()
    assert not registry._indexing.get_all_handlers()
    settings = _settings(ServedKinds(), _Server())
    assert settings.peering.standalone
    assert not settings.posting.enabled
    assert list(settings.watching.label_selectors.values()) == [CHILD_SELECTOR] * (len(WATCHED) - 1)


def test_unopenable_watch_is_retried_and_each_failure_logged() -> None:
    server = _Server()
    pauses = iter(_settings(ServedKinds(), server).networking.error_backoffs)  # type: ignore[arg-type]
    doubts_at = [(next(pauses), server.doubts) for _ in range(1000)]
    assert doubts_at[0] == (RETRY_SECONDS[0], 0), "kopf takes the first pause before the first try"
    assert doubts_at[-1] == (RETRY_SECONDS[-1], 999)
    server.away = "the API server does not answer"
    assert next(pauses) == LONGEST_AWAY_SECONDS


class _World:
    """A clock and what became of the LISTs, as a test sets them."""

    def __init__(self) -> None:
        self.now = 0.0
        self.last_success: float | None = None
        self.trouble: str | None = None
        pulse = Pulse(lambda: self.now)
        self.metrics = Metrics()
        self.health = Health(pulse, self, self.metrics, lambda: None, clock=lambda: self.now)

    def ask(self, endpoint: Any) -> tuple[int, str]:
        answer = asyncio.run(endpoint(make_mocked_request("GET", "/")))
        return answer.status, answer.text


def test_operator_is_ready_once_and_while_it_can_list() -> None:
    world = _World()
    assert world.ask(world.health.readyz)[0] == 503
    world.last_success = 0.0
    assert world.ask(world.health.readyz)[0] == 200
    world.trouble = "the API server does not answer"
    assert world.ask(world.health.readyz) == (503, "the API server does not answer\n")


def test_an_api_server_that_is_away_is_no_reason_to_be_killed() -> None:
    world = _World()
    world.now = 5000.0
    world.last_success, world.trouble = 10.0, "the API server does not answer"
    world.health._pulse._due = world.now
    assert world.ask(world.health.livez) == (200, "ok\n")


def test_long_scrape_does_not_delay_other_requests() -> None:
    world, turned = _World(), threading.Event()

    class Slow(Collector):
        def collect(self) -> Iterator[Metric]:
            assert turned.wait(10), "the loop stood still"
            yield GaugeMetricFamily("slow", "It took its time.", value=1)

    async def scraped() -> str:
        asyncio.get_running_loop().call_later(0.01, turned.set)
        answer = await world.health.scrape(make_mocked_request("GET", "/"))
        return bytes(answer.body).decode()  # type: ignore[arg-type]

    world.metrics.registry.register(Slow())
    assert "slow 1.0" in asyncio.run(scraped())


def test_operator_is_live_while_its_loop_runs() -> None:
    world = _World()
    world.last_success = -100_000.0
    assert world.ask(world.health.livez) == (200, "ok\n")
    world.now += LARGEST_LAG + 2
    status, text = world.ask(world.health.livez)
    assert (status, text[:18]) == (503, "the event loop is ")


@pytest.mark.parametrize("first_list", ["away", "slow"])
def test_operator_is_live_while_it_waits_for_the_first_list(first_list: str, tmp_path: Path) -> None:
    """The largest lag is made two seconds, so that ten need not be waited for; less than that a busy machine may take."""
    program = "import modelway.health, sys; modelway.health.LARGEST_LAG = 2.0; from modelway.__main__ import main; main(['run'])"

    async def scenario() -> set[int]:
        async with fake_api(*[None] * 50) as fake:
            address = fake.address if first_list == "slow" else "http://127.0.0.1:9"
            port = unused_port()
            environment = {
                "PATH": os.environ["PATH"],
                "KUBECONFIG": _kubeconfig(tmp_path / "config", address),
                "KUBERNETES_SERVICE_HOST": "127.0.0.1",
                "MODELWAY_HOST": "127.0.0.1",
                "MODELWAY_HEALTH_PORT": str(port),
            }
            process = await asyncio.create_subprocess_exec(sys.executable, "-P", "-c", program, env=environment)
            try:
                return await _answers(f"http://127.0.0.1:{port}/livez", seconds=4)
            finally:
                process.terminate()
                await process.wait()

    assert asyncio.run(scenario()) == {200}


async def _answers(url: str, *, seconds: float) -> set[int]:
    """What a URL answers for so many seconds, counted from its first answer."""
    answers: set[int] = set()
    begin, patience = time.monotonic(), 60.0
    async with aiohttp.ClientSession() as session:
        while time.monotonic() - begin < (seconds if answers else patience):
            try:
                async with session.get(url) as answer:
                    begin = begin if answers else time.monotonic()
                    answers.add(answer.status)
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.1)
    return answers


def test_a_pod_is_given_longer_to_end_than_the_operator_takes() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    least = schema["properties"]["terminationGracePeriodSeconds"]["minimum"]
    assert GRACE_SECONDS < END_SECONDS < STOP_SECONDS < least - LEFTOVER_SECONDS
    assert GRACE_SECONDS + RENEW_SECONDS <= LEADING_SECONDS, "the Lease lasts for as long"


_NEVER_ENDS = """
import asyncio
from modelway import run

async def hold():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

async def part(*_):
    global held
    held = asyncio.create_task(hold())
    await asyncio.sleep(0)

run.run, run.LEFTOVER_SECONDS = part, 0.2
run.serve_forever(None, {}, None)
"""


def test_a_task_that_never_ends_does_not_hold_up_the_process() -> None:
    ended = subprocess.run([sys.executable, "-P", "-c", _NEVER_ENDS], timeout=30, check=False)
    assert ended.returncode == EXIT_CODE


def test_a_scrape_gets_the_age_and_the_lag() -> None:
    world = _World()
    world.last_success = -12.0
    _, text = world.ask(world.health.scrape)
    assert "modelway_operator_resync_age_seconds 12.0" in text
    (stamp_line,) = (
        line for line in text.splitlines() if line.startswith("modelway_operator_last_resync_timestamp_seconds ")
    )
    assert time.time() - float(stamp_line.split()[1]) == pytest.approx(12.0, abs=5)


@pytest.mark.slow
def test_a_line_of_the_log_names_the_resource() -> None:
    stream = io.StringIO()
    record = logging.LogRecord("modelway.x", logging.INFO, "f", 1, "Repaired %s", ("Service fraud",), None)
    record.resource = Key("risk", "fraud")
    stream.write(logs.JsonFormatter().format(record))
    line = json.loads(stream.getvalue())
    assert (line["level"], line["message"]) == ("info", "Repaired Service fraud")
    assert line["resource"] == {"namespace": "risk", "name": "fraud"}
