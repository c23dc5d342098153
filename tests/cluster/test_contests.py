"""Of several models the preflight chooses one, on a real API server with real Jobs; its pods serve its very bytes from then on."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from modelway.__main__ import main
from sandbox import Sandbox
from support.cluster.deployed import Deployed
from support.cluster.installed import SYSTEM
from support.cluster.sandbox import Kubectl, Object
from support.operator.specs import manifest
from support.stores.model_store import ModelStore
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

Run = Callable[..., str]
Contest = Callable[[ClassifierMixin, Object], Deployed]
_DRAWN = np.random.default_rng(0).normal(size=(4000, 3))
COLUMNS = ["age", "income", "years"]
FRAME = pd.DataFrame(_DRAWN.round(4), columns=COLUMNS)
KINDS = np.where(_DRAWN.sum(axis=1) + 0.1 * _DRAWN[:, 0] ** 3 > 0, "yes", "no")
ROW = [[2.0, 2.0, 2.0]]


def _fit(model: ClassifierMixin) -> ClassifierMixin:
    return model.fit(FRAME.to_numpy(), KINDS)


@pytest.fixture(scope="module", autouse=True)
def dataset(model_store: ModelStore) -> None:
    """Rows of two kinds."""
    FRAME.assign(kind=KINDS).to_csv(model_store.directory / "contest.csv", index=False)


@pytest.fixture(scope="module")
def contestants(model_store: ModelStore) -> Object:
    """A model that is right in nearly all rows and costs much, one that cannot be read, and a cheap one that is a little worse."""
    (model_store.directory / "contest-broken.joblib").write_bytes(b"no model at all")
    cheap = model_store.put("contest-cheap.joblib", _fit(LogisticRegression()))
    return {
        "uri": model_store.put("contest.joblib", _fit(RandomForestClassifier(300, random_state=0))),
        "candidates": [
            {"name": "broken", "uri": model_store.uri("contest-broken.joblib"), "format": "sklearn"},
            {"name": "cheap", "uri": cheap},
        ],
    }


@pytest.fixture
def preflight(model_store: ModelStore) -> Object:
    """It takes a loss of a tenth of the accuracy."""
    dataset, metrics = {"uri": model_store.uri("contest.csv")}, [{"name": "accuracy", "min": 0.8}]
    return {"evaluation": {"dataset": dataset, "target": "kind", "metrics": metrics, "maxQualityLoss": 0.1}}


@pytest.fixture
def modelway(sandbox: Sandbox, namespace: str) -> Run:
    """What `modelway COMMAND contest ...` prints in the test's namespace."""

    def run(command: str, *arguments: str) -> str:
        line = [sys.executable, "-m", "modelway", command, "contest", "-n", namespace, *arguments]
        environment = {**os.environ, "KUBECONFIG": str(sandbox.kubeconfig)}
        done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def _fetches(pods: list[Object]) -> set[str]:
    """What the pods fetch: URIs and digests."""
    arguments = [one for pod in pods for one in pod["spec"]["initContainers"][0]["args"]]
    return {one for one in arguments if one.startswith(("--uri=", "--digest="))}


def _pods(model: Deployed) -> list[Object]:
    pods = model.kubectl.list("pods", f"modelway.dev/name={model.name},modelway.dev/track=stable")
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def _events(model: Deployed, reason: str) -> list[str]:
    events = model.kubectl.list("events")
    return [one["message"] for one in events if one["involvedObject"]["name"] == model.name and one["reason"] == reason]


@pytest.fixture
def contest(kubectl: Kubectl, installed: str, contestants: Object, preflight: Object) -> Deployed:
    """A model that was chosen among three, and serves."""
    model = Deployed(kubectl, "contest")
    return model.apply(model=contestants, preflight=preflight).is_ready()


@pytest.fixture
def contest_of(kubectl: Kubectl, installed: str, model_store: ModelStore, preflight: Object) -> Contest:
    """Serves a model with these settings of `runtime`."""

    def serve(model: ClassifierMixin, runtime: Object) -> Deployed:
        uri = model_store.put("contest-alone.joblib", _fit(model))
        return Deployed(kubectl, "contest").apply(model={"uri": uri}, runtime=runtime, preflight=preflight).is_ready()

    return serve


def _uri_of(contestants: Object, name: str) -> str:
    return str(next(one["uri"] for one in contestants["candidates"] if one["name"] == name))


def _served(contest: Deployed, contestants: Object) -> set[str]:
    """What pods of the cheap model fetch."""
    return {f"--uri={_uri_of(contestants, 'cheap')}", f"--digest={contest.status['revisions'][-1]['digest']}"}


