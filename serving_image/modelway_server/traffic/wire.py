"""One kept connection to the candidate: a request goes out as bytes, and its answer comes in within bounds.

Source: RFC 9112.
"""

import asyncio
import time
from typing import NamedTuple, cast

import httptools

from modelway_server.prediction.held_bytes import HeldBytes

MAX_HEAD_BYTES = 64 * 1024


class CandidateAnswer(NamedTuple):
    """What the candidate answered.

    Attributes:
        status: of HTTP.
        headers: names in lower case.
        body: as it was sent.
    """

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class BrokenOff(Exception):
    """The connection ended before the answer did, or what came is none.

    Args:
        begun: whether any of an answer had come.
    """

    def __init__(self, message: str, *, begun: bool) -> None:
        super().__init__(message)
        self.begun = begun


class TooLarge(Exception):
    """The answer has more bytes than a server keeps."""


class NoRoom(Exception):
    """The answers that are arriving have more bytes than a server keeps."""


class Room:
    """Bytes that answers may hold while they arrive, on all wires together.

    Args:
        size: of them.
        held: of all that the server holds. Answers that arrive together take no more where those are scarce: the other half is for requests.
    """

    def __init__(self, size: int, held: HeldBytes) -> None:
        self._left = self._size = size
        self._held = held

    def take(self, size: int, own: int) -> bool:
        """Count bytes that have come; whether there is room for them.

        Args:
            size: of them.
            own: bytes that the same answer has with them.
        """
        self._left -= size
        self._held.charge(size)
        is_alone = self._size - self._left == own
        return self._left >= 0 and (is_alone or not self._held.is_scarce)

    def give_back(self, size: int) -> None:
        """Count bytes no more."""
        self._left += size
        self._held.charge(-size)


class Wire(asyncio.Protocol):
    """A connection on which one request after the other is answered.

    Args:
        limit: bytes of the body of an answer.
        room: for the answers of all wires.

    Attributes:
        opened: when, on the monotonic clock.
        used: when it was last, likewise.
        is_free: whether it can take a request.
    """

    def __init__(self, limit: int, room: Room) -> None:
        self._limit = limit
        self._room = room
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[CandidateAnswer] | None = None
        self._received = self._size = 0
        self.opened = self.used = time.monotonic()
        self.is_free = False
        self._begin()

    async def ask(self, content: tuple[bytes, ...]) -> CandidateAnswer:
        """The answer to a request; a wire whose caller does not wait for it is cut.

        Args:
            content: the request's bytes, in parts.

        Raises:
            BrokenOff: there is no whole answer.
            TooLarge: the answer is.
            NoRoom: others are.
        """
        if not self.is_free:
            raise BrokenOff("the connection ended before the request", begun=False)
        self.is_free = False
        self._begin()
        answer: asyncio.Future[CandidateAnswer] = asyncio.get_running_loop().create_future()
        self._answer = answer
        self._transport.writelines(content)
        try:
            return await answer
        finally:
            self._answer = None
            self._room.give_back(self._size)
            self._size = 0
            if not self.is_free:
                self._transport.abort()
            self.used = time.monotonic()

    def close(self) -> None:
        """End the connection."""
        self.is_free = False
        self._transport.abort()

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has its methods, and is none
        self.is_free = True

    def data_received(self, data: bytes) -> None:
        """A part of an answer has come."""
        if self._answer is None or self._answer.done():
            self.close()  # nobody asked for it
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(BrokenOff(f"the answer is no HTTP ({error})", begun=True))
            return
        if self._received > MAX_HEAD_BYTES and not self._has_head:
            self._fail(BrokenOff("the head of the answer has no end", begun=True))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (as asyncio calls it)
        """It has ended."""
        self.is_free = False
        self._fail(BrokenOff("the connection ended before the answer", begun=self._received > 0))

    # what the parser calls

    def on_message_begin(self) -> None:
        """An answer begins."""
        if self._answer is None or self._answer.done():
            self.is_free = False  # nobody asked for it

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header has come; trailers are ignored."""
        if not self._has_head:
            self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """The head has come: a body that is too large is not waited for."""
        self._has_head = True
        length = self._headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:18]) > self._limit:
            self._fail(TooLarge)

    def on_body(self, part: bytes) -> None:
        """A part of the body has come."""
        if self._answer is None:
            return
        self._size += len(part)
        has_room = self._room.take(len(part), self._size)
        if self._size > self._limit or not has_room:
            self._parts.clear()
            self._fail(TooLarge if self._size > self._limit else NoRoom)
            return
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """The answer has come."""
        answer = self._answer
        if answer is None or answer.done():
            self.is_free = False  # more came than was asked for
            return
        self.is_free = bool(self._parser.should_keep_alive())
        answer.set_result(CandidateAnswer(self._parser.get_status_code(), self._headers, b"".join(self._parts)))

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        self._has_head = False
        self._received = self._size = 0

    def _fail(self, error: Exception | type[Exception]) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
