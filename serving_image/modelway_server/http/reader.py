"""Bytes of a connection to requests: heads, bodies and the frames around them, each within its bound and its time.

- A head must arrive within HEAD_SECONDS, and has MAX_HEADERS and MAX_HEAD_BYTES.
- A body must arrive within BODY_SECONDS, or at BYTES_PER_SECOND in each such time. Who wants it bounds its size.
- Chunks' sizes, extensions and trailers may have MAX_HEAD_BYTES, and FRAMING_PER_BYTE more for each byte of the body.

Source: RFC 9112; RFC 9110, section 7.8 (Upgrade).
"""

from typing import Protocol

import httptools

from modelway_server.errors import MalformedRequest
from modelway_server.http.known_heads import KnownHead, KnownHeads
from modelway_server.http.replies import BodyTooSlow, Reply, error_body, reply_to
from modelway_server.http.request import RawHeaders, Request

HEAD_SECONDS = 10.0
BODY_SECONDS = 10.0
BYTES_PER_SECOND = 16 * 1024
"""The slowest pace of a client that sends or reads for longer than that."""
MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 128
FRAMING_PER_BYTE = 16


class Taker(Protocol):
    """Whoever takes the requests."""

    def take_head(self, request: Request) -> None:
        """A head is complete: say whether the body is wanted, or why the request is refused."""

    def take_request(self, request: Request) -> None:
        """A request is complete, or refused."""

    def take_refusal(self, reply: Reply) -> None:
        """What has come is no request; nothing follows it."""