def test_cheapest_within_the_loss_serves_and_is_told(contest: Deployed, contestants: Object, modelway: Run) -> None:
    eventually(lambda: contest.ask(ROW) == {"predictions": ["yes"]})
    (entry,) = contest.status["revisions"]
    table = {one["name"]: one for one in entry["candidates"]}
    assert (entry["choice"], [*table]) == ("cheap", ["model", "broken", "cheap"])
    assert [name for name, one in table.items() if "reason" in one] == ["broken"]
    assert table["model"]["value"] > table["cheap"]["value"] > 0.8
    assert table["cheap"]["low"] < table["cheap"]["value"] < table["cheap"]["high"]
    assert table["cheap"]["memoryMebibytes"] < table["model"]["memoryMebibytes"]
    (event,) = _events(contest, "Proved")
    assert "is accepted: cheap serves: " in event
    assert contest.status["stable"]["uri"] == _uri_of(contestants, "cheap")
    assert _fetches(_pods(contest)) == _served(contest, contestants)
    assert "accepted, " in modelway("explain")
    assert "cheap serves: " in contest.condition("ModelAccepted")["message"]


def test_evaluation_on_this_machine_has_the_same_choice_and_numbers(
    contest: Deployed, contestants: Object, preflight: Object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "contest.yaml"
    file.write_text(json.dumps(manifest("contest", model=contestants, preflight=preflight)))
    assert main(["evaluate", "-f", str(file), "-o", "json"]) == 0
    here, (there,) = json.loads(capsys.readouterr().out), contest.status["revisions"]
    assert here["choice"] == there["choice"]
    for parts in (("name", "reason", "engine"), ("value", "low", "high")):
        rows = [[_as_shown(one.get(part)) for part in parts] for one in here["candidates"]]
        assert rows == [[_as_shown(one.get(part)) for part in parts] for one in there["candidates"]]


def _as_shown(measure: object) -> object:
    """A number with the digits that status has."""
    return f"{measure:.4g}" if isinstance(measure, int | float) else measure


def test_choice_outlives_a_scale_up_and_a_restart_of_the_operator(
    contest: Deployed, cluster_kubectl: Kubectl, contestants: Object, preflight: Object
) -> None:
    system = cluster_kubectl.in_namespace(SYSTEM)
    system("delete", "pods", "-l", "app.kubernetes.io/name=modelway")
    system("rollout", "status", "deployment/modelway", "--timeout=60s")
    contest.apply(model=contestants, preflight=preflight, scaling={"replicas": 2}).is_ready()
    eventually(lambda: len(_pods(contest)) == 2)
    assert _fetches(_pods(contest)) == _served(contest, contestants)
    assert len(contest.status["revisions"]) == 1


def test_another_list_is_proved_anew_and_undo_goes_back(
    contest: Deployed, contestants: Object, preflight: Object, modelway: Run
) -> None:
    before, served = contest.status["stable"], _served(contest, contestants)
    without = {**contestants, "candidates": contestants["candidates"][:1]}
    contest.apply(model=without, preflight=preflight).is_ready()
    newest, oldest = contest.status["revisions"]
    assert (newest["choice"], oldest["revision"]) == ("model", before["revision"])
    assert contest.status["stable"]["uri"] == contestants["uri"]
    modelway("undo")
    eventually(lambda: contest.status["stable"] == before, deadline=120, describe=lambda: contest.status)
    contest.is_ready()
    eventually(lambda: _fetches(_pods(contest)) == served, describe=lambda: _fetches(_pods(contest)))
    jobs = contest.kubectl.list("jobs", f"modelway.dev/name={contest.name}")
    assert jobs == [], "what was accepted is never proved again"
    history: list[dict[str, Any]] = json.loads(modelway("history", "-o", "json"))
    assert [(one["choice"], one["model"]) for one in history] == [
        ("model", contestants["uri"]),
        ("cheap", before["uri"]),
    ]


@pytest.mark.parametrize(
    ("kind", "choice", "reason"),
    [
        (MLPClassifier((512, 512), tol=10, n_iter_no_change=1, random_state=0), "int8", None),
        (RandomForestClassifier(10, random_state=0), "model", "NothingToQuantise"),
    ],
    ids=["network", "trees"],
)
def test_weights_of_8_bits_serve_where_there_are_any(
    contest_of: Contest, kind: ClassifierMixin, choice: str, reason: str | None
) -> None:
    model = contest_of(kind, {"precision": "int8"})
    (entry,) = model.status["revisions"]
    assert (entry["choice"], entry["candidates"][-1].get("reason")) == (choice, reason)
    (pod,) = _pods(model)
    fetch, prepare = (one["args"] for one in pod["spec"]["initContainers"])
    assert f"--digest={entry['digest']}" in fetch
    assert ("--precision=int8" in prepare) == (choice == "int8")
    eventually(lambda: model.ask(ROW) == {"predictions": ["yes"]})
