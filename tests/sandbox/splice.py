"""One listener that hands each TCP connection on to a backend, in turn, and then only moves bytes."""

import asyncio
import contextlib
import itertools
import socket
import struct
from collections.abc import Callable
from typing import cast

from sandbox.endpoints import Address

BACKLOG = 4096
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

Pick = Callable[[], Address | None]


class _Side(asyncio.Protocol):
    """One end of a spliced connection; `peer` is the other."""

    peer: "_Side | None" = None
    ended = False  # it will send no more
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        assert self.peer is not None  # nothing is read before both ends are there
        self.peer.transport.write(data)

    def eof_received(self) -> bool:
        self.ended = True
        if self.peer is None or self.peer.ended:
            return False  # closes this end, and with it the other
        self.peer.transport.write_eof()
        return True  # the other direction stays open

    def pause_writing(self) -> None:
        if self.peer is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer is not None and not self.peer.transport.is_closing():
            self.peer.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        peer, self.peer = self.peer, None
        if peer is None:
            return
        peer.peer = None
        if exc is None:
            peer.transport.close()
        else:
            peer.reset()

    def reset(self) -> None:
        """End the connection as a dead host's would be: with RST."""
        with contextlib.suppress(OSError):  # closed already
            connection = self.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.transport.abort()


class _Client(_Side):
    """The accepted end: finds itself a backend before it reads anything."""

    def __init__(self, pick: Pick, clients: set["_Client"]) -> None:
        self._pick = pick
        self._clients = clients

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._clients.add(self)
        self.transport.pause_reading()
        self._dialling = asyncio.get_running_loop().create_task(self._dial())

    def connection_lost(self, exc: Exception | None) -> None:
        self._clients.discard(self)
        super().connection_lost(exc)

    async def _dial(self) -> None:
        backend = self._pick()
        if backend is None:
            self.reset()
            return
        try:
            loop = asyncio.get_running_loop()
            _, upstream = await loop.create_connection(_Side, backend.host, backend.port)
        except OSError:
            self.reset()
            return
        if self.transport.is_closing():
            upstream.transport.abort()
            return
        self.peer, upstream.peer = upstream, self
        self.transport.resume_reading()


class Listener:
    """Listens on `address` while there are backends; without any, a connection is refused.

    A change of backends touches no connection that is established.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._backends: tuple[Address, ...] = ()
        self._turn = itertools.count()
        self._server: asyncio.Server | None = None
        self._clients: set[_Client] = set()

    async def set_backends(self, backends: tuple[Address, ...]) -> None:
        """Hand new connections to `backends` from now on.

        Raises:
            OSError: the address cannot be listened on.
        """
        self._backends = backends
        if backends and self._server is None:
            loop = asyncio.get_running_loop()
            host, port = self.address.host, self.address.port
            self._server = await loop.create_server(
                lambda: _Client(self._pick, self._clients), host, port, backlog=BACKLOG
            )
        elif not backends and self._server is not None:
            self._server.close()
            self._server = None

    def close(self) -> None:
        """Stop listening and cut what is established: the end of the forwarder."""
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.reset()

    def _pick(self) -> Address | None:
        backends = self._backends
        return backends[next(self._turn) % len(backends)] if backends else None
