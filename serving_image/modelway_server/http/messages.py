"""ASGI messages: the request's head as we need it, its body within bounds, and answers."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from modelway_server.errors import MalformedRequest, RequestTooLarge
from modelway_server.protocol.strict_json import dumps

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BODY_SECONDS = 10.0
"""A client that has not sent its whole body by then is cut off."""
DISCARDED_BODIES = 8
"""How many times the cap is read and dropped so that a client that sends too much still reads the refusal."""


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


class BodyTooSlow(Exception):
    """The body did not arrive in time."""


@dataclass(frozen=True, slots=True)
class Head:
    """The headers that matter here.

    Attributes:
        content_type: media type in lower case without its parameters; empty when there is none.
        content_encoding: in lower case; empty when there is none.
        content_length: -1 when there is none.
        hosts: how many Host headers there are.
        expects_continue: whether the client holds its body back until it is asked for.
    """

    content_type: str
    content_encoding: str
    content_length: int
    hosts: int
    expects_continue: bool


def read_head(scope: Scope) -> Head:
    """The headers of a request, in one pass."""
    content_type = content_encoding = ""
    content_length, hosts, expects_continue = -1, 0, False
    for name, value in scope["headers"]:
        if name == b"host":
            hosts += 1
        elif name == b"content-type":
            content_type = value.partition(b";")[0].strip().lower().decode("latin-1")
        elif name == b"content-length":
            content_length = int(value)
        elif name == b"content-encoding":
            content_encoding = value.strip().lower().decode("latin-1")
        elif name == b"expect":
            expects_continue = value.strip().lower() == b"100-continue"
    return Head(content_type, content_encoding, content_length, hosts, expects_continue)


async def read_body(receive: Receive, head: Head, limit: int) -> bytes:
    """The whole body, of at most `limit` bytes; what is too large is never kept.

    Raises:
        RequestTooLarge: it is larger.
        BodyTooSlow: it did not arrive in time.
        ClientGone: the client went away.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            if head.content_length > limit and head.expects_continue:
                raise _too_large(limit)
            return await _collect(receive, limit)
    except TimeoutError as error:
        raise BodyTooSlow from error


async def _collect(receive: Receive, limit: int) -> bytes:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    if not message.get("more_body") and len(message["body"]) <= limit:
        return bytes(message["body"])
    chunks, size = [message["body"]], len(message["body"])
    while message.get("more_body") and size <= limit * DISCARDED_BODIES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        size += len(message["body"])
        if size <= limit:
            chunks.append(message["body"])
        else:
            chunks.clear()
    if size > limit:
        raise _too_large(limit)
    return b"".join(chunks)


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(
        f"the body is larger than {limit} bytes; send fewer rows a request, or raise runtime.limits.maxRequestBytes"
    )


async def send_json(
    send: Send, status: int, body: bytes, *, headers: tuple[tuple[bytes, bytes], ...] = (), close: bool = False
) -> None:
    """Answer with JSON that is already encoded.

    Args:
        send: the request's.
        status: HTTP status.
        body: the JSON.
        headers: beside type and length.
        close: ask the client to open another connection for its next request.
    """
    await send_bytes(send, status, body, b"application/json", headers=headers, close=close)


async def send_bytes(
    send: Send,
    status: int,
    body: bytes,
    content_type: bytes,
    *,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    close: bool = False,
) -> None:
    """Answer with bytes of any type; see `send_json`."""
    fields = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *headers]
    if close:
        fields.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


def error_body(message: str, field: str | None = None) -> bytes:
    """The protocols' error document; the field at fault comes first."""
    return dumps({"error": f"{field}: {message}" if field else message})


def check_json(head: Head) -> str | None:
    """Why a body of that type is not read, or None when it is."""
    if head.content_type not in {"", "application/json"}:
        return f"Content-Type is {head.content_type}; send application/json"
    if head.content_encoding not in {"", "identity"}:
        return f"Content-Encoding is {head.content_encoding}; send the body uncompressed"
    return None


def check_host(scope: Scope, head: Head) -> None:
    """Refuse an HTTP/1.1 request that has no Host, or more than one (RFC 9112, section 3.2).

    Raises:
        MalformedRequest: it has.
    """
    if head.hosts > 1 or (head.hosts == 0 and scope["http_version"] == "1.1"):
        raise MalformedRequest(f"an HTTP/1.1 request has exactly one Host header, this one has {head.hosts}")
