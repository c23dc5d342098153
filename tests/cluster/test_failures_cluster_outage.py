"""The API server goes and comes back, or only the way to it does: models serve on, the operator lives on, and then catches up.

In a sandbox of its own. The operator is a process of the test that reaches the API server through a proxy; its watches are opened anew after
5 silent seconds instead of 70.
"""

import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sklearn.dummy import DummyRegressor

from modelway.cluster.kinds import WATCHED
from sandbox import Sandbox, processes
from sandbox.layout import log_file
from sandbox.record import read_record
from support.cluster.audit import Audit
from support.cluster.definitions import install_present
from support.cluster.deployed import NOWHERE, Deployed
from support.cluster.faulty_proxy import Faults, faulty_proxy
from support.cluster.operator_process import Operator
from support.cluster.sandbox import Kubectl, namespace_manifest
from support.stores.model_store import ModelStore
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

ROW = [[1.0]]
SETTLE_SECONDS = 30.0
"""Ten on a machine that does nothing else."""


@dataclass
class World:
    """A cluster, the way to it, the operator, a model that serves and one that waits for a node."""

    sandbox: Sandbox
    kubectl: Kubectl
    faults: Faults
    operator: Operator
    served: Deployed
    placed: Deployed
    address: str

    def ask(self) -> Any:
        """A prediction, without the help of the API server."""
        body = json.dumps({"instances": ROW}).encode()
        request = urllib.request.Request(self.address, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["predictions"]

    def audit(self) -> Audit:
        """What is written from now on."""
        return Audit(self.sandbox.audit_log, "sandbox-admin")

    def works(self) -> None:
        """A changed spec is followed, and a child that was deleted comes back: the operator is all there again."""
        _changes_are_followed(self.placed, lambda: None)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, model_store: ModelStore) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("outage")
    with (
        Sandbox.start(directory / "sandbox", endpoint_lag=0.2, metrics=False, warm=True) as sandbox,
        faulty_proxy(sandbox.directory, sandbox.server) as (kubeconfig, faults),
    ):
        kubectl = Kubectl(sandbox.kubectl, sandbox.kubeconfig)
        install_present(kubectl)
        kubectl.create(namespace_manifest("outage"))
        kubectl = kubectl.in_namespace("outage")
        eventually(lambda: "default" in kubectl("get", "serviceaccounts", "-o", "name"))
        operator = Operator(kubeconfig, directory / "operator.log")
        operator.start()
        try:
            yield _settled(sandbox, kubectl, faults, operator, model_store)
        finally:
            code = operator.stop()
        assert code == 0


def _settled(sandbox: Sandbox, kubectl: Kubectl, faults: Faults, operator: Operator, model_store: ModelStore) -> World:
    served, placed = Deployed(kubectl, "served"), Deployed(kubectl, "placed")
    model = DummyRegressor(strategy="constant", constant=4.0).fit([[0.0]], [0.0])
    served.apply(model={"uri": model_store.put("outage.joblib", model)}).is_ready(deadline=150)
    placed.apply(scaling={"min": 1, "max": 2}, scheduling=NOWHERE).becomes("Unschedulable")
    address = f"http://{served.child('service')['spec']['clusterIP']}:8080/v1/models/served:predict"
    world = World(sandbox, kubectl, faults, operator, served, placed, address)
    eventually(lambda: _answers(world), deadline=30)
    return world


def _answers(world: World) -> bool:
    try:
        return bool(world.ask() == [4.0])
    except OSError:
        return False


@contextmanager
def _without(world: World, *names: str) -> Iterator[None]:
    """Parts of the control plane are killed, and started anew in the end."""
    lost: list[tuple[str, list[str], dict[str, str]]] = []
    for part in world.sandbox.parts():
        if part.name in names:
            command = Path(f"/proc/{part.pid}/cmdline").read_text().split("\0")[:-1]
            variables = Path(f"/proc/{part.pid}/environ").read_text().split("\0")[:-1]
            lost.append((part.name, command, dict(entry.split("=", 1) for entry in variables)))
            os.kill(part.pid, signal.SIGKILL)
    directory = world.sandbox.directory
    try:
        yield
    finally:
        record = read_record(directory)
        for name, command, environment in lost:
            log = log_file(directory, name)
            child = processes.spawn(command, directory=directory, log=log, environment=environment)
            world.sandbox._children.append(child)
            record.parts[name] = child.pid
        record.write(directory)
        eventually(lambda: world.kubectl("get", "--raw", "/readyz"), deadline=60)


