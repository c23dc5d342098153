"""A worker's way to the process that sends copies: what does not go at once is left out, and no client waits.

A message is one packet of a socket that keeps packets apart. A large one lies in a file without a name, of which the packet
brings the descriptor. The other side says how many bytes of such files it has read.
"""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol

from modelway_server.prediction.held_bytes import HeldBytes
from modelway_server.traffic.spare import most_bytes

PACKET_BYTES: Final = 60 * 1024
"""Of one packet."""
BUFFER_BYTES: Final = 256 * 1024
READ: Final = struct.Struct("<Q")
"""What the other side says: bytes that it has read of files; 0 once it is there."""
_LOGGER = logging.getLogger(__name__)


class Opener(Protocol):
    """What gives a worker its way."""

    async def open_mirror(self) -> socket.socket:
        """A way to the process that sends copies, which may only be beginning.

        Raises:
            BrokenPipeError: there will never be one.
            OSError: there is none now.
        """


class Way:
    """The way of one worker.

    Args:
        opener: gives it.
        held: the bytes that the worker holds, of which those of files are a part.
        settled: called when the process is there, and when it is clear that it never will be.

    Attributes:
        is_settled: whether it is there, or never will be.
    """

    def __init__(self, opener: Opener, held: HeldBytes, settled: Callable[[], None]) -> None:
        self._opener = opener
        self._held = held
        self._settled = settled
        self._is_wanted = self._is_doubted = False
        self._socket: socket.socket | None = None
        self._opening: asyncio.Task[None] | None = None
        self._on_the_way = 0
        self.is_settled = False

    def open(self) -> None:
        """Have a way from now on; one that has ended begins anew."""
        self._is_wanted = True
        if self._socket is None:
            self.is_settled = False
            self.look()

    def close(self) -> None:
        """Have none from now on."""
        self._is_wanted = self._is_doubted = self.is_settled = False
        if self._opening is not None:
            self._opening.cancel()
        self._end()

    def look(self) -> None:
        """Ask for a way where none is there yet; called every second or so."""
        if self._is_wanted and not self.is_settled and self._socket is None and self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())
            self._opening.add_done_callback(self._opened)

    def send(self, packet: bytes) -> bool:
        """Send what is no larger than a packet; whether it went."""
        if self._socket is None:
            return False
        try:
            self._socket.send(packet)
        except OSError:
            return False
        return True

    def send_large(self, parts: Sequence[bytes], left_out: Callable[[], None]) -> None:
        """Send what is larger.

        Args:
            parts: of it.
            left_out: called where it does not go.
        """
        size = sum(map(len, parts))
        is_full = self._on_the_way > 0 and self._on_the_way + size > most_bytes(self._held)  # one alone may be larger
        if self._socket is None or is_full or self._held.is_scarce:
            left_out()
            return
        self._hold(size)
        writing = asyncio.get_running_loop().run_in_executor(None, _file_of, parts)
        writing.add_done_callback(partial(self._send_file, self._socket, size, left_out))

    def _send_file(
        self, to: socket.socket, size: int, left_out: Callable[[], None], writing: asyncio.Future[int]
    ) -> None:
        error: BaseException | None
        if writing.cancelled():
            error = asyncio.CancelledError()
        elif (error := writing.exception()) is None:
            file = writing.result()
            try:
                if to is self._socket:
                    socket.send_fds(to, [READ.pack(size)], [file])
                    return
            except OSError:
                pass
            finally:
                os.close(file)
        elif not isinstance(error, OSError):
            _LOGGER.error("a copy could not be written", exc_info=error)
        if to is self._socket:
            self._hold(-size)
        left_out()

    async def _open(self) -> None:
        try:
            way = await self._opener.open_mirror()
        except BrokenPipeError as error:
            _LOGGER.warning("no copies are sent: %s", error)
            self._settle()
        except OSError as error:
            if not self._is_doubted:
                _LOGGER.warning("no copies are sent yet: %s", error)
            self._is_doubted = True
        else:
            way.settimeout(0)
            way.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
            self._socket = way
            asyncio.get_running_loop().add_reader(way.fileno(), self._read)

    def _opened(self, opening: asyncio.Task[None]) -> None:
        self._opening = None
        if not opening.cancelled() and (error := opening.exception()) is not None:
            _LOGGER.error("no copies are sent yet", exc_info=error)

    def _read(self) -> None:
        """Take what the other side says; where it ends, nothing more is sent until the next rollout."""
        try:
            while self._socket is not None:
                content = self._socket.recv(READ.size)
                if len(content) < READ.size:
                    break
                (size,) = READ.unpack(content)
                self._hold(-min(size, self._on_the_way))
                if not self.is_settled:
                    self._settle()
        except BlockingIOError:
            return
        except OSError:
            pass
        self._end()
        if self.is_settled:
            _LOGGER.warning("the process that sends copies has ended: none are sent until the next rollout")

    def _settle(self) -> None:
        self.is_settled, self._is_doubted = True, False
        self._settled()

    def _end(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        self._hold(-self._on_the_way)

    def _hold(self, size: int) -> None:
        self._on_the_way += size
        self._held.charge(size)


def _file_of(parts: Sequence[bytes]) -> int:
    """A file without a name that has these bytes.

    Raises:
        OSError: there is no memory for it, or the system has no such files.
    """
    if not hasattr(os, "memfd_create"):
        raise OSError("this system has no files without a name")
    file = os.memfd_create("modelway-copy")
    try:
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[os.write(file, view) :]
    except BaseException:
        os.close(file)
        raise
    return file
