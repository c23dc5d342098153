"""Known rows judge a candidate on a real cluster: nobody asks the model, and its rollout ends all the same."""

import random
from collections.abc import Callable

import pytest
from sklearn.linear_model import LinearRegression

from support.cluster.deployed import Deployed
from support.cluster.sandbox import Kubectl, Object
from support.stores.model_store import ModelStore
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

ROWS = [[0.0], [1.0], [2.0], [3.0]]
SECONDS = 120.0

Wants = Callable[..., None]


def _times(factor: float) -> LinearRegression:
    return LinearRegression().fit(ROWS, [factor * row[0] for row in ROWS])


@pytest.fixture(scope="module")
def uris(model_store: ModelStore) -> dict[str, str]:
    generator = random.Random(0)
    (model_store.directory / "rows.csv").write_text(
        "\n".join(["amount", *(str(generator.uniform(1, 100)) for _ in range(600))])
    )
    models = {"v1": 2.0, "same": 2.0, "also": 2.0, "wrong": 3.0}
    stored = {version: model_store.put(f"{version}.joblib", _times(factor)) for version, factor in models.items()}
    return {**stored, "rows": model_store.uri("rows.csv"), "nothing": model_store.uri("nothing.csv")}


@pytest.fixture
def model(kubectl: Kubectl, installed: str, uris: dict[str, str]) -> Deployed:
    it = Deployed(kubectl, "replayed")
    it.apply(model={"uri": uris["v1"], "version": "v1"}).is_ready()
    return it


@pytest.fixture
def wants(model: Deployed, uris: dict[str, str]) -> Wants:
    """Apply the model of another version, with rows that are replayed."""

    def apply(version: str, *, rows: str = "rows", strategy: str = "Canary") -> None:
        replay = {"dataset": {"uri": uris[rows]}, "requests": 400}
        rollout = {"strategy": strategy, "replay": replay}
        model.apply(model={"uri": uris[version], "version": version}, rollout=rollout)

    return apply


def _state(model: Deployed) -> Object:
    return dict(model.status.get("rollout") or {})


def _reaches(model: Deployed, phase: str) -> Object:
    return eventually(
        lambda: state if (state := _state(model)).get("phase") == phase else {},
        deadline=SECONDS,
        describe=lambda: model.status,
    )


def _jobs(model: Deployed) -> list[str]:
    return [one["metadata"]["name"] for one in model.kubectl.list("jobs", f"modelway.dev/name={model.name}")]


@pytest.mark.parametrize("strategy", ["Canary", "Shadow"])
def test_good_candidate_is_promoted_without_one_request(model: Deployed, wants: Wants, strategy: str) -> None:
    wants("same", strategy=strategy)
    state = _reaches(model, "Promoted")
    assert state["replay"]["phase"] == "Done"
    assert {one["name"]: (one["bad"], one["trials"]) for one in state["replay"]["measures"]} == {
        "failed": (0, 400),
        "refused": (0, 400),
        "disagreement": (0, 400),
    }
    eventually(lambda: not _jobs(model), describe=lambda: _jobs(model))
    assert model.status["stable"]["version"] == "same"


def test_wrong_candidate_is_rolled_back_before_any_request(model: Deployed, wants: Wants) -> None:
    wants("wrong")
    verdict = model.becomes("RolledBack")
    state = _state(model)
    assert (state["cause"], state["replay"]["phase"], state["weight"]) == ("Analysis", "Done", 0)
    [measure] = [one for one in state["measures"] if one["name"] == "disagreement"]
    assert f"{measure['bad']} of 400 requests" in verdict["message"]
    assert model.ask([[5.0]]) == {"predictions": [10.0]}


def test_missing_rows_are_named_and_leave_it_to_requests(model: Deployed, wants: Wants) -> None:
    wants("also", rows="nothing")
    eventually(lambda: _state(model).get("weight") == 5, deadline=SECONDS, describe=lambda: model.status)
    state = _state(model)
    assert (state["phase"], state["replay"]["phase"]) == ("Progressing", "Failed")
    assert "spec.rollout.replay.dataset.uri" in state["replay"]["message"]
    assert "no rows were replayed" in state["message"]
