"""One request as it arrives: its head, and its body as far as somebody wants it."""

from typing import TYPE_CHECKING

from modelway_server.errors import InputError, QueueFull
from modelway_server.http.heads import Head
from modelway_server.protocol.compression import too_large

if TYPE_CHECKING:
    from modelway_server.http.known_heads import KnownHead
    from modelway_server.http.operations import Operation, Reader
    from modelway_server.prediction.calls import Call
    from modelway_server.prediction.held_bytes import Held

DISCARDED_BYTES = 1 << 20
DISCARDED_BODIES = 8
"""So many times the cap, and at least DISCARDED_BYTES, are read of a body that is refused, so that its client still reads the refusal."""

RawHeaders = list[tuple[bytes, bytes]]
"""Names in lower case, and values."""


class Request:
    """One request.

    Args:
        method: in capitals.
        target: as it was sent.
        version: of HTTP, such as `1.1`.
        headers: as they were sent.
        started: when its head had arrived, on the monotonic clock.

    Attributes:
        known: its head, where the same came before.
        keep_alive: whether the connection may be kept after its answer.
        complete: whether all of it has arrived.
        is_ready: whether it may be answered: it is complete or refused.
        size: bytes of its body that have arrived.
        head: the headers that the server uses.
        failure: why it is refused, if it is.
        operation: the inference route, if it is for one.
        reader: of its body, if the route reads such a body.
        call: of an inference route.
    """

    known: "KnownHead | None" = None
    keep_alive = True
    complete = False
    is_ready = False
    size = 0
    head = Head()
    failure: Exception | None = None
    operation: "Operation | None" = None
    reader: "Reader | None" = None
    call: "Call | None" = None
    _held: "Held | None" = None
    _limit = 0

    def __init__(self, method: bytes, target: bytes, version: str, headers: RawHeaders, started: float) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.started = started
        self._parts: list[bytes] = []

    def keep_body(self, limit: int, held: "Held") -> None:
        """Keep the body, which is discarded otherwise.

        Args:
            limit: bytes that it may have.
            held: the account of those that are kept.
        """
        self._limit, self._held = limit, held

    @property
    def is_overdone(self) -> bool:
        """Whether so much came of a body that nobody wants, that no more of it is read."""
        return self.size > max(self._limit * DISCARDED_BODIES, DISCARDED_BYTES)

    def feed(self, part: bytes) -> None:
        """Take the next part of the body. A body for which there is no room is read to its end and refused."""
        self.size += len(part)
        held = self._held
        if held is None or self.failure is not None:
            return
        try:
            if self.size > self._limit:
                raise too_large(self._limit)
            held.add(len(part))
        except (InputError, QueueFull) as error:
            self.failure = error
            self._parts.clear()
            held.release()
            return
        self._parts.append(part)

    def take_body(self) -> bytes:
        """The whole body, which is not kept any longer."""
        parts, self._parts = self._parts, []
        return parts[0] if len(parts) == 1 else b"".join(parts)
