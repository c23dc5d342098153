"""Requests that two parsers could read as two different ones: each is refused, or read as one, and never as two.

Source: RFC 9112, sections 2.2, 3.2, 5 and 6; RFC 9110, section 5.5.
"""

import re

import pytest

from support.server.served import Served
from support.server.sockets import raw

HIDDEN = b"GET /v2/hidden HTTP/1.1\r\nHost: x\r\n\r\n"
"""What a request carries in its body, to be found if it is taken for a request of its own: its path is in the answer."""
POST = b"POST /v2/models/model/infer HTTP/1.1\r\nHost: x\r\n"
GET = b"GET /v2 HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"0\r\n\r\n" + HIDDEN
BAD = {400}
LATER = b"GET /v2/last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
"""Ends a connection that the request before it may have left open."""

PROBES: dict[str, tuple[bytes, set[int]]] = {
    "length and chunks": (POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED, BAD),
    "chunks and length": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + CHUNKED, BAD),
    "two lengths": (POST + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN, BAD),
    "one length twice": (POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", BAD),
    "a list of lengths": (POST + b"Content-Length: 2, 2\r\n\r\n{}", BAD),
    "a length with a sign": (POST + b"Content-Length: +2\r\n\r\n{}", BAD),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n{}", BAD),
    "a hexadecimal length": (POST + b"Content-Length: 0x2\r\n\r\n{}", BAD),
    "a length beyond 64 bits": (POST + b"Content-Length: 18446744073709551618\r\n\r\n{}", BAD),
    "an unknown coding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKED, BAD),
    "chunked is not last": (POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNKED, BAD),
    "identity": (POST + b"Transfer-Encoding: identity\r\n\r\n" + CHUNKED, BAD),
    "a space before the colon": (POST + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKED, BAD),
    "a tab before the value's word": (POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n" + CHUNKED, BAD),
    "a folded header": (POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + CHUNKED, BAD),
    "a folded length": (POST + b"X: a\r\n Content-Length: 5\r\n\r\n", BAD),
    "a first header with a space": (b"GET /v2 HTTP/1.1\r\n Host: x\r\n\r\n", BAD),
    "a chunk size that is none": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n" + CHUNKED, BAD),
    "a chunk size with a sign": (POST + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n" + CHUNKED, BAD),
    "a chunk size beyond 64 bits": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n1" + b"0" * 17 + b"\r\n{}\r\n" + CHUNKED,
        BAD,
    ),
    "a chunk longer than its size": (POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}{}\r\n" + CHUNKED, BAD),
    "a line feed in a chunk's extension": (POST + b"Transfer-Encoding: chunked\r\n\r\n2;a\n{}\r\n" + CHUNKED, BAD),
    "chunks that end in line feeds": (POST + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n" + HIDDEN, BAD),
    "line feeds alone": (b"GET /v2 HTTP/1.1\nHost: x\n\n", BAD),
    "a carriage return in a value": (GET + b"X: a\rContent-Length: 5\r\n\r\n", BAD),
    "a zero byte in a value": (GET + b"X: a\x00b\r\n\r\n", BAD),
    "a zero byte in a name": (GET + b"X\x00: a\r\n\r\n", BAD),
    "a name with a space": (GET + b"Content Length: 5\r\n\r\n", BAD),
    "a header without a colon": (GET + b"Content-Length\r\n\r\n", BAD),
    "a header without a name": (GET + b": a\r\n\r\n", BAD),
    "no host": (b"GET /v2 HTTP/1.1\r\nConnection: close\r\n\r\n", BAD),
    "two hosts": (GET + b"Host: y\r\nConnection: close\r\n\r\n", BAD),
    "a huge header": (GET + b"X: " + b"y" * 100_000, {431}),
    "many headers": (GET + b"A: b\r\n" * 5000, {431}),
    "HTTP/0.9": (b"GET /v2\r\n\r\n", BAD),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD | {505}),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", BAD),
    "a space in the path": (b"GET /v2 /v2 HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
    "a zero byte in the path": (b"GET /v2\x00 HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
    "a method that is none": (b"G@T /v2 HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
    # these are one request by the standard, and must stay one
    "a GET with a body": (GET + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN + LATER, {200}),
    "chunks after HTTP/1.0": (
        b"POST /v2/models/model/infer HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        + HIDDEN,
        BAD,
    ),
    "a trailer that is a length": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 50\r\n\r\n" + LATER,
        BAD,
    ),
    "an absolute path": (b"GET http://y/v2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", {200, 400, 404}),
}


@pytest.mark.parametrize("name", PROBES)
def test_request_is_read_as_one_or_refused(forest: Served, name: str) -> None:
    content, allowed = PROBES[name]
    answers = raw(forest, content)
    statuses = [int(status) for status in re.findall(rb"HTTP/1.1 (\d{3}) ", answers)]
    assert statuses
    assert statuses[0] in allowed, answers
    assert b"hidden" not in answers
    assert len(statuses) <= 1 + content.endswith(LATER)
