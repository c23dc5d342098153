"""An Application of Argo CD, through the eyes of kubectl."""

import itertools
import json

from support.cluster.sandbox import Kubectl, Object
from support.waiting import eventually

_numbers = itertools.count(1)


class Application:
    """What Argo CD says of one Application, and what a person asks of it.

    Args:
        kubectl: in Argo CD's namespace.
        name: of the Application.
    """

    def __init__(self, kubectl: Kubectl, name: str) -> None:
        self._kubectl = kubectl
        self.name = name

    @property
    def status(self) -> Object:
        """All that Argo CD says of it."""
        return dict(self._kubectl.get("application", self.name).get("status") or {})

    def refresh(self, kind: str = "normal") -> None:
        """Look at git again; `hard` forgets every cached manifest too. Returns when it was done."""
        annotation = f"argocd.argoproj.io/refresh={kind}"
        self._kubectl("annotate", "application", self.name, annotation, "--overwrite")
        metadata = self._kubectl.get("application", self.name)["metadata"]
        eventually(lambda: "argocd.argoproj.io/refresh" not in self._annotations(), describe=lambda: metadata)

    def sync(self) -> None:
        """Sync as a person does by hand, and wait for the end."""
        mark = {"name": "number", "value": str(next(_numbers))}
        operation = {"sync": {"prune": True}, "initiatedBy": {"username": "test"}, "info": [mark]}
        self.patch({"operation": operation})
        eventually(lambda: self._is_over(mark), describe=lambda: self.status.get("operationState"))

    def patch(self, change: Object) -> None:
        """Change the Application itself by a JSON merge patch."""
        self._kubectl("patch", "application", self.name, "--type=merge", "-p", json.dumps(change))

    def health(self, kind: str, name: str) -> tuple[str, str]:
        """Status and message of a resource that git names; empty while Argo CD has not judged it."""
        resource = next((one for one in self.resources() if (one["kind"], one["name"]) == (kind, name)), {})
        judged = resource.get("health") or {}
        return judged.get("status", ""), judged.get("message", "")

    def resources(self) -> list[Object]:
        """What git names, each with its sync status and health."""
        return list(self.status.get("resources") or ())

    def verdict(self) -> tuple[str, str]:
        """Sync status and health of the whole."""
        status = self.status
        return (status.get("sync") or {}).get("status", ""), (status.get("health") or {}).get("status", "")

    def differences(self) -> list[str]:
        """The resources that are not as git has them."""
        return [f"{one['kind']}/{one['name']}" for one in self.resources() if one.get("status") != "Synced"]

    def _annotations(self) -> Object:
        return dict(self._kubectl.get("application", self.name)["metadata"].get("annotations") or {})

    def _is_over(self, mark: Object) -> bool:
        state = self.status.get("operationState") or {}
        return mark in (state.get("operation") or {}).get("info", ()) and state["phase"] == "Succeeded"
