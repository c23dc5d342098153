"""A Service in miniature: new connections go where it points at present, those that are open stay where they are."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Service:
    """One address before servers that change.

    Attributes:
        address: host and port that clients know.
        target: host and port that the next connection goes to; set it from any thread.
    """

    address: str
    target: str
    open: list[asyncio.StreamWriter] = field(default_factory=list)
    leading: list[asyncio.Task[None]] = field(default_factory=list)

    async def lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on until both sides are done."""
        self.open.append(writer)
        task = asyncio.current_task()
        assert task is not None
        self.leading.append(task)
        with suppress(OSError):
            back, there = await asyncio.open_connection(*self.target.split(":"))
            self.open.append(there)
            await asyncio.gather(_copy(reader, there), _copy(back, writer))
        writer.close()

    async def serve(self, listening: threading.Event, end: asyncio.Event) -> None:
        """Pass connections on until the end."""
        server = await asyncio.start_server(self.lead, "127.0.0.1", 0)
        self.address = "{}:{}".format(*server.sockets[0].getsockname())
        listening.set()
        await end.wait()
        server.close()
        for writer in self.open:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        await asyncio.gather(*self.leading)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@contextmanager
def service(target: str) -> Iterator[Service]:
    """A Service that points at `target`, in a thread of its own until the end of the block."""
    service, listening, end = Service("", target), threading.Event(), asyncio.Event()
    with asyncio.Runner() as runner:
        thread = threading.Thread(target=runner.run, args=(service.serve(listening, end),))
        thread.start()
        assert listening.wait(10)
        try:
            yield service
        finally:
            runner.get_loop().call_soon_threadsafe(end.set)
            thread.join()
