"""What somebody wrote to the cluster, read from the API server's audit log; Leases aside, which tell that their holder lives and no more."""

import bisect
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AGENT = "modelway ("
"""How the agent of every operator begins."""


@dataclass(frozen=True)
class Write:
    """One mutating request that was not a dry run."""

    verb: str
    resource: str
    """With its subresource: `deployments`, `modeldeployments/status`."""
    namespace: str
    name: str
    code: int


class Audit:
    """The writes of one user from a moment on."""

    def __init__(self, log: Path, user: str) -> None:
        self._log = log
        self._user = user
        self._begin = log.stat().st_size

    def restart(self) -> None:
        """Forget what was written until now."""
        self._begin = self._log.stat().st_size

    def writes(self, namespace: str | None = None) -> list[Write]:
        """Every write since the beginning, in one namespace or anywhere."""
        with self._log.open("rb") as log:
            log.seek(self._begin)
            events = [json.loads(line) for line in log if line.endswith(b"\n")]
        writes = [_write(event) for event in events if self._counts(event)]
        return [write for write in writes if namespace in {None, write.namespace}]

    def _counts(self, event: dict[str, Any]) -> bool:
        return event["stage"] == "ResponseComplete" and event["user"]["username"] == self._user and _is_write(event)


@dataclass(frozen=True)
class Trespass:
    """A write of one operator while another one held the Lease."""

    by: str
    holder: str
    at: str
    uri: str


class Tenure:
    """Who held a Lease when, and who wrote, among operators that a kubeconfig's user runs; told apart by the agent they name.

    Args:
        log: the audit log.
        lease: the name of the Lease.
    """

    def __init__(self, log: Path, lease: str) -> None:
        self._log = log
        self._lease = lease
        self._read = 0
        self._known: list[dict[str, Any]] = []

    def trespasses(self) -> list[Trespass]:
        """Every request to write that arrived while another one held the Lease, refused or not."""
        terms = self.terms()
        ends = [end for end, _ in terms]
        requests = []
        for event in self.writes():
            term = bisect.bisect(ends, event["requestReceivedTimestamp"]) - 1
            holder = terms[term][1] if term >= 0 else "nobody"
            if holder != event["userAgent"]:
                requests.append(
                    Trespass(event["userAgent"], holder, event["requestReceivedTimestamp"], event["requestURI"])
                )
        return requests

    def terms(self) -> list[tuple[str, str]]:
        """When the Lease was stored, and by whom: taken, renewed, and in the end given back."""
        return sorted((event["stageTimestamp"], event["userAgent"]) for event in self._events() if self._is_term(event))

    def writes(self, agent: str = AGENT) -> list[dict[str, Any]]:
        """Every write of an operator whose agent begins so, Leases aside."""
        return [one for one in self._events() if one["userAgent"].startswith(agent) and _is_write(one)]

    def _events(self) -> list[dict[str, Any]]:
        with self._log.open("rb") as log:
            log.seek(self._read)
            whole = log.read().rpartition(b"\n")[0]
        self._read += len(whole) + 1 if whole else 0
        events = [json.loads(line) for line in whole.splitlines()]
        self._known += [
            one for one in events if one["stage"] == "ResponseComplete" and one.get("userAgent", "").startswith(AGENT)
        ]
        return self._known

    def _is_term(self, event: dict[str, Any]) -> bool:
        about = event["objectRef"]
        return (about["resource"], about.get("name", self._lease)) == ("leases", self._lease) and event[
            "responseStatus"
        ]["code"] < 300


def _is_write(event: dict[str, Any]) -> bool:
    return "dryRun=" not in event["requestURI"] and event["objectRef"]["resource"] != "leases"


def _write(event: dict[str, Any]) -> Write:
    about = event["objectRef"]
    resource = "/".join(part for part in (about["resource"], about.get("subresource")) if part)
    return Write(
        event["verb"], resource, about.get("namespace", ""), about.get("name", ""), event["responseStatus"]["code"]
    )
