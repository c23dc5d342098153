"""Replies: the status and the body of each failure, compression, and their bytes."""

import asyncio
import logging
from http import HTTPStatus
from typing import Final, NamedTuple

from modelway_server.dataplane.query import BINARY, JSON
from modelway_server.errors import (
    InputError,
    InvalidInput,
    MalformedRequest,
    Overloaded,
    PredictionFailed,
    QueueFull,
    RequestTooLarge,
    TooSlow,
    UnsupportedMediaType,
)
from modelway_server.http.heads import Head
from modelway_server.http.operations import Operation
from modelway_server.protocol.compression import MIN_COMPRESSED, accepts_gzip, compress
from modelway_server.protocol.strict_json import dumps

RETRY_AFTER = ((b"retry-after", b"1"),)
_STATUS: dict[type[Exception], int] = {
    MalformedRequest: 400,
    InvalidInput: 422,
    UnsupportedMediaType: 415,
    RequestTooLarge: 413,
    QueueFull: 429,
    Overloaded: 503,
    TooSlow: 504,
}
_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_OK_JSON: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
_LOGGER = logging.getLogger(__name__)


class BodyTooSlow(Exception):
    """The body did not arrive in time."""


class Reply(NamedTuple):
    """The answer to one request.

    Attributes:
        is_foreign: whether another server gave it, whose revision its headers name.
    """

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    close: bool = False
    content_type: bytes = JSON
    is_foreign: bool = False


def shall_compress(head: Head, reply: Reply) -> bool:
    """Whether the client takes gzip, and the reply is worth it."""
    return (
        len(reply.body) >= MIN_COMPRESSED
        and reply.content_type != BINARY
        and accepts_gzip(head.accept_encoding)
        and not reply.is_foreign  # whoever gave it has decided
    )


async def compress_reply(reply: Reply) -> Reply:
    """The reply as gzip, made in another thread."""
    body = await asyncio.get_running_loop().run_in_executor(None, compress, reply.body)
    headers = (*reply.headers, (b"content-encoding", b"gzip"), (b"vary", b"accept-encoding"))
    return reply._replace(body=body, headers=headers)


def reply_to(error: BaseException) -> Reply:
    """The reply to a request that has failed."""
    match error:
        case InputError():
            # the rest of its body may never end
            close = isinstance(error, RequestTooLarge)
            return Reply(_STATUS[type(error)], error_body(error.message, error.field), close=close)
        case QueueFull() | Overloaded() | TooSlow():
            return Reply(_STATUS[type(error)], error_body(error.message), RETRY_AFTER)
        case PredictionFailed():
            return Reply(500, error_body(error.message))
        case BodyTooSlow():
            return Reply(408, error_body("the body did not arrive in time"), close=True)
        case _:
            _LOGGER.error("a request failed", exc_info=error)
            return Reply(500, error_body("the server failed; its log has the error"))


def reply_unread(operation: Operation, head: Head) -> Reply:
    """The reply to a body that no reader takes."""
    accepted = ", ".join(operation.readers).encode()
    return Reply(415, error_body(operation.complaint(head)), ((b"accept", accepted),))


def response(reply: Reply, common_headers: bytes, *, close: bool, body: bool = True) -> bytes:
    """The bytes of an answer.

    Args:
        reply: what it says.
        common_headers: lines that every answer of the server has, beside the reply's own.
        close: whether the connection ends with it.
        body: whether the body follows its head.
    """
    if reply.content_type is JSON and reply.status == HTTPStatus.OK and body and not (close or reply.headers):
        return b"".join((_OK_JSON, b"%d\r\n" % len(reply.body), common_headers, b"\r\n", reply.body))
    parts = [_STATUS_LINES[reply.status], b"content-type: ", reply.content_type]
    parts += (b"\r\ncontent-length: %d\r\n" % len(reply.body), common_headers)
    for name, value in reply.headers:
        parts += (name, b": ", value, b"\r\n")
    if close:
        parts.append(b"connection: close\r\n")
    parts += (b"\r\n", reply.body if body else b"")
    return b"".join(parts)


def error_body(message: str, field: str | None = None) -> bytes:
    """The protocols' error document; the field at fault comes first."""
    return dumps({"error": f"{field}: {message}" if field else message})
