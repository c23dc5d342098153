"""The example with a class of its own: refused from the common image, served from its own."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from support.cluster.deployed import Deployed
from support.stores.model_store import ModelStore
from support.waiting import eventually

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "own_image"
CUSTOMER = {"orders_per_month": 4.5, "days_since_order": 6.0, "basket_value": 21.5, "complaints": 0.0}

pytestmark = pytest.mark.cluster


def test_own_class_is_served_from_an_image_that_holds_it(deployed: Deployed, model_store: ModelStore) -> None:
    subprocess.run([sys.executable, str(EXAMPLE / "train.py"), str(model_store.directory)], check=True)
    spec = yaml.safe_load((EXAMPLE / "modeldeployment.yaml").read_text())["spec"]
    model = spec["model"] | {"uri": model_store.uri("churn/v1/model.joblib")}
    deployed.apply(model=model)
    assert "churn" in deployed.becomes("MissingModule")["message"]
    deployed.apply(model=model, runtime=spec["runtime"]).is_ready()
    eventually(lambda: deployed.ask([CUSTOMER])["predictions"][0][0] > 0.5, deadline=20)
