"""What a watch tells of every object of a kind in a namespace, in order: nothing is missed, however short it was."""

import json
import subprocess
import threading
import time
from types import TracebackType
from typing import NamedTuple, Self

from modelway.api.status import NOT_SEEN
from support.cluster.sandbox import Kubectl, Object
from support.waiting import eventually

END = "}\n"
"""The last line of each object that kubectl prints."""


class Sighting(NamedTuple):
    """One state of one ModelDeployment."""

    at: float
    """When the watch told it, in seconds since the epoch."""
    name: str
    generation: int
    """Of the spec that status speaks of."""
    reason: str
    message: str


class Watched:
    """Watches the objects of a kind while the block lasts.

    Args:
        kubectl: in their namespace.
        kind: as kubectl calls it.
    """

    def __init__(self, kubectl: Kubectl, kind: str) -> None:
        self._kubectl = kubectl
        self._kind = kind
        self.states: list[Object] = []
        """Every state of each of them."""

    def __enter__(self) -> Self:
        command = self._kubectl.command("get", self._kind, "--watch", "-o", "json")
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._reader.join()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        text = ""
        with self._process.stdout as lines:
            for line in lines:
                text += line
                if line == END:
                    self._take_down(json.loads(text))
                    text = ""

    def _take_down(self, resource: Object) -> None:
        self.states.append(resource)


class Witness(Watched):
    """Watches the ModelDeployments of a namespace while the block lasts.

    Args:
        kubectl: in that namespace.
    """

    def __init__(self, kubectl: Kubectl) -> None:
        super().__init__(kubectl, "modeldeployments")
        self.sightings: list[Sighting] = []

    def _take_down(self, resource: Object) -> None:
        for one in (resource.get("status") or {}).get("conditions") or ():
            if one["type"] == "Ready" and one["reason"] != NOT_SEEN:
                name = resource["metadata"]["name"]
                condition = one["observedGeneration"], one["reason"], one["message"]
                self.sightings.append(Sighting(time.time(), name, *condition))

    def changes(self, name: str) -> list[Sighting]:
        """Each sighting of a ModelDeployment whose reason differs from the one before."""
        sightings = [one for one in list(self.sightings) if one.name == name]
        return [
            one
            for before, one in zip([None, *sightings], sightings, strict=False)
            if not before or _differ(before, one)
        ]

    def story(self, name: str) -> list[str]:
        """The reasons of a ModelDeployment, each as often as it was entered."""
        return [one.reason for one in self.changes(name)]

    def saw(self, name: str, *reasons: str, deadline: float) -> Sighting:
        """Wait until the story of a ModelDeployment ends with these reasons; the last sighting."""
        end = list(reasons)
        eventually(lambda: self.story(name)[-len(end) :] == end, deadline=deadline, describe=lambda: self.changes(name))
        return self.changes(name)[-1]


def _differ(before: Sighting, after: Sighting) -> bool:
    return (before.generation, before.reason) != (after.generation, after.reason)
