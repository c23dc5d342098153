"""The operator beside the definition of a later release, and of an earlier one, on an API server of its own."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sklearn.dummy import DummyRegressor

from sandbox import Sandbox
from support.cluster.contenders import Contest
from support.cluster.definitions import NEW_ENGINE, NEW_FIELDS, install, next_definition, previous_definition
from support.cluster.deployed import NOWHERE, Deployed
from support.cluster.sandbox import Kubectl, namespace_manifest
from support.stores.model_store import ModelStore
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

NAMESPACE = "definitions"
ROW = [[1.0]]


@dataclass
class World:
    """A cluster with one operator."""

    sandbox: Sandbox
    kubectl: Kubectl
    contest: Contest

    def writes(self) -> int:
        """How often the operator has written."""
        return len(self.contest.tenure.writes())

    def log(self) -> list[str]:
        """What the operator logged."""
        [operator] = self.contest.present
        lines = (self.sandbox.directory / f"{operator.name}.log").read_text().splitlines()
        return [str(json.loads(line)["message"]) for line in lines]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with Sandbox.start(tmp_path_factory.mktemp("definitions"), endpoint_lag=0.2, metrics=False, warm=True) as sandbox:
        kubectl = Kubectl(sandbox.kubectl, sandbox.kubeconfig)
        install(kubectl, previous_definition(), "spec.runtime.batching", known=False)
        kubectl.create(namespace_manifest(NAMESPACE))
        kubectl = kubectl.in_namespace(NAMESPACE)
        eventually(lambda: "default" in kubectl("get", "serviceaccounts", "-o", "name"))
        contest = Contest(sandbox, NAMESPACE)
        try:
            contest.join()
            eventually(contest.leader, deadline=60)
            yield World(sandbox, kubectl, contest)
        finally:
            for one in list(contest.present):
                contest.leave(one)


def test_an_earlier_definition_leaves_defaults_and_no_unrest(world: World) -> None:
    model = Deployed(world.kubectl, "early")
    model.apply(scheduling=NOWHERE).becomes("Unschedulable")
    assert "batching" not in world.kubectl.get("mdep", "early")["spec"].get("runtime", {})
    [serve] = model.child("deployment")["spec"]["template"]["spec"]["containers"]
    assert "--max-batch-rows=1024" in serve["args"]
    before = world.writes()
    model.apply(scheduling=NOWHERE, scaling={"replicas": 2})
    eventually(lambda: model.child("deployment")["spec"]["replicas"] == 2)
    model.becomes("Unschedulable")
    assert world.writes() - before <= 4, "what the definition drops from status is not written again and again"


def test_a_later_definition_is_followed_as_far_as_it_is_known(world: World, model_store: ModelStore) -> None:
    served, newer = Deployed(world.kubectl, "served"), Deployed(world.kubectl, "newer")
    uri = model_store.put("later.joblib", DummyRegressor(strategy="constant", constant=4.0).fit([[0.0]], [0.0]))
    served.apply(model={"uri": uri}).is_ready()
    runs = served.child("deployment")["metadata"]["generation"]
    install(world.kubectl, next_definition(), "spec.tracing", known=True)

    newer.apply(
        model={"provenance": "notebook 7"},
        runtime={"env": [{"name": "A", "value": "b", "note": "c"}]},
        scheduling=NOWHERE,
    ).becomes("Unschedulable")
    served.apply(model={"uri": uri}, scaling={"replicas": 1}).is_ready()
    assert served.child("deployment")["metadata"]["generation"] == runs, "what is ignored starts nothing"

    message = served.apply(model={"uri": uri}, runtime={"engine": NEW_ENGINE}).becomes("InvalidSpec")["message"]
    assert "spec.runtime.engine" in message
    assert "upgrade the operator" in message
    assert "tracing" not in message
    assert served.condition("Available")["status"] == "True"
    served.answers(ROW, [4.0])
    assert newer.condition()["reason"] == "Unschedulable", "only the one model is told so"

    [operator] = world.contest.present
    metrics = operator.metrics()
    for field in NEW_FIELDS:
        assert f'modelway_operator_unknown_fields{{field="{field}"}}' in metrics
        assert sum(field in line for line in world.log()) == 1
