"""A Gateway divides the requests of a rollout: the test speaks for its controller, and the pods are real."""

import json
from collections.abc import Iterator

import pytest
from sklearn.linear_model import LinearRegression

from demo.load import Load
from support.cluster.deployed import Deployed
from support.cluster.gateway import Controller
from support.operator.specs import Object
from support.stores.model_store import ModelStore
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

ROUTED: Object = {
    "strategy": "Canary",
    "trafficRouting": "Gateway",
    "steps": [{"weight": 50}],
    "analysis": {"tolerance": "20%"},
}
EXPOSURE: Object = {"gateway": {"name": "shared"}}
ROWS = [[0.0], [1.0], [2.0], [3.0]]
SECONDS = 90.0


class Routed:
    """A model with a Gateway in front, asked all the time by clients inside the cluster."""

    def __init__(self, deployed: Deployed, store: ModelStore) -> None:
        self.deployed = deployed
        self.gateway = Controller(deployed.kubectl, deployed.name)
        self._store = store

    def wants(self, version: str, factor: float) -> None:
        """Apply a model that multiplies."""
        model = LinearRegression().fit(ROWS, [factor * row[0] for row in ROWS])
        uri = self._store.put(f"routed-{version}.joblib", model)
        self.deployed.apply(model={"uri": uri, "version": version}, rollout=ROUTED, exposure=EXPOSURE)

    @property
    def state(self) -> Object:
        """`status.rollout` as it is now."""
        return dict(self.deployed.status.get("rollout") or {})

    def comes_to(self, **fields: object) -> Object:
        """Wait until the rollout has these; the state."""

        def state() -> Object:
            now = self.state
            return now if fields.items() <= now.items() else {}

        return eventually(state, deadline=SECONDS, describe=lambda: self.state)

    def candidate(self) -> str:
        """The revision of the candidate's Deployment."""
        labels = self.deployed.kubectl.get("deployment", f"{self.deployed.name}-canary")["metadata"]["labels"]
        return str(labels["modelway.dev/revision"])

    def remains(self) -> list[str]:
        """What there is of a candidate."""
        name = f"{self.deployed.name}-canary"
        return [kind for kind in ("deployment", "service") if self.deployed.kubectl.exists(kind, name)]


@pytest.fixture
def routed(deployed: Deployed, model_store: ModelStore) -> Iterator[Routed]:
    it = Routed(deployed, model_store)
    it.wants("v1", 2.0)
    deployed.is_ready().answers([[5.0]], [10.0])
    it.gateway.accepts()
    service = deployed.child("service")["spec"]
    url = f"http://{service['clusterIP']}:{service['ports'][0]['port']}/v2/models/{deployed.name}/infer"
    tensor = {"name": "input", "shape": [1, 1], "datatype": "FP64", "data": [[5.0]]}
    with Load(url, json.dumps({"inputs": [tensor]}).encode(), pause=0.005) as load:
        yield it
    tally = load.tally()
    assert tally.failures == {}
    assert tally.versions.keys() <= {"v1", "v2"}


def test_route_has_the_weights_and_the_candidate_leaves_last(routed: Routed) -> None:
    name = routed.deployed.name
    routed.wants("v2", 2.0)
    routed.comes_to(mirror=50, weight=50)
    eventually(lambda: routed.gateway.shares() == {name: 50, f"{name}-canary": 50})
    assert "since" not in routed.state
    routed.gateway.accepts()
    assert routed.comes_to(phase="Promoted")["stable"] != routed.deployed.status["stable"]["revision"]
    eventually(lambda: routed.gateway.shares() == {name: 100})
    assert routed.remains() == ["deployment", "service"], (
        "the Gateway has not said yet that it sends the candidate nothing"
    )
    routed.gateway.accepts()
    eventually(lambda: not routed.remains(), deadline=SECONDS, describe=routed.remains)


def test_wrong_copies_end_it_and_a_refusal_is_told(routed: Routed) -> None:
    routed.wants("v3", 3.0)
    routed.deployed.becomes("RolledBack")
    assert routed.state["cause"] == "Analysis"
    eventually(lambda: routed.gateway.shares() == {routed.deployed.name: 100})
    routed.gateway.refuses("NotAllowedByListeners", "no")
    eventually(lambda: not routed.remains(), deadline=SECONDS, describe=routed.remains)
    assert routed.deployed.condition("Available")["status"] == "True"


def test_next_candidate_waits_until_the_gateway_lets_go(routed: Routed) -> None:
    routed.wants("v3", 2.0)
    before = routed.comes_to(weight=50)["revision"]
    eventually(lambda: f"{routed.deployed.name}-canary" in routed.gateway.shares())
    routed.wants("v2", 2.0)
    eventually(lambda: routed.gateway.shares() == {routed.deployed.name: 100})
    eventually(
        lambda: f"lets go of revision {before}" in routed.state["message"],
        deadline=SECONDS,
        describe=lambda: routed.state,
    )
    assert "unready" not in routed.state
    assert routed.candidate() == before
    routed.gateway.accepts()
    eventually(lambda: routed.candidate() == routed.state["revision"] != before, describe=lambda: routed.state)
    routed.comes_to(weight=50)
