"""The way to connections to the candidate: the broker is asked for each, and it is waited for until it is open."""

import asyncio
import errno
import os
import socket
from collections import deque
from contextlib import suppress
from typing import Protocol

from modelway_server.traffic.broker import ASKED, MIRROR_ASKED, OPENED


class Connector(Protocol):
    """What opens connections to the candidate."""

    async def connect(self) -> socket.socket:
        """A connection that is open.

        Raises:
            OSError: there is no way to the candidate.
        """


class BrokerConnector:
    """Asks the broker.

    Args:
        broker: the way to it; it does not block.
    """

    def __init__(self, broker: socket.socket) -> None:
        self._broker = broker
        self._waiting: deque[asyncio.Future[socket.socket]] = deque()
        self._is_read = False
        self._is_gone = False

    async def connect(self) -> socket.socket:
        """See `Connector`."""
        connection = await self._ask(ASKED)
        try:
            await _wait_until_open(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    async def open_mirror(self) -> socket.socket:
        """See `way.Opener`."""
        return await self._ask(MIRROR_ASKED)

    async def _ask(self, question: bytes) -> socket.socket:
        """What the broker gives for a question.

        Raises:
            OSError: nothing.
        """
        loop = asyncio.get_running_loop()
        if self._is_gone:
            raise _gone()
        if not self._is_read:
            self._drain()
            loop.add_reader(self._broker.fileno(), self._read)
            self._is_read = True
        answer: asyncio.Future[socket.socket] = loop.create_future()
        self._broker.send(question)
        self._waiting.append(answer)
        return await answer

    def _drain(self) -> None:
        """Forget what a worker before this one asked for and did not live to see."""
        with suppress(OSError):  # nothing more is there, or the broker has gone, as the next question shows
            while True:
                content, descriptors, _, _ = socket.recv_fds(self._broker, 1, 1)
                for descriptor in descriptors:
                    os.close(descriptor)
                if not content:
                    return

    def _read(self) -> None:
        try:
            content, descriptors, _, _ = socket.recv_fds(self._broker, 1, 1)
        except BlockingIOError:
            return
        except OSError:
            content, descriptors = b"", []
        connections = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        if not content:
            self._end()
            return
        answer = self._waiting.popleft() if self._waiting else None
        if answer is None or answer.done():  # nobody waits for it any more
            for connection in connections:
                connection.close()
        elif content == OPENED and connections:
            answer.set_result(connections[0])
        else:
            answer.set_exception(OSError(errno.ENETUNREACH, "the broker has no way there now"))

    def _end(self) -> None:
        """The broker has gone, and cannot begin again behind the walls."""
        self._is_gone = True
        asyncio.get_running_loop().remove_reader(self._broker.fileno())
        while self._waiting:
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(_gone())


async def _wait_until_open(connection: socket.socket) -> None:
    """Wait until a connection is open.

    Raises:
        OSError: it cannot be opened.
    """
    loop = asyncio.get_running_loop()
    connection.settimeout(0)
    opened: asyncio.Future[None] = loop.create_future()

    def look() -> None:
        if not opened.done():
            opened.set_result(None)

    loop.add_writer(connection.fileno(), look)
    try:
        await opened
    finally:
        loop.remove_writer(connection.fileno())
    code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def _gone() -> BrokenPipeError:
    return BrokenPipeError(
        errno.EPIPE, "the process that opens connections to candidates has ended; it begins with the next pod"
    )
