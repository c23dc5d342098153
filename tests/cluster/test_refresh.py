"""An object that was overwritten under its name is taken by `modelway refresh`, and left by `modelway undo`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from sklearn.linear_model import LinearRegression

from sandbox import Sandbox
from support.cluster.deployed import Deployed
from support.cluster.sandbox import Kubectl
from support.stores.model_store import ModelStore
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

FILE = "replaced.joblib"
Run = Callable[..., str]


def _times(factor: float) -> LinearRegression:
    rows = [[0.0], [1.0], [2.0], [3.0]]
    return LinearRegression().fit(rows, [factor * row[0] for row in rows])


@pytest.fixture
def modelway(sandbox: Sandbox, namespace: str) -> Run:
    """What `modelway COMMAND replaced ...` prints in the test's namespace."""

    def run(command: str, *arguments: str) -> str:
        line = [sys.executable, "-m", "modelway", command, "replaced", "-n", namespace, *arguments]
        environment = {**os.environ, "KUBECONFIG": str(sandbox.kubeconfig)}
        done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def replaced(kubectl: Kubectl, installed: str, model_store: ModelStore) -> Deployed:
    """A model that was proved and serves, and whose object was then overwritten."""
    model = Deployed(kubectl, "replaced")
    model.apply(model={"uri": model_store.put(FILE, _times(2.0))}, preflight={"enabled": True}).is_ready()
    model.answers([[5.0]], [10.0])
    model_store.put(FILE, _times(3.0))
    return model


def _history(modelway: Run) -> list[dict[str, Any]]:
    return list(json.loads(modelway("history", "-o", "json")))


def _status_names(model: Deployed, revision: str) -> None:
    eventually(lambda: model.status["stable"]["revision"] == revision, deadline=120, describe=lambda: model.status)


def test_refresh_serves_the_new_bytes_and_keeps_the_old_revision(replaced: Deployed, modelway: Run) -> None:
    before = replaced.status["stable"]
    generation = replaced.kubectl.get("mdep", "replaced")["metadata"]["generation"]
    assert "as it is now, as a new revision" in modelway("refresh")
    eventually(lambda: replaced.ask([[5.0]]) == {"predictions": [15.0]}, deadline=120, describe=lambda: replaced.status)
    replaced.is_ready()
    newest, oldest = _history(modelway)
    assert (newest["changed"], oldest["hash"]) == (["refresh"], before["revision"])
    digests = [one["digest"] for one in replaced.status["revisions"]]
    assert digests == [replaced.status["stable"]["digest"], before["digest"]]
    assert replaced.kubectl.get("mdep", "replaced")["metadata"]["generation"] == generation


def test_undo_of_a_refresh_serves_no_bytes_but_the_proved(
    replaced: Deployed, modelway: Run, model_store: ModelStore
) -> None:
    first = replaced.status["stable"]["revision"]
    modelway("refresh")
    eventually(lambda: replaced.ask([[5.0]]) == {"predictions": [15.0]}, deadline=120, describe=lambda: replaced.status)
    modelway("undo", "--to", "1")
    replaced.becomes("ArtifactReplaced")
    assert replaced.ask([[5.0]]) == {"predictions": [15.0]}
    model_store.put(FILE, _times(2.0))
    _status_names(replaced, first)
    replaced.answers([[5.0]], [10.0])
