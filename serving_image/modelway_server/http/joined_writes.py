"""One packet for the head of an answer and its body.

uvicorn writes them one after the other, and uvloop sends each at once: two system calls, two packets and two wake-ups
of the client for an answer of a few hundred bytes.
"""

import asyncio
from typing import Any

_FINAL, _INTERIM = b"HTTP/1.1 ", b"HTTP/1.1 1"


class JoinedWrites:
    """A transport that holds the head of an answer until its body comes, or `flush` is called.

    Args:
        transport: the connection's; all that is not named here is its own.
    """

    __slots__ = ("_held", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send the data with the held head, unless the data is the head of a final answer itself."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held + data)
        elif data.startswith(_FINAL) and not data.startswith(_INTERIM):
            self._held = data
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Send the held head: an answer without a body is complete."""
        if self._held:
            self.write(b"")

    def close(self) -> None:
        """Send the held head, and close."""
        self.flush()
        self._transport.close()