@contextmanager
def _stop(world: World, name: str) -> Iterator[None]:
    """A part of the control plane stands still."""
    [pid] = [part.pid for part in world.sandbox.parts() if part.name == name]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _let_pass(seconds: float, holds: Callable[[], bool]) -> None:
    """Time passes, and something holds all the while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert holds()
        time.sleep(0.2)


def _changes_are_followed(model: Deployed, meanwhile: Callable[[], object]) -> None:
    """A child is deleted and the spec is changed; then something happens; then both have been seen to."""
    service, most = model.child("service")["metadata"]["uid"], model.child("hpa")["spec"]["maxReplicas"] % 9 + 2
    model.kubectl.discard("service", model.name)
    model.apply(scaling={"min": 1, "max": most}, scheduling=NOWHERE)
    meanwhile()

    def followed() -> bool:
        assert model.child("hpa")["spec"]["maxReplicas"] == most
        return bool(model.child("service")["metadata"]["uid"] != service)

    eventually(followed, deadline=SETTLE_SECONDS)
    model.becomes("Unschedulable", deadline=SETTLE_SECONDS)


def test_the_store_and_the_api_server_die_and_come_back(world: World) -> None:
    process, moved = world.operator.process, world.served.condition()["lastTransitionTime"]
    audit = world.audit()
    with _without(world, "kube-apiserver", "etcd"):
        eventually(lambda: world.operator.probe("/readyz") == 503, deadline=20)
        _let_pass(4, lambda: world.operator.alive and world.operator.probe("/livez") == 200 and _answers(world))
    eventually(lambda: world.operator.probe("/readyz") == 200, deadline=SETTLE_SECONDS)
    world.works()
    assert world.operator.process is process
    assert world.operator.alive
    assert world.served.condition()["lastTransitionTime"] == moved
    statuses = [write for write in audit.writes("outage") if write.resource == "modeldeployments/status"]
    assert {write.name for write in statuses} <= {"placed"}


def test_the_store_alone_is_away(world: World) -> None:
    audit = world.audit()
    with _without(world, "etcd"):
        _let_pass(4, lambda: world.operator.alive and world.operator.probe("/livez") == 200 and _answers(world))
        world.faults.requests.clear()
        _let_pass(4, lambda: world.operator.alive)
        assert sum(one.is_list for one in world.faults.requests) <= len(WATCHED)
        assert sum(one.is_write for one in world.faults.requests) <= 2
    world.works()
    assert not [write for write in audit.writes("outage") if write.name == "served" and "status" in write.resource]


def test_an_api_server_that_stands_still_is_waited_for(world: World) -> None:
    audit = world.audit()
    with _stop(world, "kube-apiserver"):
        _let_pass(4, lambda: world.operator.alive and world.operator.probe("/livez") == 200 and _answers(world))
    world.works()
    assert not [write for write in audit.writes("outage") if write.name == "served" and "status" in write.resource]


def test_watches_that_go_silent_are_opened_anew_and_miss_nothing(world: World) -> None:
    def silence() -> None:
        _let_pass(1, lambda: world.operator.alive)
        world.faults.stalled = False

    world.faults.stalled = True
    _changes_are_followed(world.placed, silence)


def test_object_deleted_while_a_watch_is_lost_is_found(world: World) -> None:
    """The versions asked for are too old: the watch lists anew, and tells nothing of what has gone meanwhile."""

    def lose() -> None:
        world.faults.history_lost = 14
        world.faults.stalled = False

    world.faults.stalled = True
    _changes_are_followed(world.placed, lose)


def test_a_storm_of_refusals_passes(world: World) -> None:
    names = [f"storm-{number}" for number in range(5)]
    models = [Deployed(world.kubectl, name) for name in names]
    world.faults.busy, world.faults.delay = 0.4, 0.1
    try:
        for model in models:
            model.apply(scheduling=NOWHERE)
        _let_pass(6, lambda: world.operator.alive and world.operator.probe("/livez") == 200)
    finally:
        world.faults.busy, world.faults.delay = 0.0, 0.0
    for model in models:
        model.becomes("Unschedulable", deadline=SETTLE_SECONDS)
    world.kubectl("delete", "modeldeployments", *names, "--wait=false")


def test_a_slow_api_server_is_only_slow(world: World) -> None:
    model = Deployed(world.kubectl, "slow")
    world.faults.delay = 0.5
    try:
        model.apply(scheduling=NOWHERE).becomes("Unschedulable", deadline=SETTLE_SECONDS)
    finally:
        world.faults.delay = 0.0


def test_operator_started_without_an_api_server_waits_for_it(world: World) -> None:
    assert world.operator.stop() == 0
    world.faults.away = True
    try:
        world.operator.start()
        eventually(lambda: world.operator.probe("/readyz") == 503, deadline=90)
        _let_pass(4, lambda: world.operator.alive and world.operator.probe("/livez") == 200)
    finally:
        world.faults.away = False
    eventually(lambda: world.operator.probe("/readyz") == 200, deadline=SETTLE_SECONDS)
    world.works()
