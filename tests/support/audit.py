"""What somebody wrote to the cluster, read from the API server's audit log."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
        found = [_write(event) for event in events if self._counts(event)]
        return [write for write in found if namespace in {None, write.namespace}]

    def _counts(self, event: dict[str, Any]) -> bool:
        return (
            event["stage"] == "ResponseComplete"
            and event["user"]["username"] == self._user
            and "dryRun=" not in event["requestURI"]
        )


def _write(event: dict[str, Any]) -> Write:
    about = event["objectRef"]
    resource = "/".join(part for part in (about["resource"], about.get("subresource")) if part)
    return Write(
        event["verb"], resource, about.get("namespace", ""), about.get("name", ""), event["responseStatus"]["code"]
    )
