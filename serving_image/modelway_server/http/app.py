"""The inference protocols as an ASGI application without a framework: routing is one look-up.

Every error is `{"error": "..."}`. Its status says who is at fault:

- 400: the message is not the protocol's. 422: the model does not accept the rows.
- 413 and 408: the body is too large or too slow. 404, 405 and 415 are as HTTP has them.
- 503 and 429, with Retry-After: the server cannot take the request, or too many wait.
- 504 and 500: the model was too slow, or is at fault.
"""

import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.query import Body, Query
from modelway_server.http.messages import ClientGone, Head, Receive, Scope, Send, check_host, read_body, read_head
from modelway_server.http.operations import Operation, routes
from modelway_server.http.pages import HTML, About
from modelway_server.http.replies import (
    Reply,
    compress_reply,
    error_body,
    reply_to,
    reply_unread,
    send_bytes,
    shall_compress,
)
from modelway_server.pages.subject import Subject
from modelway_server.prediction.predictor import Predictor
from modelway_server.process.worker_state import WorkerStates
from modelway_server.protocol.strict_json import dumps
from modelway_server.protocol.trace_context import TRACE_ID
from modelway_server.telemetry.metrics import Metrics
from modelway_server.telemetry.observers import Finished


class InferenceApplication:
    """All protocols over HTTP of one model.

    Args:
        plane: what answers.
        predictor: where it runs.
        worker_states: whether the model is ready, and whether the pod is ending.
        metrics: what counts.
        max_bytes: cap on one body.
    """

    def __init__(
        self,
        plane: DataPlane,
        predictor: Predictor,
        worker_states: WorkerStates,
        metrics: Metrics,
        *,
        max_bytes: int,
    ) -> None:
        self._plane = plane
        self._predictor = predictor
        self._worker_states = worker_states
        self._metrics = metrics
        self.max_bytes = max_bytes
        self.in_flight = metrics.in_flight
        self.last_request = time.monotonic()
        self._about = About(self._subject)
        self._pages = self._page_routes()
        self.operations = routes(plane, self._model_roots(), observed=bool(metrics.observers))

    @property
    def draining(self) -> bool:
        """Whether the pod is ending."""
        return self._worker_states.draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        started = self.last_request = time.monotonic()
        head = Head()
        operation = self.operations.get(scope["path"]) if scope["method"] == "POST" else None
        try:
            head = read_head(scope)
            if head.trace is not None:
                TRACE_ID.set(head.trace.trace_id)  # uvicorn calls this in a task of its own
            check_host(scope, head)
            reply = (
                self._page(scope, head) if operation is None else await self._operate(operation, head, receive, started)
            )
            if shall_compress(head, reply):
                reply = await compress_reply(reply)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001  (each has its status; what has none is logged)
            reply = reply_to(error)
        if operation is not None:
            self.observe(operation, head, reply, started)
        close = reply.close or self._worker_states.draining
        await send_bytes(send, reply.status, reply.body, reply.content_type, headers=reply.headers, close=close)

    async def _operate(self, operation: Operation, head: Head, receive: Receive, started: float) -> Reply:
        reader = operation.reader(head)
        if reader is None:
            return reply_unread(operation, head)
        self._predictor.check_room()
        held = self._predictor.hold()
        self.in_flight.inc()
        try:
            body = await read_body(receive, head, self.max_bytes, held.add)
            query = await self._predictor.read(lambda content: reader(content, head), body, held)
            deadline = self._predictor.deadline(started, head.timeout, query.timeout)
            answer = await self._predictor.run(query, deadline)
        finally:
            held.release()
            self.in_flight.dec()
        return self.reply(query, answer)

    def reply(self, query: Query, answer: Body | BaseException) -> Reply:
        """The reply once the model has answered or failed."""
        if isinstance(answer, BaseException):
            return reply_to(answer)._replace(query=query)
        self._metrics.rows.inc(query.rows.count)
        return Reply(200, answer.content, answer.headers, content_type=answer.content_type, query=query)

    def observe(self, operation: Operation, head: Head, reply: Reply, started: float) -> None:
        """Count an answered request, and notify the observers."""
        ended = time.monotonic()
        self._metrics.observe(operation.method, reply.status, ended - started)
        if self._metrics.observers:
            stages, rows = (reply.query.stages, reply.query.rows.count) if reply.query else (None, 0)
            self._metrics.notify(
                Finished(operation.method, reply.status, started, ended, stages, rows, head.trace, "http")
            )

    def _page(self, scope: Scope, head: Head) -> Reply:
        path, method = scope["path"], scope["method"]
        page = self._pages.get(path)
        if page is not None and method in {"GET", "HEAD"}:
            return page(head)
        if page is not None or path in self.operations:
            allowed = b"GET, HEAD" if page is not None else b"POST"
            message = f"{method} is not allowed here; use {allowed.decode()}"
            return Reply(405, error_body(message), ((b"allow", allowed),))
        return Reply(404, error_body(self._not_found(path)))

    def _not_found(self, path: str) -> str:
        identity = self._plane.identity
        parts = path.strip("/").split("/")
        if parts[:2] in (["v2", "models"], ["v1", "models"]) and len(parts) > 2:
            name = parts[2].partition(":")[0]
            if name != identity.name:
                return f"there is no model {name!r} here; this server has {identity.name!r}"
            if parts[3:4] == ["versions"] and parts[4:5] != [identity.version]:
                known = f"its version is {identity.version!r}" if identity.version else "it has no version"
                return f"there is no version {'/'.join(parts[4:5])!r} of model {name!r}; {known}"
        return f"there is nothing at {path}; see GET /v2/models/{identity.name}, or /docs in a browser"

    def _page_routes(self) -> dict[str, Callable[[Head], Reply]]:
        name = self._plane.identity.name

        def listing(_: Head) -> Reply:
            return Reply(200, dumps({"models": [name]}))

        pages: dict[str, Callable[[Head], Reply]] = {
            "/": lambda _: Reply(200, dumps({"status": "alive", "docs": "/docs", "model": f"/v2/models/{name}"})),
            "/docs": self._docs,
            "/openapi.json": lambda _: Reply(200, self._about.document),
            "/ping": lambda _: self._readiness({}),
            "/health": lambda _: self._readiness({}),
            "/version": lambda _: Reply(200, version("modelway").encode(), content_type=b"text/plain; charset=utf-8"),
            "/v2": lambda _: Reply(200, dumps(self._plane.server_metadata())),
            "/v2/health/live": lambda _: Reply(200, dumps({"live": True})),
            "/v2/health/ready": lambda _: self._readiness({}),
            "/v2/models": listing,
            "/v1/models": listing,
            f"/v1/models/{name}": lambda _: self._readiness({"name": name}),
        }
        for root in self._model_roots():
            pages[root] = lambda _: Reply(200, dumps(self._plane.model_metadata()))
            pages[f"{root}/ready"] = lambda _: self._readiness({"name": name})
        return pages

    def _docs(self, head: Head) -> Reply:
        return Reply(200, self._about.page(head.host), self._about.headers, content_type=HTML)

    def _subject(self) -> Subject:
        """The facts for the pages, complete once the model is warm."""
        runtime, identity = self._plane.runtime, self._plane.identity
        return Subject(
            name=identity.name,
            version=identity.version,
            platform=runtime.platform,
            methods=runtime.methods,
            signature=runtime.signature,
            description=self._plane.description(),
            example=runtime.example(),
            max_request_bytes=self.max_bytes,
        )

    def _model_roots(self) -> list[str]:
        identity = self._plane.identity
        root = f"/v2/models/{identity.name}"
        return [root, f"{root}/versions/{identity.version}"] if identity.version else [root]

    def _readiness(self, document: dict[str, Any]) -> Reply:
        ready = self._worker_states.ready
        return Reply(200 if ready else 503, dumps(document | {"ready": ready}))
