"""Probes and metrics for kubelets and Prometheus, on a port of their own."""

from collections.abc import Callable

from modelway_server.errors import MalformedRequest
from modelway_server.http.application import Respond
from modelway_server.http.heads import Head, check_head, path_of
from modelway_server.http.replies import Reply, error_body, reply_to
from modelway_server.http.request import Request
from modelway_server.process.worker_state import WorkerStates
from modelway_server.protocol.strict_json import dumps
from modelway_server.telemetry.metrics import CONTENT_TYPE, Metrics


class ProbeApplication:
    """`/livez`, `/readyz` and `/metrics`."""

    draining = False

    def __init__(self, worker_states: WorkerStates, metrics: Metrics) -> None:
        self._worker_states = worker_states
        self._metrics = metrics

    def begin(self, request: Request) -> None:
        """No body is wanted."""
        hosts = [value for name, value in request.headers if name == b"host"]
        head = request.head = Head(hosts=len(hosts), host=hosts[-1] if hosts else b"")
        try:
            check_head(request.method, request.target, request.version, head)
        except MalformedRequest as error:
            request.failure = error

    def answer(self, request: Request, respond: Respond) -> None:
        """Answer one request."""
        respond(self._reply(request))

    def note_sent(self, request: Request, reply: Reply) -> None:
        """Nothing is counted."""

    def once_published(self, leave: Callable[[], None]) -> None:
        """Nothing is counted."""
        leave()

    def abandon(self, request: Request) -> None:
        """Nobody works on it."""

    def _reply(self, request: Request) -> Reply:
        if request.failure is not None:
            return reply_to(request.failure)
        if request.method not in {b"GET", b"HEAD"}:
            return Reply(405, error_body("use GET"), ((b"allow", b"GET, HEAD"),), close=True)
        try:
            return self._page(path_of(request.target))
        except Exception as error:  # noqa: BLE001  (each has its status)
            return reply_to(error)

    def _page(self, path: str) -> Reply:
        match path:
            case "/livez":
                return self._live()
            case "/readyz":
                return self._ready()
            case "/metrics":
                return Reply(200, self._metrics.exposition(), content_type=CONTENT_TYPE.encode())
        return Reply(404, error_body(f"there is nothing at {path}; try /livez, /readyz, /metrics"))

    def _live(self) -> Reply:
        stuck = self._worker_states.why_all_stuck()
        document = {"live": stuck is None} | ({"reason": stuck} if stuck else {})
        return Reply(200 if stuck is None else 503, dumps(document))

    def _ready(self) -> Reply:
        states = self._worker_states
        ready = states.ready
        reason = {} if ready else {"reason": "draining" if states.draining else states.why_all_stuck() or "starting"}
        return Reply(200 if ready else 503, dumps({"ready": ready} | reason))
