"""What a watch tells of every ModelDeployment in a namespace, in order: nothing is missed, however short it was."""

import subprocess
import threading
import time
from types import TracebackType
from typing import NamedTuple, Self

from support.cluster import Kubectl
from support.waiting import eventually

_READY = '.status.conditions[?(@.type=="Ready")]'
_FIELDS = (".metadata.name", f"{_READY}.observedGeneration", f"{_READY}.reason", f"{_READY}.message")
_LINE = "jsonpath=" + '{"\\t"}'.join(f"{{{field}}}" for field in _FIELDS) + '{"\\n"}'


class Sighting(NamedTuple):
    """One state of one ModelDeployment."""

    at: float
    """When the watch told it, in seconds since the epoch."""
    name: str
    generation: str
    reason: str
    message: str


class Witness:
    """Watches the ModelDeployments of a namespace while the block lasts.

    Args:
        kubectl: in that namespace.
    """

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl
        self.sightings: list[Sighting] = []

    def __enter__(self) -> Self:
        command = self._kubectl.command("get", "modeldeployments", "--watch", "-o", _LINE)
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
        with self._process.stdout as lines:
            for line in lines:
                name, generation, reason, message = line.rstrip("\n").split("\t")
                if reason:
                    self.sightings.append(Sighting(time.time(), name, generation, reason, message))

    def changes(self, name: str) -> list[Sighting]:
        """Each sighting of a ModelDeployment whose reason differs from the one before."""
        told = [one for one in list(self.sightings) if one.name == name]
        return [one for before, one in zip([None, *told], told, strict=False) if not before or _differ(before, one)]

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
