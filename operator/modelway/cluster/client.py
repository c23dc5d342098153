"""Raw requests to the API server: JSON in, JSON out, errors by what the caller must do.

No typed models: the hot path would spend most of its time turning them into JSON and back.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
import orjson
from kubernetes.aio import client

from modelway.cluster import kinds
from modelway.cluster.connection import Connection
from modelway.cluster.kinds import Kind
from modelway.errors import ClusterError, NotLeading, RetryLater, Vanished
from modelway.metrics import Metrics

FIELD_MANAGER = "modelway"
HANDOVER_MANAGER = "modelway-handover"
RETRY_MANAGER = "modelway-retry"

REQUEST_SECONDS = 36.0
"""The longest that one request may take: the API server gives a write 34 s, and a webhook 30 of them, and then says what was slow."""

PAGE_SIZE = 500
"""Objects in one page of a LIST."""

LONGEST_RETRY_AFTER = 60.0

UNMAPPED_SECONDS = 1.0
"""When to ask again an API server that has not mapped our kind yet."""

_UNMAPPED = "cannot find RESTMapping for APIVersion modelway.dev/"
"""What the admission plugin OwnerReferencesPermissionEnforcement says of a definition that is younger than its own map of
kinds, which it draws anew every half minute."""

_APPLY = "application/apply-patch+yaml; charset=utf-8"
_MERGE = "application/merge-patch+json"
_JSON = "application/json"
_METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


class Client:
    """One connection pool to the API server.

    Args:
        connection: where it is and who we are.
        metrics: counts every write by kind and verb.
        agent: who asks, as the API server's audit log tells it.
    """

    def __init__(self, connection: Connection, metrics: Metrics, agent: str = FIELD_MANAGER) -> None:
        self._connection = connection
        self._metrics = metrics
        self._agent = agent
        self._may_write: Callable[[], bool] = lambda: True
        self._api = client.ApiClient(connection.configuration)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._api.close()  # type: ignore[no-untyped-call]

    def hold_back_unless(self, may_write: Callable[[], bool]) -> None:
        """From here on, ask `may_write` before each write and make none without its consent."""
        self._may_write = may_write

    async def pages(self, kind: Kind, namespace: str | None, selector: str) -> AsyncIterator[dict[str, Any]]:
        """LIST page by page, each as the server sent it; `namespace` None means all of them."""
        token = ""
        while True:
            query = {"limit": str(PAGE_SIZE), "labelSelector": selector, "continue": token}
            page = await self._request("GET", kind.path(namespace), {k: v for k, v in query.items() if v})
            yield page
            token = page.get("metadata", {}).get("continue", "")
            if not token:
                return

    async def sample(self, kind: Kind, namespace: str | None) -> None:
        """LIST one object at most: the smallest request that needs both the API server and its store."""
        await self._request("GET", kind.path(namespace), {"limit": "1"})

    async def metadata_of(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        """The metadata of one object; None when there is none of that name."""
        try:
            answer = await self._request("GET", kind.path(namespace, name), accept=_METADATA_ONLY)
        except ClusterError as error:
            if error.status == 404:
                return None
            raise
        metadata: dict[str, Any] = answer.get("metadata", {})
        return metadata

    async def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        """One object, whole; None when there is none of that name."""
        try:
            return await self._request("GET", kind.path(namespace, name))
        except ClusterError as error:
            if error.status == 404:
                return None
            raise

    async def log(self, namespace: str, pod: str, container: str, *, lines: int, previous: bool) -> str:
        """The last lines that a container wrote; with `previous`, the one before it was started again."""
        query = {"container": container, "tailLines": str(lines), "previous": "true" if previous else "false"}
        raw = await self._answer("GET", f"{kinds.POD.path(namespace, pod)}/log", query, accept="*/*")
        return raw.decode(errors="replace")

    async def apply(
        self, kind: Kind, body: Mapping[str, Any], *, force: bool = True, manager: str = FIELD_MANAGER
    ) -> dict[str, Any]:
        """Server-side apply: `body` holds every field that `manager` wants to own.

        Raises:
            ClusterError: refused; status 409 means that somebody else owns a field, or that `metadata.uid` is another's.
        """
        metadata = body["metadata"]
        query = {"fieldManager": manager, "force": "true" if force else "false"}
        path = kind.path(metadata["namespace"], metadata["name"])
        # JSON is YAML but for its surrogate escapes, which the API server refuses: characters go as they are.
        text = orjson.dumps(body).decode()
        return await self._write(kind, "apply", "PATCH", path, query, body=text, content_type=_APPLY)

    async def patch_status(
        self, kind: Kind, namespace: str, name: str, status: Mapping[str, Any], *, version: str
    ) -> dict[str, Any]:
        """JSON merge patch of the status subresource of exactly this version; lists are replaced whole.

        A UID would not keep it from another object of that name: the status of a custom resource is taken whatever UID comes with it.

        Raises:
            ClusterError: refused; status 409 means that there is another version by now.
        """
        path = f"{kind.path(namespace, name)}/status"
        query = {"fieldManager": FIELD_MANAGER}
        return await self._write(
            kind,
            "status",
            "PATCH",
            path,
            query,
            body={"metadata": {"resourceVersion": version}, "status": status},
            content_type=_MERGE,
        )

    async def patch_metadata(
        self, kind: Kind, namespace: str, name: str, metadata: Mapping[str, Any], *, manager: str = FIELD_MANAGER
    ) -> dict[str, Any]:
        """JSON merge patch of the metadata of one object, of exactly one version where `metadata` says which.

        Raises:
            ClusterError: refused; status 409 means that there is another version by now.
        """
        query, body = {"fieldManager": manager}, {"metadata": metadata}
        path = kind.path(namespace, name)
        return await self._write(kind, "metadata", "PATCH", path, query, body=body, content_type=_MERGE)

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str) -> None:
        """Delete exactly this object; that it is gone already, or replaced by another one, is fine."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            await self._write(kind, "delete", "DELETE", kind.path(namespace, name), {}, body=body)
        except ClusterError as error:
            if error.status not in {404, 409}:
                raise

    async def create(self, kind: Kind, body: Mapping[str, Any]) -> None:
        """POST a new object, as Events are made."""
        await self._write(
            kind, "create", "POST", kind.path(body["metadata"]["namespace"]), {"fieldManager": FIELD_MANAGER}, body=body
        )

    async def put(self, kind: Kind, body: Mapping[str, Any], *, manager: str = FIELD_MANAGER) -> dict[str, Any]:
        """Store a whole object: made where `body` has no resourceVersion, else put in the place of exactly that version.

        Neither held back nor counted as a write: a Lease is stored so that others may be.

        Raises:
            ClusterError: refused; status 409 means that somebody else was faster.
        """
        metadata, query = body["metadata"], {"fieldManager": manager}
        if "resourceVersion" not in metadata:
            return await self._request("POST", kind.path(metadata["namespace"]), query, body=body)
        return await self._request("PUT", kind.path(metadata["namespace"], metadata["name"]), query, body=body)

    async def user_name(self) -> str:
        """Who the API server takes us for (SelfSubjectReview, authentication.k8s.io/v1); empty where it does not say.

        Raises:
            ClusterError: it may not be asked, or is too old to know.
        """
        api_version = "authentication.k8s.io/v1"
        body = {"apiVersion": api_version, "kind": "SelfSubjectReview"}
        answer = await self._request("POST", f"/apis/{api_version}/selfsubjectreviews", body=body)
        return str(((answer.get("status") or {}).get("userInfo") or {}).get("username") or "")

    async def dry_run(self, kind: Kind, body: Mapping[str, Any]) -> None:
        """POST a new object through all of admission without storing it.

        Raises:
            ClusterError: it would be refused.
        """
        query = {"dryRun": "All", "fieldManager": FIELD_MANAGER}
        await self._request("POST", kind.path(body["metadata"]["namespace"]), query, body=body)

    async def _write(
        self,
        kind: Kind,
        verb: str,
        method: str,
        path: str,
        query: Mapping[str, str],
        *,
        body: Mapping[str, Any] | str,
        content_type: str = _JSON,
    ) -> dict[str, Any]:
        if not self._may_write():
            raise NotLeading(f"{method} {path} was held back: this operator does not lead")
        self._metrics.api_writes.labels(kind=kind.name, verb=verb).inc()
        return await self._request(method, path, query, body=body, content_type=content_type)

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | str | None = None,
        content_type: str = _JSON,
        accept: str = _JSON,
    ) -> dict[str, Any]:
        raw = await self._answer(method, path, query, body=body, content_type=content_type, accept=accept)
        answer: dict[str, Any] = orjson.loads(raw)
        return answer

    async def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | str | None = None,
        content_type: str = _JSON,
        accept: str = _JSON,
    ) -> bytes:
        headers = {"Accept": accept, "Content-Type": content_type, "User-Agent": self._agent}
        token = await self._connection.bearer_token()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        url = f"{self._connection.configuration.host}{path}"
        url = f"{url}?{urlencode(query)}" if query else url
        request = f"{method} {path}"
        try:
            response = await self._api.call_api(method, url, headers, body, _request_timeout=REQUEST_SECONDS)
            raw: bytes = await response.read()  # type: ignore[no-untyped-call]
        except (aiohttp.ClientError, OSError) as error:
            raise ClusterError(
                f"{request}: the API server does not answer ({str(error) or type(error).__name__})", status=0
            ) from error
        if response.status >= 400:
            raise _error_of(request, response.status, response.headers.get("Retry-After"), raw)
        return raw


def _error_of(request: str, status: int, retry_after: str | None, raw: bytes) -> Exception:
    answer = _status_object(raw)
    message = answer.get("message") or raw.decode(errors="replace")[:500]
    causes = [str(cause.get("reason", "")) for cause in (answer.get("details") or {}).get("causes") or ()]
    if status == 429 or (status == 503 and retry_after):
        seconds = min(float(retry_after), LONGEST_RETRY_AFTER) if retry_after and retry_after.isdecimal() else 1.0
        return RetryLater(f"{request}: the API server is busy", seconds=max(seconds, 0.1))
    if status == 403 and _UNMAPPED in message:
        return RetryLater(
            f"{request}: the API server does not know our resource definition yet", seconds=UNMAPPED_SECONDS
        )
    if "NamespaceTerminating" in causes:
        return Vanished(f"{request}: {message}")
    reason = str(answer.get("reason", ""))
    return ClusterError(f"{request}: {message}", status=status, reason=reason, causes=causes, words=message)


def _status_object(raw: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(raw)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
