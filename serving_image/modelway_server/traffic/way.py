"""A worker's way to the process that sends copies: what does not go at once is left out, and no client waits.

A message is one packet of a socket that keeps packets apart. A large one lies in a file without a name, of which the packet
brings the descriptor. The other side says how many bytes of such files it has read.
"""

import asyncio
import logging
import os
import socket
import struct
import time
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
READ_SECONDS: Final = 5.0
"""A way on which nothing of a file was read for so long is ended: its bytes are clients' room."""
AGAIN_SECONDS: Final = 1.0
"""When a way is asked for again; twice as long after each further time."""
MAX_AGAIN_SECONDS: Final = 60.0
"""A way that was there for so long begins that anew."""
_LOGGER = logging.getLogger(__name__)


class Opener(Protocol):
    """What gives a worker its way."""

    async def open_mirror(self) -> socket.socket:
        """A way to the process that sends copies, which may only be beginning.

        Raises:
            OSError: there is none now.
        """


class Way:
    """The way of one worker.

    Args:
        opener: gives it.
        held: the bytes that the worker holds, of which those of files are a part.
        changed: called when `is_there` has changed.

    Attributes:
        is_there: whether the process at its other end takes copies.
    """

    def __init__(self, opener: Opener, held: HeldBytes, changed: Callable[[], None]) -> None:
        self._opener = opener
        self._held = held
        self._changed = changed
        self._is_wanted = self._is_doubted = self._is_told = False
        self._socket: socket.socket | None = None
        self._opening: asyncio.Task[None] | None = None
        self._on_the_way = 0
        self._read_at = self._there_since = self._again_at = self._pause = 0.0
        self.is_there = False

    def open(self) -> None:
        """Have a way from now on."""
        self._is_wanted, self._is_told = True, False
        self._again_at = self._pause = 0.0
        self.look()

    def close(self) -> None:
        """Have none from now on."""
        self._is_wanted = self._is_doubted = False
        if self._opening is not None:
            self._opening.cancel()
        self._end()

    def look(self) -> None:
        """End a way whose other side reads nothing, and ask for one where there is none; called every second or so."""
        now = time.monotonic()
        if self._on_the_way and now - self._read_at > READ_SECONDS:
            self._fail("the process that sends copies has no time to read them")
        if self._is_wanted and self._socket is None and self._opening is None and now >= self._again_at:
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
        """Send what is larger. While it is written, its bytes are there twice.

        Args:
            parts: of it.
            left_out: called where it does not go.
        """
        size = sum(map(len, parts))
        is_full = self._on_the_way > 0 and self._on_the_way + size > most_bytes(self._held)  # one alone may be larger
        if self._socket is None or is_full or self._held.would_be_scarce(size):
            left_out()
            return
        try:
            writing = asyncio.get_running_loop().run_in_executor(None, _file_of, parts)
        except RuntimeError as error:  # no thread can be started
            self._tell(error)
            left_out()
            return
        if not self._on_the_way:
            self._read_at = time.monotonic()
        self._hold(size)
        writing.add_done_callback(partial(self._send_file, self._socket, size, left_out))

    def _send_file(
        self, to: socket.socket, size: int, left_out: Callable[[], None], writing: asyncio.Future[int]
    ) -> None:
        try:
            file = writing.result()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  (it is told)
            self._tell(error)
        else:
            try:
                if to is self._socket:
                    socket.send_fds(to, [READ.pack(size)], [file])
                    return
            except OSError:
                pass
            finally:
                os.close(file)
        if to is self._socket:
            self._hold(-size)
        left_out()

    async def _open(self) -> None:
        try:
            way = await self._opener.open_mirror()
        except OSError as error:
            self._fail(error)
        else:
            way.settimeout(0)
            way.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
            self._socket = way
            asyncio.get_running_loop().add_reader(way.fileno(), self._read)

    def _opened(self, opening: asyncio.Task[None]) -> None:
        self._opening = None
        if not opening.cancelled() and (error := opening.exception()) is not None:
            _LOGGER.error("no way for copies could be opened", exc_info=error)
            self._fail(error)

    def _read(self) -> None:
        """Take what the other side says."""
        try:
            while self._socket is not None:
                content = self._socket.recv(READ.size)
                if len(content) < READ.size:
                    break
                (size,) = READ.unpack(content)
                self._read_at = time.monotonic()
                self._hold(-min(size, self._on_the_way))
                if not self.is_there:
                    self._be_there()
        except BlockingIOError:
            return
        except OSError:
            pass
        self._fail("the process that sends them has ended")

    def _be_there(self) -> None:
        if self._is_doubted:
            _LOGGER.info("copies are sent again")
        self._is_doubted, self.is_there, self._there_since = False, True, time.monotonic()
        self._changed()

    def _fail(self, why: BaseException | str) -> None:
        """Have no way for a while, which is twice as long as the last while."""
        now = time.monotonic()
        if self.is_there and now - self._there_since > MAX_AGAIN_SECONDS:
            self._pause = 0.0
        self._pause = min(max(AGAIN_SECONDS, 2 * self._pause), MAX_AGAIN_SECONDS)
        self._again_at = now + self._pause
        self._doubt(why)
        self._end()

    def _doubt(self, why: BaseException | str) -> None:
        """Say why copies are left out, once until there is a way again."""
        if not self._is_doubted:
            _LOGGER.warning("no copies are sent: %s", why)
        self._is_doubted = True

    def _tell(self, error: BaseException) -> None:
        """Say why a large copy is left out, once in a rollout."""
        if not self._is_told:
            _LOGGER.warning("a large copy is not sent: %s", str(error) or type(error).__name__)
        self._is_told = True

    def _end(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        self._hold(-self._on_the_way)
        if self.is_there:
            self.is_there = False
            self._changed()

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
