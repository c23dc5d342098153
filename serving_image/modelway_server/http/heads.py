"""The head of a request: the headers that the server uses, and what a request must have."""

import math
import re
from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import unquote

import httptools

from modelway_server.errors import MalformedRequest
from modelway_server.protocol.trace_context import TraceContext, read_trace_context

MAX_DIGITS = 18
_NAME = rb"[0-9A-Za-z._~!$&'()*+,;=-]*+"
_HOST: Final = re.compile(
    rb"[ \t]*(?:%b(?:%%[0-9A-Fa-f]{2}%b)*+|\[[0-9A-Za-z:.%%_~-]+\])(?::[0-9]*)?[ \t]*" % (_NAME, _NAME)
)
"""A registered name, which may be empty, or an address; an IPv6 address stands in brackets and may have a zone."""


class Head(NamedTuple):
    """The headers that the server uses.

    Attributes:
        content_type: media type in lower case without its parameters; empty when there is none.
        content_encoding: in lower case; empty when there is none.
        content_length: -1 when there is none.
        hosts: how many Host headers there are.
        expects_continue: whether the client holds its body back until it is asked for.
        header_length: Inference-Header-Content-Length, the bytes of JSON before binary tensors; None when there is none.
        accept_encoding: as it was sent; empty when there is none.
        host: as it was sent; empty when there is none.
        timeout: seconds in which the caller wants the answer; None when there is no such header.
        trace: that the request belongs to; None when there is no such header.
        charset: of the content type, in lower case; empty when there is none.
        handover: by which another server of the same model says that it sends the request, if it does; empty elsewhere.
    """

    content_type: str = ""
    content_encoding: str = ""
    content_length: int = -1
    hosts: int = 1
    expects_continue: bool = False
    header_length: int | None = None
    accept_encoding: bytes = b""
    host: bytes = b""
    timeout: float | None = None
    trace: TraceContext | None = None
    charset: str = ""
    handover: bytes = b""


def read_head(headers: Iterable[tuple[bytes, bytes]]) -> Head:  # noqa: C901, PLR0912  (one look at each header)
    """The headers of a request, in one pass.

    Raises:
        MalformedRequest: a header is malformed.
    """
    content_type = content_encoding = charset = ""
    accept_encoding = host = traceparent = tracestate = handover = b""
    timeout = None
    content_length, hosts, expects_continue, header_length = -1, 0, False, None
    for name, value in headers:
        match name:
            case b"host":
                hosts, host = hosts + 1, value
            case b"content-type":
                media_type, _, parameters = value.partition(b";")
                content_type = media_type.strip().lower().decode("latin-1")
                charset = _charset(parameters) if parameters else ""
            case b"content-length":
                content_length = int(value)
            case b"content-encoding":
                content_encoding = value.strip().lower().decode("latin-1")
            case b"transfer-encoding" if value.strip().lower() != b"chunked":
                raise MalformedRequest(
                    "Transfer-Encoding may be chunked alone; name what packs the body in Content-Encoding"
                )
            case b"expect":
                expects_continue = value.strip().lower() == b"100-continue"
            case b"accept-encoding":
                accept_encoding = value
            case b"inference-header-content-length":
                header_length = _length(value)
            case b"timeout":
                timeout = _seconds(value)
            case b"traceparent":
                traceparent = value
            case b"tracestate":
                tracestate = value
            case b"modelway-handover":
                handover = value
    return Head(
        content_type,
        content_encoding,
        content_length,
        hosts,
        expects_continue,
        header_length,
        accept_encoding,
        host,
        timeout,
        read_trace_context(traceparent, tracestate) if traceparent else None,
        charset,
        handover,
    )


def _charset(parameters: bytes) -> str:
    """The charset among the parameters of a media type; empty where there is none."""
    for parameter in parameters.split(b";"):
        name, _, value = parameter.partition(b"=")
        if name.strip().lower() == b"charset":
            return value.strip().strip(b'"').lower().decode("latin-1")
    return ""


def _length(value: bytes) -> int:
    if not value.isdigit() or len(value) > MAX_DIGITS:
        raise MalformedRequest(
            "Inference-Header-Content-Length must be the number of bytes of the JSON before the binary tensors"
        )
    return int(value)


def _seconds(value: bytes) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise MalformedRequest("the header timeout must be seconds, a number above 0")
    return seconds


def check_head(method: bytes, target: bytes, version: str, head: Head) -> None:
    """Refuse a head that does not say clearly which server and which resource it is for, and what is older than HTTP/1.0.

    Source: RFC 9112, sections 2.3 and 3.2; RFC 3986, section 3.2; RFC 6874.

    Raises:
        MalformedRequest: it is such a head.
    """
    if version not in {"1.1", "1.0"}:
        raise MalformedRequest(f"HTTP/{version} is not supported; send HTTP/1.1")
    if head.hosts > 1 or (head.hosts == 0 and version == "1.1"):
        raise MalformedRequest(f"an HTTP/1.1 request has exactly one Host header, this one has {head.hosts}")
    if not _HOST.fullmatch(head.host):
        raise MalformedRequest("the header Host must be a host, and a port after a colon where it needs one")
    if b"#" in target:
        raise MalformedRequest("the target of a request has no fragment: leave out # and what follows it")
    if target == b"*" and method != b"OPTIONS":
        raise MalformedRequest(f"{method.decode()} needs a path or a URL; only OPTIONS may be sent to *")


def path_of(target: bytes) -> str:
    """The path of a request's target, with its percent-encoded characters decoded.

    Raises:
        MalformedRequest: the target is no path and no URL.
    """
    if target == b"*":
        return "*"
    try:
        path = httptools.parse_url(target).path or b"/"
        return unquote(path.decode("ascii"))
    except (httptools.HttpParserInvalidURLError, UnicodeDecodeError):
        raise MalformedRequest("the target of the request is no path and no URL") from None
