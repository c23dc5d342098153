"""Heads of requests that have come before, byte by byte the same: they are not parsed again.

A client that keeps its connection sends the same head again and again; only the body differs. What a head means depends
on its bytes alone, so all connections of a port share what is known. A head that bears something of its own, such as a
trace, is not kept.

Source: RFC 9112, section 2.1 (a message is a start line, header fields, an empty line and a body).
"""

from typing import Any, Final

from modelway_server.http.request import RawHeaders, Request

MAX_HEADS: Final = 512
MAX_BYTES: Final = 1024
"""Of one head."""
_END: Final = b"\r\n\r\n"
_OWN: Final = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"traceparent", b"tracestate", b"x-request-id"})
"""Headers of heads that are not kept: the body has frames, its client waits, or no other request has the same."""


class KnownHead:
    """One head that came before.

    Attributes:
        method, target, version, headers: of its requests, as `Request` has them.
        content_length: bytes of the body.
        memo: what whoever answers has made of it.
    """

    __slots__ = ("content_length", "headers", "memo", "method", "target", "version")

    def __init__(self, request: Request, content_length: int) -> None:
        self.method = request.method
        self.target = request.target
        self.version = request.version
        self.headers: RawHeaders = request.headers
        self.content_length = content_length
        self.memo: Any = None


class KnownHeads:
    """The heads that one port knows."""

    def __init__(self) -> None:
        self._heads: dict[bytes, KnownHead] = {}

    def find(self, data: bytes) -> tuple[KnownHead, bytes] | None:
        """The head and the body, where the data is one whole request with a head that is known."""
        end = data.find(_END, 0, MAX_BYTES) + len(_END)
        known = self._heads.get(data[:end])
        if known is None or len(data) - end != known.content_length:
            return None
        return known, data[end:]

    def keep(self, data: bytes, request: Request) -> None:
        """Know the head of a request that has come.

        Args:
            data: the whole request, as it came, and nothing else.
            request: what was read of it.
        """
        size = len(data) - request.size
        names = [name for name, _ in request.headers]
        if size > MAX_BYTES or data.find(_END) + len(_END) != size or not request.keep_alive:
            return
        if names.count(b"content-length") != 1 or not _OWN.isdisjoint(names):
            return
        if len(self._heads) >= MAX_HEADS:
            self._heads.clear()
        self._heads[data[:size]] = KnownHead(request, request.size)
