"""Handlers of methods that read their messages within bounds, and give each failure its status.

They are declared with streams of messages, which look the same on the wire. So the library does not read a message as
soon as a call begins, and wait for it for ever.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, NoReturn, Protocol, TypeAlias

import grpc

from modelway_server.errors import MalformedRequest, ModelwayServerError
from modelway_server.grpc.crowds import Context, Crowd, Unread
from modelway_server.grpc.statuses import RETRY_PUSHBACK, Status, status_of

LIBRARY_ERRORS: Final = grpc.aio.BaseError
"""What the library raises once a call has ended: by a status that was sent, or since its client is gone."""

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
_LOGGER = logging.getLogger(__name__)


class _Message(Protocol):
    """A class of messages."""

    DESCRIPTOR: Any

    @staticmethod
    def FromString(content: bytes) -> Any:  # noqa: N802  (the library's name)
        """The message of these bytes."""


def handle_one(unread: Unread, message: type[_Message], answer: Callable[[Any, Context], Awaitable[Any]]) -> Handler:
    """The handler of a method of one message and one answer.

    Args:
        unread: the calls whose message has not arrived.
        message: its class.
        answer: to it.
    """

    async def method(context: Context) -> None:
        reply = await answer(await _read_one(unread, context, message), context)
        await context.write(reply.SerializeToString())

    return _handler(method)


def handle_watch(
    unread: Unread, watches: Crowd, message: type[_Message], watch: Callable[[Any, Context], Awaitable[None]]
) -> Handler:
    """The handler of a method of one message and answers for as long as its client wants.

    Args:
        unread: the calls whose message has not arrived.
        watches: the calls that are answered so.
        message: its class.
        watch: writes the answers.
    """

    async def method(context: Context) -> None:
        request = await _read_one(unread, context, message)
        with watches.place(context, "an answer"):
            await watch(request, context)

    return _handler(method, lambda reply: bytes(reply.SerializeToString()))


def handle_stream(
    unread: Unread, message: type[_Message], answers: Callable[[AsyncIterator[Any], Context], AsyncIterator[Any]]
) -> Handler:
    """The handler of a method of messages and an answer to each; its client must not pause for long.

    Args:
        unread: the calls whose next message has not arrived.
        message: their class.
        answers: to them.
    """

    async def messages(context: Context) -> AsyncIterator[Any]:
        while (content := await unread.read(context, message.DESCRIPTOR.full_name)) is not None:
            yield _parse(message, content)

    async def method(context: Context) -> None:
        async for reply in answers(messages(context), context):
            await context.write(reply.SerializeToString())

    return _handler(method)


async def abort(context: Context, status: Status) -> NoReturn:
    """End a call with this status."""
    await context.abort(status.code, status.details, RETRY_PUSHBACK if status.again else ())


def status_of_any(error: Exception) -> Status:
    """The status of a call that ended with this error; one without a status of its own is logged."""
    if isinstance(error, ModelwayServerError):
        return status_of(error)
    _LOGGER.error("a call failed", exc_info=error)
    return Status(grpc.StatusCode.INTERNAL, 500, "the server failed; its log has the error")


def _handler(method: Callable[[Context], Awaitable[None]], serialize: Callable[[Any], bytes] | None = None) -> Handler:
    async def handle(_: Any, context: Context) -> None:
        try:
            await method(context)
        except LIBRARY_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001  (each has its status; what has none is logged)
            await abort(context, status_of_any(error))

    return grpc.stream_stream_rpc_method_handler(handle, response_serializer=serialize)


async def _read_one(unread: Unread, context: Context, message: type[_Message]) -> Any:
    name = message.DESCRIPTOR.full_name
    content = await unread.read(context, name)
    if content is None:
        raise MalformedRequest(f"the call has no message {name}")
    return _parse(message, content)


def _parse(message: type[_Message], content: bytes) -> Any:
    try:
        return message.FromString(content)
    except Exception as error:
        raise MalformedRequest(f"the message is no {message.DESCRIPTOR.full_name}") from error
