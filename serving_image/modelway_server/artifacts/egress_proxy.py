"""The one way out of a fetch: a proxy on loopback that connects to allowed destinations alone.

The store client resolves names and follows redirects by itself. All its connections go through this proxy, which checks
the host, resolves its name, checks every address, and connects to a checked address. A name whose address changes in
between (DNS rebinding) gains nothing. TLS passes through unchanged, from the client to the store.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress

from modelway_server.artifacts.destinations import Destinations
from modelway_server.artifacts.proxies import Proxy, proxy_for
from modelway_server.artifacts.requests import MAX_HEAD, Request, closing_answer, read_request
from modelway_server.errors import HostNotAllowed

CONNECT_SECONDS = 5
CHUNK_BYTES = 256 * 1024
_REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_FAILED = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_CONNECTED = b"HTTP/1.1 200 OK\r\n\r\n"

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Address = tuple[socket.AddressFamily, tuple[object, ...]]


class EgressProxy:
    """A running proxy.

    Args:
        destinations: the allowed ones.
        environ: its variables name the proxies to use, if any.

    Attributes:
        url: for the store client.
        refusal: why a connection is not allowed; None while all are.
    """

    def __init__(self, destinations: Destinations, environ: Mapping[str, str]) -> None:
        self.url = ""
        self.refusal: HostNotAllowed | None = None
        self._destinations = destinations
        self._environ = environ
        self._trouble = ""
        self._tasks: set[asyncio.Task[None]] = set()

    def take_trouble(self) -> str:
        """Why the last connection failed; empty if none has failed since this was last read."""
        trouble, self._trouble = self._trouble, ""
        return trouble

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the store client."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            # Of a cancelled task that serves a connection, asyncio of Python 3.11 logs a traceback.
            with suppress(OSError, EOFError, asyncio.LimitOverrunError, ValueError, asyncio.CancelledError):
                await self._serve((reader, writer))
        finally:
            self._tasks.discard(task)
            writer.close()

    async def close(self) -> None:
        """Cut all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, client: Stream) -> None:
        request = await read_request(client[0])
        try:
            proxy = proxy_for(request.scheme, request.host, request.port, self._environ)
            store = await self._reach(request, proxy)
        except HostNotAllowed as refusal:
            self.refusal = refusal
            client[1].write(_REFUSED)
            return
        except OSError as error:
            self._trouble = _words(error)
            client[1].write(_FAILED)
            return
        with closing(store[1]):
            await (_tunnel(client, store) if request.is_tunnel else _forward(request, proxy, client, store))

    async def _reach(self, request: Request, proxy: Proxy | None) -> Stream:
        """A connection to the requested host, through the configured proxy if there is one.

        Raises:
            HostNotAllowed: the connection is not allowed.
            OSError: the connection fails.
        """
        host, port = request.host, request.port
        if request.target in self._destinations.services:
            return await _open_any(await resolve(host, port))
        self._destinations.check_host(host, port)
        if proxy is None:
            return await self._connect(host, port)
        with suppress(OSError):  # a name that only the proxy can resolve
            await self._resolve(host, port)
        self._destinations.check_proxy(proxy.host, proxy.port)
        stream = await self._connect(proxy.host, proxy.port)
        if request.is_tunnel:
            await _ask_for_tunnel(stream, proxy, request)
        return stream

    async def _connect(self, host: str, port: int) -> Stream:
        return await _open_any(await self._resolve(host, port))

    async def _resolve(self, host: str, port: int) -> list[Address]:
        """The addresses of a host, each of them allowed.

        Raises:
            HostNotAllowed: one of them is not allowed.
            OSError: it has none.
        """
        addresses = await resolve(host, port)
        for _, address in addresses:
            self._destinations.check_address(host, port, str(address[0]))
        return addresses


@asynccontextmanager
async def open_egress_proxy(destinations: Destinations, environ: Mapping[str, str]) -> AsyncIterator[EgressProxy]:
    """Run a proxy for the time of the block."""
    proxy = EgressProxy(destinations, environ)
    server = await asyncio.start_server(proxy.answer, "127.0.0.1", 0, limit=MAX_HEAD)
    async with server:
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield proxy
        finally:
            server.close()
            await proxy.close()


async def resolve(host: str, port: int) -> list[Address]:
    """The addresses that the system's resolver gives for a name.

    Raises:
        OSError: there are none.
    """
    answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in answers]


async def _open_any(addresses: list[Address]) -> Stream:
    """A connection to the first address that answers.

    Raises:
        OSError: none does.
    """
    failure = OSError("the host has no address")
    for family, address in addresses:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await _open(family, address)
        except OSError as error:
            failure = error
    raise failure


async def _open(family: socket.AddressFamily, address: tuple[object, ...]) -> Stream:
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)  # noqa: FBT003 -- takes no keyword
    try:
        await asyncio.get_running_loop().sock_connect(sock, address)
        return await asyncio.open_connection(sock=sock, limit=CHUNK_BYTES)
    except BaseException:
        sock.close()
        raise


async def _ask_for_tunnel(stream: Stream, proxy: Proxy, request: Request) -> None:
    """Ask a proxy for a tunnel.

    Raises:
        OSError: it does not.
    """
    reader, writer = stream
    try:
        writer.write(proxy.tunnel_head(request.host, request.port))
        answer = await reader.readuntil(b"\r\n\r\n")
    except (EOFError, asyncio.LimitOverrunError):
        answer = b""
    except BaseException:
        writer.close()
        raise
    status = [*answer.split(maxsplit=2), b"", b""][1].decode("latin-1")
    if status != "200":
        writer.close()
        raise OSError(f"the proxy {proxy.host}:{proxy.port} answered {status or 'nothing'}")


async def _tunnel(client: Stream, store: Stream) -> None:
    """Copy bytes both ways until both ends are done, or one of them breaks."""
    client[1].write(_CONNECTED)
    ways = [asyncio.create_task(_copy(client[0], store[1])), asyncio.create_task(_copy(store[0], client[1]))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _forward(request: Request, proxy: Proxy | None, client: Stream, store: Stream) -> None:
    """Forward one request in the clear, and its answer; the client opens another connection for its next request."""
    store[1].write(request.head(proxy))
    store[1].write(await client[0].readexactly(request.body_bytes))
    client[1].write(closing_answer(await store[0].readuntil(b"\r\n")))
    await _copy(store[0], client[1])


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while chunk := await source.read(CHUNK_BYTES):
        sink.write(chunk)
        await sink.drain()
    if sink.can_write_eof():
        sink.write_eof()


def _words(error: OSError) -> str:
    match error:
        case socket.gaierror():
            return "the host name does not resolve"
        case ConnectionRefusedError():
            return "connection refused"
        case TimeoutError():
            return "no answer in time"
        case _:
            return error.strerror or str(error)
