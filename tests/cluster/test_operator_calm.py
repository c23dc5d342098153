"""However long a fault lasts, the operator asks and writes little: counted at a proxy, for several faults at once, one to a namespace.

In a sandbox of its own, with an operator that watches these namespaces and one that is not there.
"""

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from modelway.cluster import kinds
from sandbox import Sandbox
from support.cluster.definitions import install_present
from support.cluster.deployed import NOWHERE, Deployed
from support.cluster.faulty_proxy import ApiRequest, Faults, Refusal, faulty_proxy
from support.cluster.operator_process import Operator
from support.cluster.sandbox import Kubectl, namespace_manifest
from support.cluster.webhook import denial, webhook
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

COUNTED_SECONDS = float(os.environ.get("MODELWAY_COUNTED_SECONDS", "20"))
"""For how long requests are counted."""

SETTLED_SECONDS = 30.0
"""How long the faults last before that: retries have reached their pace."""

SERVED = [kind for kind in kinds.WATCHED if kind is not kinds.ROUTE]
"""The kinds that this cluster has: it is without the Gateway API."""
MISSING = "missing"
REASONS = {
    "webhook": "WebhookFailed",
    "forbidden": "OperatorForbidden",
    "quota": "QuotaExceeded",
    "pods": "QuotaExceeded",
    "busy": "Progressing",
}
"""The reason that a model reports in each namespace, which is called after its fault."""

WRITES_A_MINUTE = 15
"""At most, of one model, in the first minutes of a fault."""

DRY_RUNS_A_MINUTE = 12

logger = logging.getLogger(__name__)


def _changes_deployment(request: ApiRequest, namespace: str) -> bool:
    return request.is_write and request.namespace == namespace and "/deployments/" in request.path


REFUSALS = [
    Refusal(403, "there is no Role", lambda request: request.namespace == MISSING),
    Refusal(
        403,
        'deployments.apps "fraud" is forbidden: User "operator" cannot patch resource "deployments" in API group "apps"',
        lambda request: _changes_deployment(request, "forbidden"),
    ),
    Refusal(429, "too many requests", lambda request: _changes_deployment(request, "busy")),
]


def _quota(namespace: str, counted: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": namespace},
        "spec": {"hard": {counted: "0"}},
    }


@dataclass
class World:
    """A cluster, the faults on the way to it, and the operator."""

    kubectl: Kubectl
    faults: Faults
    operator: Operator


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A model in each namespace, each kept from its end by the fault that the namespace is called after."""
    directory = tmp_path_factory.mktemp("calm")
    with (
        Sandbox.start(directory / "sandbox", metrics=False, warm=True) as sandbox,
        faulty_proxy(sandbox.directory, sandbox.server) as (kubeconfig, faults),
    ):
        kubectl = Kubectl(sandbox.kubectl, sandbox.kubeconfig)
        install_present(kubectl)
        kubectl.create([namespace_manifest(name) for name in REASONS])
        kubectl.create([_quota("quota", "count/deployments.apps"), _quota("pods", "pods")])
        broken = webhook(kubectl, "webhook", denial("no"), resource="deployments", group="apps", directory=directory)
        operator = Operator(kubeconfig, directory / "operator.log", namespaces=(*REASONS, MISSING))
        with broken as server:
            server.server_close()
            faults.refusals = REFUSALS
            operator.start()
            try:
                for name, reason in REASONS.items():
                    Deployed(kubectl.in_namespace(name), "fraud").apply(scheduling=NOWHERE).becomes(reason, deadline=60)
                yield World(kubectl, faults, operator)
            finally:
                code = operator.stop()
            assert code == 0


def test_faults_that_last_cost_few_requests(world: World) -> None:
    faults = world.faults
    end = time.monotonic() + SETTLED_SECONDS
    eventually(lambda: time.monotonic() > end, deadline=SETTLED_SECONDS + 5)
    faults.requests.clear()
    end = time.monotonic() + COUNTED_SECONDS
    eventually(lambda: time.monotonic() > end, deadline=COUNTED_SECONDS + 5)
    requests, minutes = list(faults.requests), COUNTED_SECONDS / 60
    writes = Counter(one.namespace for one in requests if one.is_write)
    lists = Counter(one.namespace for one in requests if one.is_list)
    dry_runs = Counter(one.namespace for one in requests if "dryRun" in one.query)
    probes = sum(one.is_probe for one in requests)
    logger.info(
        "In %.0f s: writes %s, LISTs %s, dry runs %s, probes %d", COUNTED_SECONDS, writes, lists, dry_runs, probes
    )
    assert max(writes.values()) <= WRITES_A_MINUTE * minutes + 1, writes
    assert max(dry_runs.values()) <= DRY_RUNS_A_MINUTE * minutes + 1, dry_runs
    assert lists["webhook"] <= len(SERVED) * (minutes / 5 * 1.2 + 1), "no more than the regular ones"
    assert lists[MISSING] <= len(SERVED) * (3 * minutes + 2), "watches that cannot be opened"
    assert probes <= 6 * minutes + 5
    log = world.operator.log.read_text()
    assert "is away" not in log
    assert log.count(f"namespace {MISSING} cannot be watched") == len(SERVED), "each watch once"
    assert "Request attempt" not in log


def test_a_dead_watch_of_one_namespace_is_opened_anew(world: World) -> None:
    """Its connection stands, and brings nothing more, and so does the first one that is opened in its place."""
    assert world.operator.stop() == 0
    world.faults.refusals = []
    operator = world.operator
    operator.namespaces, operator.inactivity, operator.deaf = ("quota", "pods"), 600.0, 8.0
    begin = len(operator.log.read_text())
    world.faults.requests.clear()
    operator.start()
    eventually(lambda: _times_watched(world.faults, "quota") == 1, deadline=60)
    world.faults.mute.add("quota")
    model = Deployed(world.kubectl.in_namespace("quota"), "fraud").apply(scaling={"replicas": 2}, scheduling=NOWHERE)
    dead = "The watch on ModelDeployment in namespace quota has received nothing"
    eventually(lambda: dead in operator.log.read_text()[begin:], deadline=60)
    eventually(lambda: _times_watched(world.faults, "quota") > 1)
    world.faults.mute.clear()
    model.apply(scaling={"replicas": 3}, scheduling=NOWHERE).becomes("QuotaExceeded", deadline=60)
    again = "The watch on ModelDeployment in namespace quota receives data again"
    eventually(lambda: again in operator.log.read_text()[begin:], deadline=60)


def _times_watched(faults: Faults, namespace: str) -> int:
    """How often a watch on the ModelDeployments of a namespace was asked for."""
    return sum(
        "watch" in one.query and one.namespace == namespace and one.path.endswith("/modeldeployments")
        for one in list(faults.requests)
    )
