"""A candidate comes beside the revision that serves, on a real API server with real pods, and no client loses a request."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sklearn.linear_model import LinearRegression

from demo.load import Load
from support.cluster.deployed import Deployed
from support.cluster.sandbox import Kubectl, Object
from support.cluster.workload import Fragile
from support.stores.model_store import ModelStore
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

ROWS = [[0.0], [1.0], [2.0], [3.0]]
EASY: Object = {"tolerance": "20%"}
"""Bounds that few requests show to be kept."""
CANARY: Object = {"strategy": "Canary", "steps": [{"weight": 20}, {"weight": 50}], "analysis": EASY}
HELD: Object = {"strategy": "Canary", "steps": [{"weight": 20, "hold": "1h"}]}
SECONDS = 90.0

Fit = Callable[[float], LinearRegression]


def _times(factor: float) -> LinearRegression:
    return LinearRegression().fit(ROWS, [factor * row[0] for row in ROWS])


class Rollout:
    """A model that doubles, serves, and is asked by clients all the time."""

    def __init__(self, model: Deployed, uris: dict[str, str], load: Load) -> None:
        self.model = model
        self.load = load
        self._uris = uris

    def wants(self, version: str, rollout: Object = CANARY) -> None:
        """Apply the model of another version."""
        model = {"uri": self._uris[version], "version": version}
        self.model.apply(model=model, scaling={"replicas": 2}, rollout=rollout)

    @property
    def state(self) -> Object:
        """`status.rollout` as it is now."""
        return dict(self.model.status.get("rollout") or {})

    def reaches(self, phase: str) -> Object:
        """Wait for a phase; the state."""
        return eventually(lambda: self._in(phase), deadline=SECONDS, describe=lambda: self.model.status)

    def is_over(self) -> None:
        """Wait until nothing of the candidate is left."""
        eventually(lambda: not self.remains(), deadline=SECONDS, describe=self.remains)

    def remains(self) -> list[str]:
        """What there is of a candidate."""
        kubectl, name = self.model.kubectl, self.model.name
        around = {"deployment": f"{name}-canary", "service": f"{name}-canary", "configmap": f"{name}-traffic"}
        pods = kubectl.list("pods", f"modelway.dev/name={name},modelway.dev/track=canary")
        return [kind for kind, one in around.items() if kubectl.exists(kind, one)] + [
            one["metadata"]["name"] for one in pods
        ]

    def events(self) -> set[str]:
        """The reasons of the Events about the model."""
        return {
            one["reason"]
            for one in self.model.kubectl.list("events")
            if one["involvedObject"]["name"] == self.model.name
        }

    def _in(self, phase: str) -> Object:
        state = self.state
        return state if state.get("phase") == phase else {}


@pytest.fixture(scope="module")
def uris(model_store: ModelStore) -> dict[str, str]:
    (model_store.directory / "broken.joblib").write_bytes(b"no model at all")
    models = {"v1": 2.0, "same": 2.0, "also": 2.0, "wrong": 3.0}
    stored = {version: model_store.put(f"{version}.joblib", _times(factor)) for version, factor in models.items()}
    fragile = model_store.put("fragile.joblib", Fragile())
    return {**stored, "broken": model_store.uri("broken.joblib"), "fragile": fragile}


@contextmanager
def _clients(model: Deployed) -> Iterator[Load]:
    """Clients that ask all the time; none of them may be failed."""
    service = model.child("service")["spec"]
    url = f"http://{service['clusterIP']}:{service['ports'][0]['port']}/v2/models/{model.name}/infer"
    tensor = {"name": "input", "shape": [1, 1], "datatype": "FP64", "data": [[5.0]]}
    with Load(url, json.dumps({"inputs": [tensor]}).encode(), pause=0.005) as load:
        yield load
    tally = load.tally()
    assert tally.failures == {}
    assert tally.requests > 100


@pytest.fixture
def doubling(kubectl: Kubectl, installed: str, uris: dict[str, str]) -> Iterator[Rollout]:
    model = Deployed(kubectl, "doubling")
    model.apply(model={"uri": uris["v1"], "version": "v1"}, scaling={"replicas": 2}).is_ready()
    model.answers([[5.0]], [10.0])
    with _clients(model) as load:
        yield Rollout(model, uris, load)


def test_good_candidate_takes_over_by_its_steps(doubling: Rollout) -> None:
    doubling.wants("same")
    doubling.reaches("Promoted")
    doubling.is_over()
    doubling.model.is_ready()
    assert doubling.model.status["stable"]["version"] == "same"
    assert {"RolloutStarted", "RolloutStep", "RolloutPromoting", "RolloutPromoted"} <= doubling.events()
    assert doubling.load.tally().versions["same"] > 0


def test_wrong_answers_are_rolled_back_with_their_counts(doubling: Rollout) -> None:
    doubling.wants("wrong")
    verdict = doubling.model.becomes("RolledBack")
    state = doubling.state
    [measure] = [one for one in state["measures"] if one["name"] == "disagreement"]
    assert (state["cause"], measure["outcome"]) == ("Analysis", "Worse")
    assert f"{measure['bad']} of {measure['trials']}" in verdict["message"]
    conditions = [doubling.model.condition(kind)["status"] for kind in ("Ready", "Stalled", "Available")]
    assert conditions == ["False", "True", "True"]
    doubling.is_over()
    assert doubling.model.status["stable"]["version"] == "v1"
    assert doubling.model.ask([[5.0]]) == {"predictions": [10.0]}


def test_candidate_that_fails_requests_costs_no_client_one(doubling: Rollout) -> None:
    doubling.wants("fragile")
    verdict = doubling.model.becomes("RolledBack")
    assert doubling.state["cause"] in {"Analysis", "CandidateFailed"}
    assert "(100%" in verdict["message"]
    assert doubling.load.tally().versions.keys() == {"v1"}
    doubling.is_over()


@pytest.mark.parametrize("version", ["same", "wrong"])
def test_shadow_lets_no_client_see_the_candidate(doubling: Rollout, version: str) -> None:
    doubling.wants(version, {"strategy": "Shadow", "analysis": EASY})
    state = doubling.reaches("Promoting" if version == "same" else "RolledBack")
    assert doubling.load.tally().versions.keys() == {"v1"}
    assert version == "same" or state["cause"] == "Analysis"
    doubling.is_over()


def test_blue_stays_in_reserve_until_green_has_shown_itself(doubling: Rollout) -> None:
    doubling.wants("same", {"strategy": "BlueGreen", "scaleDownDelay": "3s", "analysis": EASY})
    eventually(lambda: doubling.state.get("weight") == 100, deadline=SECONDS)
    kubectl, name = doubling.model.kubectl, doubling.model.name
    sizes = [kubectl.get("deployment", one)["spec"]["replicas"] for one in (name, f"{name}-canary")]
    assert sizes == [2, 2]
    doubling.reaches("Promoted")
    doubling.is_over()


def test_candidate_that_cannot_start_is_rolled_back(doubling: Rollout) -> None:
    doubling.wants("broken")
    verdict = doubling.model.becomes("RolledBack")
    state = doubling.state
    assert (state["phase"], state["cause"]) == ("RolledBack", "CandidateFailed")
    assert state["revision"] in verdict["message"]
    conditions = [doubling.model.condition(kind)["status"] for kind in ("Ready", "Stalled", "Available")]
    assert conditions == ["False", "True", "True"]
    doubling.is_over()
    assert doubling.model.status["stable"]["version"] == "v1"
    assert doubling.model.status["candidate"]["reason"] == "RolledBack"
    assert {"RolloutStarted", "RolledBack"} <= doubling.events()
    doubling.wants("v1")
    doubling.model.is_ready()
    assert "candidate" not in doubling.model.status


def test_reverted_spec_ends_the_rollout(doubling: Rollout) -> None:
    doubling.wants("same", HELD)
    eventually(lambda: doubling.state.get("since"), deadline=SECONDS, describe=lambda: doubling.state)
    doubling.wants("v1", HELD)
    doubling.model.is_ready()
    doubling.is_over()
    assert "rollout" not in doubling.model.status
    assert doubling.model.status["stable"]["version"] == "v1"


def test_new_change_starts_over_and_lost_children_come_back(doubling: Rollout) -> None:
    doubling.wants("same", HELD)
    before = doubling.reaches("Progressing")
    kubectl, name = doubling.model.kubectl, doubling.model.name
    for kind, child in (
        ("deployment", f"{name}-canary"),
        ("configmap", f"{name}-traffic"),
        ("service", f"{name}-canary"),
    ):
        kubectl("delete", kind, child)
    eventually(lambda: len(doubling.remains()) == 4, describe=doubling.remains)
    assert doubling.state["id"] == before["id"]
    doubling.wants("also")
    state = doubling.reaches("Promoted")
    assert state["revision"] != before["revision"]
    doubling.is_over()
    assert doubling.model.status["stable"]["version"] == "also"
