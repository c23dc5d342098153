"""An HTTP store that misbehaves on demand: the test scripts each answer and reads what was asked."""

import http.server
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Request:
    """One request that arrived; header names are lower-case."""

    path: str
    headers: Mapping[str, str]


@dataclass
class NastyStore:
    """A running server; `answers` are given one a request, the last one for ever."""

    url: str
    closing: threading.Event
    answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def next_answer(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def status(code: int, **headers: str) -> Answer:
    """An empty answer with this status."""

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def file(
    data: bytes, *, etag: str | None = '"1"', cut: int | None = None, length: int | None = None, ranges: bool = True
) -> Answer:
    """The file, by range when asked for one and If-Match agrees.

    Args:
        data: the whole file.
        etag: its mark; None for a server that gives none.
        cut: send only so many bytes of the answer, then close the connection.
        length: lie about the length.
        ranges: False for a server that ignores Range and If-Match.
    """

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        wanted = handler.headers.get("If-Match")
        if ranges and wanted and wanted != etag:
            return status(412)(handler)
        span = handler.headers.get("Range") if ranges else None
        start = int(span.removeprefix("bytes=").split("-")[0]) if span else 0
        handler.send_response(206 if span else 200)
        if span:
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if etag:
            handler.send_header("ETag", etag)
        handler.send_header("Content-Length", str(length if length is not None else len(data) - start))
        handler.end_headers()
        handler.wfile.write(data[start:] if cut is None else data[start : start + cut])
        handler.close_connection = True
        return None

    return answer


def stalling(data: bytes, store: NastyStore) -> Answer:
    """Half of the file, then silence until the store closes."""

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        file(data, length=len(data), cut=len(data) // 2)(handler)
        handler.wfile.flush()
        store.closing.wait()

    return answer


def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
    """A body without length or end."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    while True:
        handler.wfile.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.store.requests.append(Request(self.path, headers))
        self.server.store.next_answer()(self)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it so)
        """A test's output stays its own."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    store: NastyStore

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the game."""


@contextmanager
def nasty_store(tls: ssl.SSLContext | None = None) -> Iterator[NastyStore]:
    """A store on loopback for the time of the block, by https where `tls` is given."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        server.store = NastyStore(f"{scheme}://127.0.0.1:{server.server_port}", threading.Event())
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.store
        finally:
            server.store.closing.set()
            server.shutdown()
            thread.join()
