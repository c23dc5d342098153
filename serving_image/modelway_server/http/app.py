"""The inference protocols over HTTP, without a framework: routing is one look-up.

Every error is `{"error": "..."}`. Its status says who is at fault:

- 400: the message is not the protocol's. 422: the model does not accept the rows.
- 413 and 408: the body is too large or too slow. 404, 405 and 415 are as HTTP has them.
- 503 and 429, with Retry-After: the server cannot take the request, or too many wait.
- 504 and 500: the model was too slow, or is at fault.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, Final

from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.query import JSON, Answer
from modelway_server.http.application import Respond
from modelway_server.http.heads import Head, check_head, path_of, read_head
from modelway_server.http.operations import Operation, routes
from modelway_server.http.pages import HTML, About
from modelway_server.http.replies import Reply, compress_reply, error_body, reply_to, reply_unread, shall_compress
from modelway_server.http.request import Request
from modelway_server.pages.subject import Subject
from modelway_server.prediction.calls import Call, Calls
from modelway_server.prediction.predictor import LARGE_BODY_BYTES, Predictor
from modelway_server.process.worker_state import WorkerStates
from modelway_server.protocol.compression import inflate, too_large
from modelway_server.protocol.strict_json import dumps
from modelway_server.telemetry.metrics import Metrics
from modelway_server.traffic.incoming import REVISION_HEADER, SECONDS_HEADER, Incoming
from modelway_server.traffic.traffic import Traffic
from modelway_server.traffic.wire import CandidateAnswer

_PASSED_ON: Final = (b"content-encoding", b"vary", b"inference-header-content-length", REVISION_HEADER)
"""Headers of another server's answer, beside its type, that the client gets."""


