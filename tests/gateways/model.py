"""A model behind a Gateway: it multiplies, and is asked as a client outside the cluster would ask."""

import json
import urllib.request
from collections import Counter
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

import joblib
from sklearn.linear_model import LinearRegression

from demo.load import Load
from gateways.gateway import DOMAIN, NAMESPACE, Gateway, publish
from support.cluster.deployed import Deployed
from support.cluster.sandbox import Object
from support.waiting import eventually

PATH = "/multiply"
ROWS = [[0.0], [1.0], [2.0], [3.0]]
ASKED = 5.0
READY_SECONDS = 900.0
"""Seconds on a busy machine."""


class Model:
    """One ModelDeployment, under a host name of its own.

    Args:
        deployed: the ModelDeployment.
        gateway: what it names.
        folder: what the model store of the cluster serves.
    """

    def __init__(self, deployed: Deployed, gateway: Gateway, folder: Path) -> None:
        self.deployed = deployed
        self._gateway = gateway
        self._folder = folder
        self.host = f"{deployed.kubectl.namespace}.{DOMAIN}"
        publish(self.host)

    def wants(self, version: str, factor: float, rollout: Object | None = None, **gateway: object) -> None:
        """Apply a version that multiplies by a factor; `gateway` replaces fields of the reference to the Gateway."""
        file = self._folder / f"{self.host}-{version}.joblib"
        joblib.dump(LinearRegression().fit(ROWS, [factor * row[0] for row in ROWS]), file)
        uri = f"http://models.model-store.svc:8080/{file.name}"
        self.deployed.apply(
            model={"uri": uri, "version": version},
            exposure={"gateway": self.reference(**gateway)},
            **({} if rollout is None else {"rollout": rollout}),
        )

    def reference(self, **fields: object) -> Object:
        """How the spec names the Gateway."""
        name = self._gateway.name
        return {"name": name, "namespace": NAMESPACE, "hostnames": [self.host], "path": PATH, **fields}

    def serves(self) -> None:
        """Wait until it is ready and answers through the Gateway."""
        self.deployed.is_ready(deadline=READY_SECONDS)
        self.says("True", "RouteAccepted")
        eventually(self.answer, deadline=READY_SECONDS, describe=self._gateway.program.last_words)

    def says(self, status: str, reason: str) -> Object:
        """Wait until the condition Exposed says this; the condition."""

        def condition() -> Object:
            self._gateway.program.require()
            one = self.deployed.condition("Exposed")
            return one if (one.get("status"), one.get("reason")) == (status, reason) else {}

        return eventually(condition, deadline=60, describe=lambda: self.deployed.condition("Exposed"))

    @property
    def url(self) -> str:
        """Where predictions are asked for."""
        return self._gateway.url(self.host, f"{PATH}/v2/models/{self.deployed.name}/infer")

    def answer(self) -> Object:
        """A prediction through the Gateway.

        Raises:
            AssertionError: it gives none.
            ProgramEnded: and never will.
        """
        self._gateway.program.require()
        request = urllib.request.Request(self.url, BODY, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return dict(json.load(answer))
        except HTTPError as error:
            with error:  # a refusal is an answer, whose socket is to be closed
                raise AssertionError(str(error)) from error
        except (OSError, HTTPException) as error:
            raise AssertionError(str(error)) from error

    def versions(self, requests: int) -> Counter[str]:
        """How many of so many requests each version answered."""
        return Counter(self.answer()["model_version"] for _ in range(requests))

    def load(self) -> Load:
        """Clients that ask through the Gateway all the time."""
        return Load(self.url, BODY, connections=4, pause=0.01)

    @property
    def rollout(self) -> Object:
        """`status.rollout` as it is now; a ProgramEnded where the Gateway that it waits for is gone."""
        self._gateway.program.require()
        return dict(self.deployed.status.get("rollout") or {})

    def ends(self) -> Object:
        """Wait until the rollout has an end, of whatever kind; the rollout."""

        def state() -> Object:
            now = self.rollout
            return now if now.get("phase") in {"Promoted", "RolledBack"} else {}

        return eventually(state, deadline=READY_SECONDS, describe=lambda: self.rollout)

    def remains(self) -> list[str]:
        """What there is of a candidate."""
        name = f"{self.deployed.name}-canary"
        return [kind for kind in ("deployment", "service") if self.deployed.kubectl.exists(kind, name)]


BODY = json.dumps({"inputs": [{"name": "input", "shape": [1, 1], "datatype": "FP64", "data": [[ASKED]]}]}).encode()
