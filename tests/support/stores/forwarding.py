"""A forward proxy that passes on requests in the clear, refuses tunnels, and records its requests."""

import http.client
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class ForwardingProxy:
    """A running proxy: its requests, as method, target and Proxy-Authorization."""

    host: str
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        self._note()
        parts = urlsplit(self.path)
        connection = http.client.HTTPConnection(parts.netloc)
        fields = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
        connection.request("GET", parts.path, headers=fields)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self) -> None:
        self._note()
        self.send_error(405)

    def _note(self) -> None:
        self.server.proxy.requests.append((self.command, self.path, self.headers.get("Proxy-Authorization")))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it so)
        """A test's output stays its own."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    proxy: ForwardingProxy


@contextmanager
def forwarding_proxy() -> Iterator[ForwardingProxy]:
    """A proxy on loopback for the time of the block."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.proxy = ForwardingProxy(f"127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.proxy
        finally:
            server.shutdown()
            thread.join()