class InferenceApplication:
    """All protocols over HTTP of one model.

    Args:
        plane: what answers.
        predictor: where it runs.
        worker_states: whether the model is ready, and whether the pod is ending.
        metrics: what counts.
        max_bytes: cap on one body.
        traffic: has a rollout's candidate answer some requests; None where there is never a rollout.
        inner: operations for requests that another server hands over, by their path, beside those for all.
    """

    def __init__(
        self,
        plane: DataPlane,
        predictor: Predictor,
        worker_states: WorkerStates,
        metrics: Metrics,
        *,
        max_bytes: int,
        traffic: Traffic | None = None,
        inner: Mapping[bytes, Operation] | None = None,
    ) -> None:
        self._plane = plane
        self._calls = Calls(predictor, metrics)
        self._worker_states = worker_states
        self.max_bytes = max_bytes
        self.last_request = time.monotonic()
        self._about = About(self._subject)
        self._pages = self._page_routes()
        self.operations = routes(plane, self._model_roots(), observed=bool(metrics.observers))
        self._targets = {path.encode(): operation for path, operation in self.operations.items()}
        self._traffic = traffic
        self._inner = inner or {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def draining(self) -> bool:
        """Whether the pod is ending."""
        return self._worker_states.draining

    def begin(self, request: Request) -> None:
        """A head has arrived: keep the body of an inference request."""
        self.last_request = request.started
        known = request.known
        if known is None or known.memo is None:
            self._route(request)
        else:
            request.head, request.operation, request.reader = known.memo
        operation, head = request.operation, request.head
        if operation is None:
            return
        call = request.call = self._calls.begin(
            operation.method,
            operation.protocol,
            request.started,
            timeout=head.timeout,
            trace=head.trace,
            is_clients=not head.handover,
            is_counted=not (head.handover and self._is_handover(head)),
        )
        if request.reader is None:
            return
        request.keep_body(self.max_bytes, call.held)
        if head.expects_continue and head.content_length > self.max_bytes:
            request.failure = too_large(self.max_bytes)

    def _route(self, request: Request) -> None:
        """Set what the head of a request says: its operation and reader, or why it is refused."""
        try:
            if request.method == b"POST":
                request.operation = self._targets.get(request.target) or self.operations.get(path_of(request.target))
            head = request.head = read_head(request.headers)
            check_head(request.method, request.target, request.version, head)
        except Exception as error:  # noqa: BLE001  (each has its status)
            request.failure = error
            return
        if head.handover and request.operation is None:
            request.operation = self._inner.get(request.target)
        if request.operation is not None:
            request.reader = request.operation.reader(head)
        if request.known is not None:
            request.known.memo = (head, request.operation, request.reader)

    def answer(self, request: Request, respond: Respond) -> None:
        """Answer a request that has arrived, or that is refused."""
        try:
            if request.failure is not None:
                self._send(request, respond, reply_to(request.failure))
            elif request.operation is None or request.call is None:
                self._send(request, respond, self._page(request))
            else:
                self._operate(request, request.operation, request.call, respond)
        except Exception as error:  # noqa: BLE001  (each has its status; what has none is logged)
            respond(reply_to(error))

    def note_sent(self, request: Request, reply: Reply) -> None:
        """Count an answered request."""
        if request.call is not None:
            self._calls.finish(request.call, reply.status)

    def once_published(self, leave: Callable[[], None]) -> None:
        """Have an answer leave: the counts of all answers of a call of the model are published at once."""
        self._calls.once_published(leave)

    def abandon(self, request: Request) -> None:
        """Drop the request of a client that has gone."""
        if request.call is not None:
            self._calls.abandon(request.call)

    def _operate(self, request: Request, operation: Operation, call: Call, respond: Respond) -> None:
        head, reader = request.head, request.reader
        if reader is None:
            self._send(request, respond, reply_unread(operation, head))
            return

        def answered(answer: Answer | CandidateAnswer | Exception) -> None:
            self._send(request, respond, _reply_with(answer))

        call.arrival = time.monotonic()
        body = request.take_body()
        if head.content_encoding not in {"", "identity"}:
            coding, limit = head.content_encoding, self.max_bytes
            read, apart = (lambda: reader(inflate(coding, limit, body), head)), True
        else:
            read, apart = (lambda: reader(body, head)), len(body) >= LARGE_BODY_BYTES
        active = self._traffic.active if self._traffic is not None and call.is_counted else None
        if active is None:
            self._calls.ask(call, read, answered, apart=apart)
            return

        def incoming() -> Incoming:
            target = request.target
            return Incoming(
                call,
                target,
                dict(request.headers),
                body,
                read,
                apart,
                answered,
                operation.decode,
                is_pinned="/versions/" in path_of(target),
            )

        if active.rollout.mirrors:
            taken = active.copying.answered(call, len(body), answered, incoming)
            self._calls.ask(call, read, taken, apart=apart)
        else:
            active.ask(incoming())

    def _is_handover(self, head: Head) -> bool:
        """Whether a stable server sends a request; whoever else says so is a client."""
        return self._traffic is not None and self._traffic.is_handover(head.handover)

    def _send(self, request: Request, respond: Respond, reply: Reply) -> None:
        if request.head.handover and request.call is not None:
            reply = reply._replace(headers=(*reply.headers, (SECONDS_HEADER, b"%.6f" % request.call.age)))
        if not shall_compress(request.head, reply):
            respond(reply)
            return
        task = asyncio.create_task(_compress(reply, respond))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _page(self, request: Request) -> Reply:
        path, method = path_of(request.target), request.method.decode()
        page = self._pages.get(path)
        if page is not None and method in {"GET", "HEAD"}:
            return page(request.head)
        if page is not None or path in self.operations or path == "*":
            allowed = b"GET, HEAD, POST" if path == "*" else b"GET, HEAD" if page is not None else b"POST"
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


def _reply_with(answer: Answer | CandidateAnswer | Exception) -> Reply:
    """The reply once a model has answered or failed."""
    if isinstance(answer, Exception):
        return reply_to(answer)
    if isinstance(answer, CandidateAnswer):
        headers: tuple[tuple[bytes, bytes], ...] = tuple(
            (name, answer.headers[name]) for name in _PASSED_ON if name in answer.headers
        )
        content_type = answer.headers.get(b"content-type", JSON)
        return Reply(answer.status, answer.body, headers, content_type=content_type, is_foreign=True)
    content, content_type, headers = answer.body
    return Reply(200, content, headers, False, content_type)  # noqa: FBT003  (names cost more than the reply)


async def _compress(reply: Reply, respond: Respond) -> None:
    try:
        packed = await compress_reply(reply)
    except Exception as error:  # noqa: BLE001  (whatever happens, the client gets an answer)
        packed = reply_to(error)
    respond(packed)
