"""Probes and metrics for kubelets and Prometheus, on a port of their own."""

from modelway_server.http.messages import Receive, Scope, Send
from modelway_server.http.replies import send_bytes, send_json
from modelway_server.process.worker_state import WorkerStates
from modelway_server.protocol.strict_json import dumps
from modelway_server.telemetry.metrics import CONTENT_TYPE, Metrics


class ProbeApplication:
    """`/livez`, `/readyz` and `/metrics`."""

    def __init__(self, worker_states: WorkerStates, metrics: Metrics) -> None:
        self._worker_states = worker_states
        self._metrics = metrics

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["method"] not in {"GET", "HEAD"}:
            await send_json(send, 405, dumps({"error": "use GET"}), headers=((b"allow", b"GET, HEAD"),), close=True)
            return
        match scope["path"]:
            case "/livez":
                await self._live(send)
            case "/readyz":
                await self._ready(send)
            case "/metrics":
                await send_bytes(send, 200, self._metrics.exposition(), CONTENT_TYPE.encode())
            case path:
                await send_json(
                    send, 404, dumps({"error": f"there is nothing at {path}; try /livez, /readyz, /metrics"})
                )

    async def _live(self, send: Send) -> None:
        stuck = self._worker_states.why_all_stuck()
        status = 200 if stuck is None else 503
        await send_json(send, status, dumps({"live": stuck is None} | ({"reason": stuck} if stuck else {})))

    async def _ready(self, send: Send) -> None:
        states = self._worker_states
        ready = states.ready
        reason = {} if ready else {"reason": "draining" if states.draining else states.why_all_stuck() or "starting"}
        await send_json(send, 200 if ready else 503, dumps({"ready": ready} | reason))
