"""One ModelDeployment with everything around it, as the API server sends it: what `modelway explain` tells of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Object = Mapping[str, Any]


class Place(NamedTuple):
    """One container of a pod."""

    pod: str
    container: str


@dataclass(frozen=True)
class Snapshot:
    """Everything at one moment, as far as whoever asks may see it."""

    resource: Object
    children: tuple[Object, ...] = ()
    """What the operator keeps in place, each with its kind."""
    pods: tuple[Object, ...] = ()
    events: tuple[Object, ...] = ()
    """Events about any of these, oldest first."""
    last_words: Mapping[Place, str] = field(default_factory=dict)
    """The last lines of containers that fail."""
    withheld: tuple[str, ...] = ()
    """What the API server did not let us see, with its reason."""


def find_failure(pod: Object) -> tuple[str, bool] | None:
    """The first container of a pod that failed, and whether its words are those of the run before; None when none did."""
    status = pod.get("status") or {}
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        now, before = container.get("state") or {}, container.get("lastState") or {}
        if (now.get("terminated") or {}).get("exitCode"):
            return container["name"], False
        if "running" not in now and (before.get("terminated") or {}).get("exitCode"):
            return container["name"], True
    return None


def time_of(event: Object) -> str:
    """The time of an event, as the API writes times; empty where it has none."""
    series = (event.get("series") or {}).get("lastObservedTime")
    return str(series or event.get("lastTimestamp") or event.get("eventTime") or event.get("firstTimestamp") or "")
