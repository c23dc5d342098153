"""What pods refer to: ConfigMaps, Secrets, Services and tokens, as the API server has them now."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.api import Api, ApiError

Json = dict[str, Any]
COLLECTIONS = {"ConfigMap": "configmaps", "Secret": "secrets", "Service": "services"}


@dataclass(frozen=True)
class Token:
    """A ServiceAccount's token and when to ask for the next one (seconds since 1970)."""

    text: str
    renew_at: float


def content(kind: str, item: Json) -> dict[str, bytes]:
    """The keys and values of a ConfigMap or a Secret."""
    encoded = item.get("data" if kind == "Secret" else "binaryData") or {}
    plain = (item.get("data") or {}) if kind == "ConfigMap" else {}
    values = {key: base64.b64decode(value) for key, value in encoded.items()}
    return values | {key: value.encode() for key, value in plain.items()}


def references_of(pod: Json) -> set[tuple[str, str]]:
    """Kind and name of every ConfigMap and Secret that `pod` names anywhere in its volumes and environments."""
    spec = pod["spec"]
    references: set[tuple[str, str]] = set()
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        for source in container.get("envFrom", []):
            _refer(references, source, "configMapRef", "secretRef")
        for entry in container.get("env", []):
            _refer(references, entry.get("valueFrom") or {}, "configMapKeyRef", "secretKeyRef")
    for volume in spec.get("volumes", []):
        for source in [volume, *(volume.get("projected") or {}).get("sources", [])]:
            _refer(references, source, "configMap", "secret")
    return references


def _refer(references: set[tuple[str, str]], source: Json, config_map: str, secret: str) -> None:
    for kind, key in (("ConfigMap", config_map), ("Secret", secret)):
        if source.get(key):
            references.add((kind, source[key].get("name") or source[key].get("secretName") or ""))


class Sources:
    """A copy of what pods may refer to; `changed` is called with kind, namespace and name after each change."""

    def __init__(self, api: Api, changed: Callable[[str, str, str], None]) -> None:
        self._api = api
        self._changed = changed
        self._items: dict[tuple[str, str, str], Json] = {}

    async def run(self) -> None:
        """Follow the API server for ever."""
        async with asyncio.TaskGroup() as group:
            for kind in COLLECTIONS:
                group.create_task(self._follow(kind))

    async def _follow(self, kind: str) -> None:
        async for change in self._api.list_and_watch(f"/api/v1/{COLLECTIONS[kind]}"):
            metadata = change.object["metadata"]
            key = (kind, metadata["namespace"], metadata["name"])
            if change.type == "DELETED":
                self._items.pop(key, None)
            else:
                self._items[key] = change.object
            self._changed(*key)

    def services(self) -> list[Json]:
        """All Services."""
        return [item for (kind, _, _), item in self._items.items() if kind == "Service"]

    async def load(self, pod: Json) -> None:
        """Have everything that `pod` refers to, also what was made an instant ago and has not come by yet."""
        namespace = pod["metadata"]["namespace"]
        missing = [(kind, name) for kind, name in references_of(pod) if (kind, namespace, name) not in self._items]
        for kind, name in missing:
            try:
                item = await self._api.get(f"/api/v1/namespaces/{namespace}/{COLLECTIONS[kind]}/{name}")
            except ApiError as error:
                if error.status != 404:
                    raise
            else:
                self._items.setdefault((kind, namespace, name), item)

    def find(self, kind: str, namespace: str, name: str) -> dict[str, bytes] | None:
        """Keys and values of one object; None without it."""
        item = self._items.get((kind, namespace, name))
        return None if item is None else content(kind, item)

    async def token(self, pod: Json, audience: str | None, seconds: int) -> Token:
        """A new token of the pod's ServiceAccount, bound to the pod."""
        metadata = pod["metadata"]
        account = pod["spec"].get("serviceAccountName") or "default"
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        spec: Json = {
            "expirationSeconds": seconds,
            "boundObjectRef": bound,
            "audiences": [audience] if audience else [],
        }
        path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        status = (await self._api.post(path, request))["status"]
        now = datetime.now(UTC).timestamp()
        expires = datetime.fromisoformat(status["expirationTimestamp"]).timestamp()
        # The server may give more time than asked for; a kubelet renews after four fifths of what was asked.
        return Token(status["token"], now + 0.8 * min(expires - now, seconds))
