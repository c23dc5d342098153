"""A gRPC client of HTTP/2 frames as they are: it can do what no library's client does."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Self

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
ACK = END_STREAM = 1
END_HEADERS = 4
INITIAL_WINDOW_SIZE = 4
ENHANCE_YOUR_CALM = 11


class Frame(NamedTuple):
    """One frame: its type, flags, stream and payload."""

    kind: int
    flags: int
    stream: int
    payload: bytes


class Http2:
    """A connection that has sent its preface and settings.

    Args:
        sock: to the server.
        window: bytes of an answer that the client takes.
    """

    def __init__(self, sock: socket.socket, window: int = 65535) -> None:
        self.socket = sock
        self._received = b""
        self._next = 1
        sock.sendall(PREFACE)
        self.send(SETTINGS, payload=struct.pack(">HI", INITIAL_WINDOW_SIZE, window))

    def send(self, kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> None:
        """One frame."""
        self.socket.sendall(struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload)

    def open(self, path: str, content: bytes = b"", *, end: bool = False, timeout: str = "") -> int:
        """Begin a call, and send bytes of its stream; the number of the stream.

        Args:
            path: of the method.
            content: of the stream, as far as it goes.
            end: whether nothing more will come.
            timeout: of the call, as gRPC writes it (`1S`); none where it is empty.
        """
        stream, self._next = self._next, self._next + 2
        fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "x"}
        fields |= {"content-type": "application/grpc", "te": "trailers"}
        fields |= {"grpc-timeout": timeout} if timeout else {}
        block = b"".join(b"\x00" + _text(name) + _text(value) for name, value in fields.items())
        self.send(HEADERS, END_HEADERS | (END_STREAM if end and not content else 0), stream, block)
        if content:
            self.send(DATA, END_STREAM if end else 0, stream, content)
        return stream

    def frames(self) -> Iterator[Frame]:
        """The server's frames, until it closes the connection."""
        while True:
            while len(self._received) < 9 or len(self._received) < 9 + self._length():
                try:
                    more = self.socket.recv(65536)
                except ConnectionError:
                    return
                if not more:
                    return
                self._received += more
            length = self._length()
            kind, flags, stream = struct.unpack(">BBI", self._received[3:9])
            payload, self._received = self._received[9 : 9 + length], self._received[9 + length :]
            yield Frame(kind, flags, stream, payload)

    def wait_for_end(self, streams: set[int]) -> set[int]:
        """Wait until the server has ended these streams; those that it had not when it closed the connection."""
        pending = set(streams)
        for frame in self.frames():
            if frame.kind == RST_STREAM or (frame.kind == HEADERS and frame.flags & END_STREAM):
                pending.discard(frame.stream)
            if not pending:
                break
        return pending

    def _length(self) -> int:
        return int.from_bytes(self._received[:3], "big")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def message(content: bytes) -> bytes:
    """A message as it is in a stream."""
    return b"\x00" + struct.pack(">I", len(content)) + content


@contextmanager
def connect(address: str, **options: int) -> Iterator[Http2]:
    """A connection to a host and port until the end of the block."""
    host, _, port = address.rpartition(":")
    with Http2(socket.create_connection((host, int(port)), timeout=30), **options) as client:
        yield client


def _text(text: str) -> bytes:
    assert len(text) < 127
    return bytes([len(text)]) + text.encode()
