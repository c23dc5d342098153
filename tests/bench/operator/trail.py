"""Who changed what and when, by the API server's own clock: its audit log, read as it grows."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from support.cluster.deployed import OPERATOR

Place = tuple[str, str, str]
"""What a request was about: the resource, its namespace, its name."""

LOOK_SECONDS = 0.1
CREATED = 201
_ALWAYS = frozenset({"leases", "events"})
"""What is written also while nothing happens, or long after."""


@dataclass(frozen=True, slots=True)
class Write:
    """One mutating request that was not a dry run; `begin` and `end` are seconds since the epoch."""

    user: str
    verb: str
    resource: str
    """With its subresource: `modeldeployments/status`."""
    namespace: str
    name: str
    code: int
    begin: float
    end: float

    @property
    def by_operator(self) -> bool:
        """Whether the operator wrote it for a model: its Lease is renewed as long as it leads."""
        return self.user == OPERATOR and self.resource != "leases"

    @property
    def seconds(self) -> float:
        """What it took."""
        return self.end - self.begin

    @property
    def place(self) -> Place:
        """What it was about."""
        return self.resource, self.namespace, self.name


class Trail:
    """The audit log of one sandbox, from now on."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._offset = log.stat().st_size
        self._writes: list[Write] = []

    def restart(self) -> None:
        """Forget what was written until now."""
        self.writes()
        self._writes = []

    def writes(self) -> list[Write]:
        """Everything written since the beginning."""
        with self._log.open("rb") as log:
            log.seek(self._offset)
            for line in log:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                event = json.loads(line)
                if event["stage"] == "ResponseComplete" and "dryRun=" not in event["requestURI"]:
                    self._writes.append(_write(event))
        return self._writes

    def operators(self) -> list[Write]:
        """What the operator wrote."""
        return [write for write in self.writes() if write.by_operator]

    async def until(self, enough: Callable[[list[Write]], bool], *, seconds: float, purpose: str) -> list[Write]:
        """Wait until what was written is enough; everything written.

        Raises:
            BenchError: it did not come to that in time.
        """
        end = time.monotonic() + seconds
        while not enough(self.writes()):
            if time.monotonic() > end:
                raise BenchError(f"waited {seconds:g} s in vain for {purpose}")
            await asyncio.sleep(LOOK_SECONDS)
        return self._writes

    async def quiet(self, *, seconds: float, deadline: float) -> None:
        """Wait until the operator has written nothing for so many seconds.

        Raises:
            BenchError: it went on and on.
        """
        await self._still(lambda: len(self.operators()), seconds, deadline, "the operator")

    async def rest(self, *, seconds: float, deadline: float) -> None:
        """Wait until nobody has written anything for so many seconds, but for signs of life and Events.

        Raises:
            BenchError: somebody went on and on.
        """
        await self._still(
            lambda: sum(write.resource not in _ALWAYS for write in self.writes()), seconds, deadline, "somebody"
        )

    async def _still(self, count: Callable[[], int], seconds: float, deadline: float, who: str) -> None:
        end = time.monotonic() + deadline
        last, since = count(), time.monotonic()
        while time.monotonic() - since < seconds:
            if time.monotonic() > end:
                raise BenchError(f"{who} still writes after {deadline:g} s")
            await asyncio.sleep(LOOK_SECONDS)
            if count() != last:
                last, since = count(), time.monotonic()


def creations(writes: Iterable[Write], resources: Iterable[str]) -> dict[Place, Write]:
    """The writes that made an object of one of these resources, by what they made."""
    wanted = set(resources)
    return {write.place: write for write in writes if write.code == CREATED and write.resource in wanted}


def _write(event: dict[str, Any]) -> Write:
    about = event["objectRef"]
    resource = "/".join(part for part in (about["resource"], about.get("subresource")) if part)
    return Write(
        event["user"]["username"],
        event["verb"],
        resource,
        about.get("namespace", ""),
        about.get("name", ""),
        event["responseStatus"]["code"],
        _seconds(event["requestReceivedTimestamp"]),
        _seconds(event["stageTimestamp"]),
    )


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
