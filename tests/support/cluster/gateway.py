"""The Gateway API without a gateway: the definition of HTTPRoute, and what a controller writes into the status of a route."""

import json
from pathlib import Path

from support.cluster.sandbox import Kubectl
from support.operator.specs import Object
from support.waiting import eventually

HTTP_ROUTES = Path(__file__).with_name("httproutes.yaml")
CONTROLLER = "test.modelway.dev/gateway"


class Controller:
    """Answers for the Gateway that the route of one model names."""

    def __init__(self, kubectl: Kubectl, name: str) -> None:
        self._kubectl = kubectl
        self._name = name

    @property
    def route(self) -> Object:
        """The route as it is now; an AssertionError where there is none."""
        return self._kubectl.get("httproute", self._name)

    def shares(self) -> dict[str, int]:
        """What the route sends to each Service, of 100 requests."""
        [rule] = self.route["spec"]["rules"]
        return {one["name"]: one["weight"] for one in rule["backendRefs"]}

    def accepts(self) -> None:
        """Take the route as it is now, once there is one."""
        eventually(self._answer)

    def refuses(self, reason: str, message: str, kind: str = "Accepted") -> None:
        """Refuse the route as it is now, once there is one."""
        eventually(lambda: self._answer(**{kind: (reason, message)}))

    def _answer(self, **refused: tuple[str, str]) -> bool:
        route = self.route
        generation = route["metadata"]["generation"]
        conditions = []
        for kind in ("Accepted", "ResolvedRefs"):
            reason, message = refused.get(kind, (kind, ""))
            conditions.append(
                {
                    "type": kind,
                    "status": "False" if kind in refused else "True",
                    "reason": reason,
                    "message": message,
                    "observedGeneration": generation,
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }
            )
        [parent] = route["spec"]["parentRefs"]
        report = {"controllerName": CONTROLLER, "parentRef": parent, "conditions": conditions}
        patch = json.dumps({"status": {"parents": [report]}})
        self._kubectl("patch", "httproute", self._name, "--subresource=status", "--type=merge", "-p", patch)
        return True
