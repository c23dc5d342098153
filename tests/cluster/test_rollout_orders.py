"""A person steers a rollout by the command line, and status, history and Events tell of it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from sklearn.tree import DecisionTreeClassifier

from sandbox import Sandbox
from support.cluster.deployed import Deployed
from support.stores.model_store import ModelStore
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

CANARY = {"strategy": "Canary", "steps": [{"weight": 10}]}
Run = Callable[..., str]


@pytest.fixture
def modelway(sandbox: Sandbox, namespace: str) -> Run:
    """What `modelway COMMAND fraud ...` prints in the test's namespace."""

    def run(command: str, *arguments: str) -> str:
        line = [sys.executable, "-m", "modelway", command, "fraud", "-n", namespace, *arguments]
        environment = {**os.environ, "KUBECONFIG": str(sandbox.kubeconfig)}
        done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def _events(deployed: Deployed, reason: str) -> list[str]:
    events = deployed.kubectl("get", "events", "--field-selector", f"reason={reason}", "-o", "json")
    return [one["message"] for one in json.loads(events)["items"]]


def _model(model_store: ModelStore, version: str, labels: list[int]) -> dict[str, Any]:
    model = DecisionTreeClassifier().fit([[0.0], [1.0]], labels)
    return {"uri": model_store.put(f"orders-{version}.joblib", model), "version": version}


def test_a_person_pauses_promotes_aborts_and_retries(
    deployed: Deployed, model_store: ModelStore, modelway: Run
) -> None:
    who = deployed.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
    deployed.apply(model=_model(model_store, "v1", [0, 1]), rollout=CANARY).is_ready()
    deployed.apply(model=_model(model_store, "v2", [0, 2]), rollout=CANARY).becomes("RolloutProgressing")
    eventually(lambda: deployed.status["rollout"]["phase"] == "Progressing", deadline=60)
    assert "(10%)" in modelway("status")

    assert "holds where it is" in modelway("pause")
    deployed.becomes("RolloutSuspended")
    assert "modelway resume fraud" in modelway("explain")
    modelway("resume")
    deployed.becomes("RolloutProgressing")
    modelway("promote")
    deployed.is_ready()
    assert (deployed.status["stable"]["version"], deployed.status["rollout"]["by"]) == ("v2", who)
    eventually(lambda: any(f"promoted by {who}" in one for one in _events(deployed, "RolloutPromoting")), deadline=20)

    deployed.apply(model=_model(model_store, "v3", [1, 0]), rollout=CANARY).becomes("RolloutProgressing")
    assert "stays rolled back" in modelway("abort")
    deployed.becomes("RolledBack")
    newest, before, _ = json.loads(modelway("history", "-o", "json"))
    assert (newest["state"], newest["rollout"]["cause"], before["state"]) == ("rolled back", "Aborted", "serves")
    modelway("retry")
    deployed.becomes("RolloutProgressing")
    assert deployed.status["rollout"]["attempt"] == 2
