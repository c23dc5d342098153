"""The process of a pod that takes copies of requests from the workers, and has them sent.

Nobody waits for it, so that it may stand still while others need the processors. It reads the order by itself; what a worker
sends is obeyed only where it is of the rollout that is ordered.
"""

import asyncio
import fcntl
import logging
import os
import socket
import stat
import time
from contextlib import suppress
from typing import Final

from modelway_server.prediction.held_bytes import MAX_HELD_BODIES, HeldBytes
from modelway_server.traffic.answers import Decode
from modelway_server.traffic.comparer import MAX_COMPARED_BYTES
from modelway_server.traffic.connector import Connector
from modelway_server.traffic.copies import BadCopy, Copy, unpack, unpack_file
from modelway_server.traffic.document import BadDocument, Rollout, is_same_way, read_document
from modelway_server.traffic.mirrored import Mirrored, Task
from modelway_server.traffic.order import OrderFile
from modelway_server.traffic.way import PACKET_BYTES, READ

LOOK_SECONDS: Final = 1.0
LINGER_SECONDS: Final = 10.0
"""Without a worker that wants it, the process ends after so long."""
MAX_FRAME_BYTES: Final = 256 * 1024
"""Of all in a file but the bodies of request and answer."""
MAX_PACKETS: Final = 16
"""Of one way in one turn of the loop."""
_LOGGER = logging.getLogger(__name__)


class Mirror:
    """The process.

    Args:
        task: what it is for.
        connector: opens connections to the candidate.
        decode_message: gives the columns of an answer of gRPC.
    """

    def __init__(self, task: Task, connector: Connector, decode_message: Decode) -> None:
        self._task = task
        self._connector = connector
        self._decode_message = decode_message
        self._file = OrderFile(task.folder)
        self._held = HeldBytes(task.max_request_bytes * MAX_HELD_BODIES)
        self._ways: set[socket.socket] = set()
        self._active: Mirrored | None = None

    async def run(self, control: socket.socket) -> None:
        """Serve until no worker wants it any more, or nobody is left who could.

        Args:
            control: brings the workers' ways.
        """
        ended = asyncio.Event()
        control.settimeout(0)
        asyncio.get_running_loop().add_reader(control.fileno(), self._take_way, control, ended)
        alone_since = time.monotonic()
        while not ended.is_set() and time.monotonic() - alone_since < LINGER_SECONDS:
            self._look()
            if self._active is not None:
                self._active.look()
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), LOOK_SECONDS)
            if self._ways:
                alone_since = time.monotonic()
        self._obey(None)

    def add(self, way: socket.socket) -> None:
        """Take copies that come on a way."""
        way.settimeout(0)
        self._ways.add(way)
        asyncio.get_running_loop().add_reader(way.fileno(), self._read, way)
        self._say(way, 0)

    def _take_way(self, control: socket.socket, ended: asyncio.Event) -> None:
        try:
            content, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        except BlockingIOError:
            return
        except OSError:
            content, descriptors = b"", []
        for descriptor in descriptors:
            self.add(socket.socket(fileno=descriptor))
        if not content:
            asyncio.get_running_loop().remove_reader(control.fileno())
            ended.set()

    def _read(self, way: socket.socket) -> None:
        """Take what has come; a worker whose bytes are no copies is not listened to any more."""
        try:
            for _ in range(MAX_PACKETS):
                if way not in self._ways or not self._read_packet(way):
                    return
        except BlockingIOError:
            return
        except BadCopy as error:
            _LOGGER.error("a worker sends what are no copies (%s), and none of it is sent", error)  # noqa: TRY400  (the message says all)
        except OSError:
            pass
        self._drop(way)

    def _read_packet(self, way: socket.socket) -> bool:
        """Take one packet; whether there may be more.

        Raises:
            BadCopy: it is none.
            OSError: there is none.
        """
        content, descriptors, flags, _ = socket.recv_fds(way, PACKET_BYTES + 1, 1)
        try:
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                raise BadCopy("a packet is too large")
            if not content:
                self._drop(way)
                return False
            if descriptors:
                self._take_file(way, descriptors[0], content)
                return True
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        for copy in unpack(content):
            self._take(copy)
        return True

    def _take_file(self, way: socket.socket, file: int, content: bytes) -> None:
        """Take the copy in a file. While it is read, its bytes are there twice; that is so of one copy at a time."""
        if len(content) != READ.size:
            raise BadCopy("a file has no size")
        (size,) = READ.unpack(content)
        _check(file, size)
        copy = unpack_file(file, size) if size <= self._largest else None
        self._say(way, size)
        if copy is not None:
            self._take(copy)
        elif self._active is not None:
            self._active.leave_out()

    @property
    def _largest(self) -> int:
        return self._task.max_request_bytes + MAX_COMPARED_BYTES + MAX_FRAME_BYTES

    def _take(self, copy: Copy) -> None:
        active = self._current(copy.rollout)
        if active is not None:
            active.take(copy)

    def _current(self, rollout: str) -> Mirrored | None:
        """What is mirrored, if it is this rollout; a worker may know of the next one already."""
        if self._active is None or self._active.rollout.id != rollout:
            self._look()
        return self._active if self._active is not None and self._active.rollout.id == rollout else None

    def _look(self) -> None:
        news = self._file.look()
        if news is None:
            return
        rollout = None
        if news.content is not None:
            with suppress(BadDocument):  # the workers say so
                rollout = read_document(news.content, self._task.revision)
        self._obey(rollout)

    def _obey(self, rollout: Rollout | None) -> None:
        active = self._active
        if active is not None and rollout is not None and is_same_way(active.rollout, rollout):
            active.obey(rollout)
            return
        if active is not None:
            active.end()
        self._active = None
        if rollout is not None:
            self._active = Mirrored(rollout, self._task, self._connector, self._held, self._decode_message)

    def _say(self, way: socket.socket, size: int) -> None:
        """Say that so many bytes of files were read; what a worker that has ended its way sent before is taken all the same."""
        with suppress(OSError):
            way.send(READ.pack(size))

    def _drop(self, way: socket.socket) -> None:
        if way in self._ways:
            self._ways.remove(way)
            asyncio.get_running_loop().remove_reader(way.fileno())
            way.close()


def _check(file: int, size: int) -> None:
    """Whether a descriptor is a file in memory with so many bytes.

    Raises:
        BadCopy: it is another thing, which may never give its bytes.
    """
    status = os.fstat(file)
    try:
        fcntl.fcntl(file, fcntl.F_GET_SEALS)
    except OSError:
        raise BadCopy("a file does not lie in memory") from None
    if not stat.S_ISREG(status.st_mode) or status.st_size < size:
        raise BadCopy("a file is smaller than it is said to be")
