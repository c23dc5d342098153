"""One port: it accepts connections within a bound, and ends them in a drain."""

import asyncio
import contextlib
import socket
import time
from email.utils import formatdate

from modelway_server.http.application import Application
from modelway_server.http.connection import Connection
from modelway_server.http.known_heads import KnownHeads
from modelway_server.prediction.held_bytes import HeldBytes

BACKLOG = 2048
LAST_READ_SECONDS = 0.1


class Listener:
    """The connections of one port; their owner.

    Args:
        application: what answers their requests.
        max_connections: at a time.
        held: counts the bytes of answers that clients have not read.
        revision: hash that every answer bears; empty for none.
        displaces_silent: whether a new connection beyond that ends the one whose client has been silent for longest. Otherwise it is refused.

    Attributes:
        application: as given.
        is_closing: whether it accepts no more.
        known_heads: of the requests that came.
    """

    def __init__(
        self,
        application: Application,
        *,
        max_connections: int,
        held: HeldBytes,
        revision: str = "",
        displaces_silent: bool = False,
    ) -> None:
        self.application = application
        self.is_closing = False
        self.known_heads = KnownHeads()
        self._max_connections = max_connections
        self._held = held
        self._displaces_silent = displaces_silent
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._all_ended = asyncio.Event()
        self._second = 0
        self._revision = f"modelway-revision: {revision}\r\n".encode() if revision else b""
        self._date = self._common_headers = b""

    async def listen(self, sock: socket.socket) -> None:
        """Accept connections on a bound socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self, loop), sock=sock, backlog=BACKLOG)

    async def close(self, grace: float) -> None:
        """Stop listening, read what has just arrived, and end each connection once no request is there.

        Args:
            grace: seconds after which the others are ended, too.
        """
        self.is_closing = True
        if self._server is not None:
            self._server.close()
        await asyncio.sleep(LAST_READ_SECONDS)
        for connection in tuple(self._connections):
            connection.drain()
        if self._connections:
            self._all_ended.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_ended.wait(), grace)
        for connection in tuple(self._connections):
            connection.abort()

    def admit(self, connection: Connection) -> str | None:
        """Take a new connection; or say why not."""
        if len(self._connections) >= self._max_connections and not (self._displaces_silent and self._displace()):
            return f"there are {self._max_connections} connections, as many as there may be; try again"
        self._connections.add(connection)
        return None

    def release(self, connection: Connection) -> None:
        """A connection has ended."""
        self._connections.discard(connection)
        if not self._connections:
            self._all_ended.set()

    def charge(self, size: int) -> None:
        """Count bytes of answers that clients have not read; a negative size counts fewer."""
        self._held.charge(size)

    def common_headers(self, *, is_foreign: bool = False) -> bytes:
        """The lines `date`, made once a second, and `modelway-revision`, unless another server gave the answer."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._date = f"date: {formatdate(now, usegmt=True)}\r\n".encode()
            self._common_headers = self._date + self._revision
        return self._date if is_foreign else self._common_headers

    def _displace(self) -> bool:
        """End the connection whose client has been silent for longest, idle ones first; whether there was one."""
        silent = [(since, one) for one in self._connections if (since := one.waits_since) is not None]
        if not silent:
            return False
        _, longest = min(silent, key=lambda pair: pair[0])
        longest.abort()
        self._connections.discard(longest)
        return True
