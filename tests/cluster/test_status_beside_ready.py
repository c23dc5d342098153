"""What goes wrong around a model that serves, and what somebody else did to its children: status names it, and what to do."""

from pathlib import Path

import pytest
from sklearn.linear_model import LinearRegression

from support.cluster.deployed import Deployed
from support.cluster.sandbox import Object
from support.stores.model_store import ModelStore
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

FILE = "beside.joblib"
RANGE = {"min": 1, "max": 4, "behavior": {"scaleDown": {"selectPolicy": "Disabled"}}}
SECONDS = 60.0


@pytest.fixture(scope="module")
def file(model_store: ModelStore) -> Path:
    """The model's file in the store."""
    model_store.put(FILE, LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0]))
    return model_store.directory / FILE


@pytest.fixture
def model(deployed: Deployed, model_store: ModelStore, file: Path) -> Deployed:
    """A model of one pod, which may be given four."""
    assert file.exists()
    return deployed.apply(model={"uri": model_store.uri(FILE), "version": "1"}, scaling=RANGE).is_ready()


def test_what_others_do_to_a_model_is_named(model: Deployed, file: Path, model_store: ModelStore) -> None:
    _lose_the_service(model)
    _pause_a_rollout(model, model_store.uri(FILE))
    file.unlink()
    _fail_to_grow(model)
    _scale_to_nothing(model)


def _lose_the_service(model: Deployed) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"services": "0"}}}
    model.kubectl.create({"apiVersion": "v1", "kind": "ResourceQuota", **quota})
    eventually(lambda: model.kubectl.get("resourcequota", "none").get("status", {}).get("hard"))
    model.kubectl("delete", "service", model.name)
    model.becomes("QuotaExceeded")
    assert _verdict(model.condition("Available")) == ("False", "NoService")
    model.kubectl("delete", "resourcequota", "none")
    model.is_ready()
    assert _verdict(model.condition("Available")) == ("True", "Serving")


def _pause_a_rollout(model: Deployed, uri: str) -> None:
    model.kubectl("rollout", "pause", f"deployment/{model.name}")
    model.apply(model={"uri": uri, "version": "2"}, scaling=RANGE)
    paused = model.becomes("RolloutPaused")["message"]
    assert "the previous one serves until then" in paused
    model.kubectl(*_command(paused))
    model.is_ready()


def _fail_to_grow(model: Deployed) -> None:
    model.kubectl("scale", f"deployment/{model.name}", "--replicas=3")
    counted = "1 of 3 pods. 2 cannot be started (ModelNotFound)"
    eventually(lambda: counted in model.condition()["message"], deadline=SECONDS, describe=model.condition)
    assert _verdict(model.condition()) == ("True", "Serving")
    assert "1/3" in model.kubectl("get", "mdep", model.name).split()


def _scale_to_nothing(model: Deployed) -> None:
    model.kubectl("scale", f"deployment/{model.name}", "--replicas=0")
    assert "--replicas=1" in model.becomes("ScalingDisabled")["message"]


def _verdict(condition: Object) -> tuple[str, str]:
    return condition["status"], condition["reason"]


def _command(message: str) -> list[str]:
    """The command of kubectl that ends a message, without the name of the program."""
    return message.rpartition("kubectl ")[2].rstrip(".").split()
