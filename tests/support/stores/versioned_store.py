"""An S3 server without signatures whose objects change while they are read: at each moment of an answer, the next change is made.

Moments are the arrival of a request and the middle of a body. A body is of one version, as it is in S3.
"""

import hashlib
import http.server
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "models"


@dataclass(frozen=True)
class Stored:
    """One version of an object; without content it marks a deletion."""

    version_id: str
    content: bytes | None

    @property
    def e_tag(self) -> str:
        """Its ETag, as S3 makes it of small objects."""
        return f'"{hashlib.md5(self.content or b"").hexdigest()}"'


@dataclass
class VersionedStore:
    """A running server.

    Attributes:
        url: its endpoint.
        versioned: whether the bucket keeps versions; one that does not gives the same versionId, `null`, to all.
        refusal: status and code with which it refuses to give a version; None where it gives it.
        ignores_ids: whether it gives the object of today, whatever version is asked for.
        changes: one is made at each moment.
        cuts: how many of the next bodies break in the middle.
        versions: all versions of each object, the last one is of today.
        requests: path and query of each request.
    """

    url: str
    versioned: bool = True
    refusal: tuple[int, str] | None = None
    ignores_ids: bool = False
    changes: list[Callable[[], None]] = field(default_factory=list)
    cuts: int = 0
    versions: dict[str, list[Stored]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _count: int = 0

    @property
    def environ(self) -> dict[str, str]:
        """What a Secret for it holds."""
        return {"AWS_ENDPOINT_URL": self.url}

    def reset(self, *, versioned: bool) -> None:
        """Forget everything."""
        with self.lock:
            self.versioned, self.refusal, self.ignores_ids, self.cuts = versioned, None, False, 0
            for everything in (self.changes, self.versions, self.requests):
                everything.clear()

    def put(self, key: str, content: bytes | None) -> str:
        """Store an object, or mark it as deleted; the versionId."""
        with self.lock:
            self._count += 1
            stored = Stored(f"v/{self._count}+a.b_c-" if self.versioned else "null", content)
            others = [one for one in self.versions.get(key, []) if one.version_id != stored.version_id]
            self.versions[key] = [*others, stored]
            return stored.version_id

    def delete(self, key: str) -> None:
        """Delete an object as clients do: its versions stay, where the bucket keeps any."""
        self.put(key, None)

    def destroy(self, key: str, version_id: str) -> None:
        """Delete one version for ever."""
        with self.lock:
            self.versions[key] = [one for one in self.versions.get(key, []) if one.version_id != version_id]

    def find(self, key: str, version_id: str | None) -> Stored | None:
        """A version of an object, of today where none is named."""
        with self.lock:
            fitting = [one for one in self.versions.get(key, []) if version_id in {None, one.version_id}]
            return fitting[-1] if fitting and fitting[-1].content is not None else None

    def today(self, prefix: str) -> list[tuple[str, Stored]]:
        """The objects below a prefix."""
        with self.lock:
            newest = [(key, self.find(key, None)) for key in sorted(self.versions) if key.startswith(prefix)]
        return [(key, stored) for key, stored in newest if stored is not None]

    def pass_moment(self) -> None:
        """Make the next change."""
        with self.lock:
            if self.changes:
                self.changes.pop(0)()

    def take_cut(self) -> bool:
        """Whether this body breaks."""
        with self.lock:
            self.cuts -= 1
            return self.cuts >= 0


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        store, parts = self.server.store, urlsplit(self.path)
        store.requests.append(self.path)
        store.pass_moment()
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        key = unquote(parts.path).removeprefix(f"/{BUCKET}").removeprefix("/")
        if "list-type" in query:
            self._list(query.get("prefix", ""))
        else:
            self._give(key, query.get("versionId"))

    def _give(self, key: str, version_id: str | None) -> None:
        store = self.server.store
        version_id = None if store.ignores_ids else version_id
        if version_id is not None and store.refusal is not None:
            return self._error(*store.refusal)
        stored = store.find(key, version_id)
        if stored is None or stored.content is None:
            return self._error(404, "NoSuchKey" if version_id is None else "NoSuchVersion")
        if (wanted := self.headers.get("If-Match")) and wanted != stored.e_tag:
            return self._error(412, "PreconditionFailed")
        return self._send(stored, stored.content)

    def _send(self, stored: Stored, content: bytes) -> None:
        store, span = self.server.store, re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        start = int(span[1]) if span else 0
        self.send_response(206 if span else 200)
        if span:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("ETag", stored.e_tag)
        self.send_header("x-amz-version-id", stored.version_id)
        self.send_header("Last-Modified", "Mon, 30 Nov 2026 12:00:00 GMT")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        middle = start + (len(content) - start) // 2
        self.wfile.write(content[start:middle])
        store.pass_moment()
        self.close_connection = True
        if not store.take_cut():
            self.wfile.write(content[middle:])

    def _list(self, prefix: str) -> None:
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-30T12:00:00.000Z</LastModified>"
            f"<ETag>{escape(one.e_tag)}</ETag><Size>{len(one.content or b'')}</Size></Contents>"
            for key, one in self.server.store.today(prefix)
        )
        self._answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>")

    def _error(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>")

    def _answer(self, status: int, document: str) -> None:
        body = f'<?xml version="1.0" encoding="UTF-8"?>{document}'.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it so)
        """A test's output stays its own."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    store: VersionedStore

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the game."""


@contextmanager
def versioned_store() -> Iterator[VersionedStore]:
    """A server on loopback for the time of the block."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.store = VersionedStore(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.store
        finally:
            server.shutdown()
            thread.join()
