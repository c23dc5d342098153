"""A light client of the API server for the node and the forwarder: plain objects over aiohttp, and a lasting watch.

The full Kubernetes client takes a second to import; a sandbox has to be up in a few.
"""

import asyncio
import base64
import json
import re
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import aiohttp
import yaml

Object = dict[str, Any]

PatchKind = Literal["apply", "merge", "strategic", "json"]

RELIST_SECONDS = 0.5
WATCH_SECONDS = 300
PATCH_TYPES = {
    "apply": "application/apply-patch+yaml",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
}


class ApiError(Exception):
    """The API server refused a request.

    Attributes:
        status: HTTP status code.
        reason: the machine-readable reason of the Status object, "" where there is none.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Change:
    """One object as it is now; DELETED carries its last known state."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Object


def _current_entry(config: Mapping[str, Any], kind: Literal["cluster", "user"]) -> dict[str, Any]:
    context = next(entry["context"] for entry in config["contexts"] if entry["name"] == config["current-context"])
    entry: dict[str, Any] = next(entry[kind] for entry in config[f"{kind}s"] if entry["name"] == context[kind])
    return entry


def _file_of(entry: Mapping[str, Any], key: str, stack: ExitStack) -> str:
    if key in entry:
        return str(entry[key])
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    (folder / key).write_bytes(base64.b64decode(entry[f"{key}-data"]))
    return str(folder / key)


class Api:
    """Requests to one API server; paths are those of the REST API ("/api/v1/pods").

    Every method raises `ApiError` where the server refuses and `aiohttp.ClientError` where it cannot be reached.
    """

    def __init__(self, server: str, context: ssl.SSLContext) -> None:
        self.server = server
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
        self._session = aiohttp.ClientSession(server, connector=connector, timeout=timeout)

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Self:
        """A client as the current user of the kubeconfig at `path` (client certificate); call it in a running loop."""
        config = yaml.safe_load(path.read_text())
        cluster, user = _current_entry(config, "cluster"), _current_entry(config, "user")
        with ExitStack() as stack:
            context = ssl.create_default_context(cafile=_file_of(cluster, "certificate-authority", stack))
            certificate, key = (_file_of(user, name, stack) for name in ("client-certificate", "client-key"))
            context.load_cert_chain(certificate, key)
        return cls(cluster["server"], context)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        params: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        """One request; its answer as an object."""
        data = None if body is None else _encode(body)
        headers = {"Content-Type": content_type} if data else {}
        async with self._session.request(method, path, data=data, params=params, headers=headers) as response:
            text = await response.text()
            if response.status >= 400:
                raise _error(response.status, text)
            answer: Object = json.loads(text)
            return answer

    async def get(self, path: str, **params: str) -> Object:
        """The object or list at `path`."""
        return await self.request("GET", path, params=params)

    async def post(self, path: str, body: Mapping[str, Any], **params: str) -> Object:
        """Create `body` in the collection at `path`."""
        return await self.request("POST", path, body=body, params=params)

    async def put(self, path: str, body: Mapping[str, Any], **params: str) -> Object:
        """Replace the object at `path`."""
        return await self.request("PUT", path, body=body, params=params)

    async def patch(self, path: str, body: object, kind: PatchKind = "merge", **params: str) -> Object:
        """Patch the object at `path`."""
        return await self.request("PATCH", path, body=body, params=params, content_type=PATCH_TYPES[kind])

    async def delete(self, path: str, body: Mapping[str, Any] | None = None, **params: str) -> Object:
        """Delete the object at `path`; `body` may hold DeleteOptions."""
        return await self.request("DELETE", path, body=body, params=params)

    async def list_and_watch(self, path: str, **params: str) -> AsyncIterator[Change]:
        """Every object of the collection at `path`, then each change, for ever.

        Lost connections and expired versions are mended by a new list; what vanished meanwhile comes as DELETED.
        """
        known: dict[str, Object] = {}
        while True:
            try:
                async for change in self._list_then_watch(path, params, known):
                    yield change
            except (aiohttp.ClientError, ApiError, TimeoutError, OSError):
                await asyncio.sleep(RELIST_SECONDS)

    async def _list_then_watch(
        self, path: str, params: Mapping[str, str], known: dict[str, Object]
    ) -> AsyncIterator[Change]:
        answer = await self.get(path, **params)
        listed: dict[str, Object] = {item["metadata"]["uid"]: item for item in answer["items"]}
        for change in _differences(known, listed):
            yield change
        known.clear()
        known.update(listed)
        version = answer["metadata"]["resourceVersion"]
        while True:
            async for event in self._watch_once(path, params, version):
                item = event["object"]
                version = item["metadata"]["resourceVersion"]
                if event["type"] == "BOOKMARK":
                    continue
                if event["type"] == "DELETED":
                    known.pop(item["metadata"]["uid"], None)
                else:
                    known[item["metadata"]["uid"]] = item
                yield Change(event["type"], item)

    async def _watch_once(self, path: str, params: Mapping[str, str], version: str) -> AsyncIterator[Object]:
        query = {**params, "watch": "1", "allowWatchBookmarks": "true", "resourceVersion": version}
        query["timeoutSeconds"] = str(WATCH_SECONDS)
        async with self._session.get(path, params=query) as response:
            if response.status >= 400:
                raise _error(response.status, await response.text())
            rest = b""
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        status = event["object"]
                        raise ApiError(status.get("code", 0), status.get("reason", ""), status.get("message", ""))
                    yield event


def _encode(body: object) -> str:
    """JSON that is YAML too, as server-side apply reads it: YAML knows no surrogate pairs, and breaks lines at more characters."""
    return re.sub("[\x7f-\uffff]", lambda match: f"\\u{ord(match[0]):04x}", json.dumps(body, ensure_ascii=False))


def _error(status: int, text: str) -> ApiError:
    try:
        answer = json.loads(text)
        return ApiError(status, answer.get("reason", ""), answer.get("message", ""))
    except (ValueError, AttributeError):
        return ApiError(status, "", text[:200])


def _differences(known: Mapping[str, Object], listed: Mapping[str, Object]) -> list[Change]:
    deletions = [Change("DELETED", known[uid]) for uid in known.keys() - listed.keys()]
    added = [Change("ADDED", item) for uid, item in listed.items() if uid not in known]
    changed = [
        Change("MODIFIED", item)
        for uid, item in listed.items()
        if uid in known and known[uid]["metadata"]["resourceVersion"] != item["metadata"]["resourceVersion"]
    ]
    return deletions + added + changed
