"""The demo's load generator must see what a client would suffer."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from demo.load import Load
from support.waiting import eventually

OK, REFUSED, CUT = range(3)


class Answers(BaseHTTPRequestHandler):
    """Answers by turns: well, with a 503, and not at all."""

    protocol_version = "HTTP/1.1"
    turn = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        turn, Answers.turn = Answers.turn % 3, Answers.turn + 1
        if turn == CUT:
            self.close_connection = True
            return
        body = json.dumps({"model_version": "v1"}).encode()
        self.send_response(200 if turn == OK else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the class above
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/infer"
        server.shutdown()
        thread.join()


def test_refusals_and_broken_connections_count_as_failures(url: str) -> None:
    with Load(url, b"{}", connections=1, pause=0) as load:
        eventually(lambda: load.requests() >= 6)
    tally = load.tally()
    assert tally.versions.keys() == {"v1"}
    assert {failure.partition(":")[0] for failure in tally.failures} == {"status 503", "RemoteDisconnected"}
    assert abs(tally.failed - 2 * tally.versions["v1"]) <= 2
    assert tally.percentile(0.5) > 0
