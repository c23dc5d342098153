"""The end of a server: not ready at once, serving on for the drain time, every request answered, exit status 0."""

import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from support.models import Stubborn
from support.server.served import Reply, Served, SharedModel
from support.waiting import eventually

Launch = Callable[..., Served]
NOW: dict[str, Any] = {"instances": [[0.0]]}


def test_no_request_is_lost_while_a_server_drains(launched: Launch, sleeping_model: SharedModel) -> None:
    server = launched("--drain-seconds=2", "--request-timeout=10", **sleeping_model).started()
    begun: list[Reply] = []
    client = threading.Thread(target=lambda: begun.append(server.predict({"instances": [[3.0]]})))
    with closing(server.connect()) as connection:
        assert "connection" not in server.predict(NOW, connection=connection).headers
        client.start()
        eventually(
            lambda: '""} 1.0' in server.probe("/metrics").body.partition("modelway_in_flight{")[2][:80], deadline=5
        )
        server.send_signal()
        eventually(lambda: server.probe("/readyz").status == 503, deadline=2)
        assert server.request("GET", "/v2", connection=connection).headers["connection"] == "close"
    end = time.monotonic() + 1.5
    replies = []
    while time.monotonic() < end:
        replies.append(server.request("GET", "/v2/health/live"))
        server.send_signal()  # a second one must not cut the drain short
    assert {(reply.status, reply.headers["connection"]) for reply in replies} == {(200, "close")}
    assert server.request("GET", "/v2/health/ready").status == 503
    client.join()
    assert [reply.status for reply in begun] == [200]
    assert server.process.wait(timeout=20) == 0


def test_sigint_ends_a_server_without_a_drain(launched: Launch, sleeping_model: SharedModel) -> None:
    server = launched("--drain-seconds=600", **sleeping_model).started()
    server.send_signal(signal.SIGINT)
    assert server.process.wait(timeout=20) == 0


def test_sigterm_while_loading_ends_a_server_at_once(launched: Launch) -> None:
    server = launched(model=Stubborn(600.0))
    eventually(lambda: any("loading" in line["message"] for line in server.log), deadline=60)
    server.send_signal()
    assert server.process.wait(timeout=10) == 128 + signal.SIGTERM
    assert server.report == {}


def test_two_workers_drain_together(launched: Launch, sleeping_model: SharedModel) -> None:
    server = launched("--workers=2", "--drain-seconds=1", **sleeping_model).started()
    server.send_signal()
    eventually(lambda: server.probe("/readyz").status == 503, deadline=2)
    assert {server.predict(NOW).status for _ in range(10)} == {200}
    assert server.process.wait(timeout=20) == 0