class Reader:
    """Reads the requests of one connection.

    Args:
        taker: takes them.
        known_heads: those that need not be parsed.

    Attributes:
        is_over: whether nothing that still arrives is a request.
        since: when what is arriving began, on the monotonic clock.
    """

    def __init__(self, taker: Taker, known_heads: KnownHeads) -> None:
        self._taker = taker
        self._known_heads = known_heads
        self._parser = httptools.HttpRequestParser(self)
        self.is_over = False
        self.since = 0.0
        self._now = 0.0
        self._in_head = False
        self._target = b""
        self._headers: RawHeaders = []
        self._incoming: Request | None = None
        self._pace_since, self._paced = 0.0, 0
        self._framing = 0
        self._body_bytes = 0
        self._has_completed = False
        self._only: Request | None = None
        self._is_between = True

    @property
    def in_head(self) -> bool:
        """Whether a head is arriving."""
        return self._in_head

    @property
    def in_body(self) -> bool:
        """Whether a body is arriving."""
        return self._incoming is not None

    @property
    def deadline(self) -> float | None:
        """When to call `end_late`; None where nothing is arriving."""
        if self._incoming is not None:
            return self._pace_since + BODY_SECONDS
        return self.since + HEAD_SECONDS if self._in_head else None

    def feed(self, data: bytes, now: float) -> None:
        """Read what has come.

        Args:
            data: the next bytes.
            now: on the monotonic clock.
        """
        self._now = now
        is_first = self._is_between and not self.is_over
        if is_first and (head_and_body := self._known_heads.find(data)) is not None:
            self._take_known(*head_and_body)
            return
        whole, size = data, len(data)
        self._body_bytes, self._has_completed, self._only = 0, False, None
        while data and not self.is_over:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                data = self._without_offer(data[offer.args[0] :])
            except httptools.HttpParserError as error:
                self._refuse(MalformedRequest(f"this is not a valid HTTP/1.1 request ({error})"))
            else:
                break
        if (self._in_head or self._incoming is not None) and not self.is_over:
            if not self._has_completed:  # what follows another request in the same data is little
                self._framing += size - self._body_bytes
            self._check_bounds()
        elif is_first and self._only is not None and not self.is_over:
            self._known_heads.keep(whole, self._only)
        self._only = None  # whoever answers may be done with it

    def end_late(self, now: float) -> None:
        """Refuse what has not arrived by its deadline, unless it is a body that keeps its pace."""
        if self._incoming is None:
            self._end(408, f"the head of a request must arrive within {HEAD_SECONDS:g} s")
        elif self._incoming.size - self._paced < BODY_SECONDS * BYTES_PER_SECOND:
            self._refuse(BodyTooSlow())
        else:
            self._pace_since, self._paced = now, self._incoming.size

    # what the parser calls

    def on_message_begin(self) -> None:
        """A head begins."""
        self._is_between = False
        if self.is_over:
            return
        self._in_head = True
        self._target = b""
        self._headers = []
        self._framing = 0
        self.since = self._now

    def on_url(self, part: bytes) -> None:
        """A part of the target has come."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header has come; trailers are ignored."""
        if self._in_head:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """A head is complete."""
        parser = self._parser
        if self.is_over or parser.should_upgrade():  # see _without_offer
            return
        self._in_head = False
        if len(self._headers) > MAX_HEADERS:
            self._refuse_head()
            return
        request = Request(parser.get_method(), self._target, parser.get_http_version(), self._headers, self._now)
        request.keep_alive = parser.should_keep_alive() and request.version == "1.1"
        self._incoming = request
        self._pace_since, self._paced = self.since, 0
        self._taker.take_head(request)
        if request.failure is not None and request.head.expects_continue:
            self._hand_over(request)  # its client waits with the body

    def on_body(self, part: bytes) -> None:
        """A part of a body has come."""
        request = self._incoming
        if request is None:
            return
        self._body_bytes += len(part)
        request.feed(part)
        if request.is_overdone:
            self._hand_over(request)

    def on_message_complete(self) -> None:
        """A request is complete."""
        self._is_between = True
        request = self._incoming
        if request is not None:
            self._only = None if self._has_completed else request
            request.complete = True
            self.is_over = not request.keep_alive
            self._hand_over(request)
        self._has_completed = True

    def _take_known(self, known: KnownHead, body: bytes) -> None:
        """Take a whole request, as the parser would give it in its parts."""
        request = Request(known.method, known.target, known.version, known.headers, self._now)
        request.known = known
        self.since = self._now
        self._incoming = request
        self._taker.take_head(request)
        if body:
            request.feed(body)
        request.complete = True
        self._hand_over(request)

    def _hand_over(self, request: Request) -> None:
        self._incoming = None
        request.is_ready = True
        self._taker.take_request(request)

    def _without_offer(self, rest: bytes) -> bytes:
        """What to read in place of a request that offers another protocol: the same without the offer.

        A server may ignore the offer. The parser takes the body of such a request for the other protocol.
        """
        method, version = self._parser.get_method(), self._parser.get_http_version().encode()
        self._parser = httptools.HttpRequestParser(self)
        if method == b"CONNECT":
            self._end(405, "CONNECT is not allowed here: this server is no proxy")
            return b""
        lines = [method + b" " + self._target + b" HTTP/" + version]
        for name, value in self._headers:
            if name == b"connection":
                options = {option.strip() for option in value.lower().split(b",")}
                lines.append(b"connection: " + (b"close" if b"close" in options else b"keep-alive"))
            elif name != b"upgrade":
                lines.append(name + b": " + value)
        return b"\r\n".join((*lines, b"", rest))

    def _check_bounds(self) -> None:
        if self._incoming is None:
            if self._framing > MAX_HEAD_BYTES or len(self._headers) > MAX_HEADERS:
                self._refuse_head()
        elif self._framing > MAX_HEAD_BYTES + FRAMING_PER_BYTE * self._incoming.size:
            self._refuse(MalformedRequest("the extensions or trailers of the body's chunks are too long"))

    def _refuse_head(self) -> None:
        self._end(431, f"the head of a request may have {MAX_HEADERS} headers and {MAX_HEAD_BYTES} bytes")

    def _refuse(self, error: Exception) -> None:
        """Refuse the request whose head or body is arriving, and read nothing more."""
        self.is_over = True
        request = self._incoming
        if request is None:
            self._in_head = False
            self._taker.take_refusal(reply_to(error))
        else:
            request.failure = request.failure or error  # the first reason is the one that its client can mend
            self._hand_over(request)

    def _end(self, status: int, message: str) -> None:
        self.is_over = True
        self._in_head = False
        self._taker.take_refusal(Reply(status, error_body(message)))
