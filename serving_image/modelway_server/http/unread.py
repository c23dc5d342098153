"""What a client has not read of its answers: it counts as bytes of requests, and must be read at the pace at which clients must send."""

from collections.abc import Callable

from modelway_server.http.reader import BYTES_PER_SECOND

WRITE_SECONDS = 10.0


class Unread:
    """The bytes of one connection that its client has not read, once they are many.

    Args:
        charge: counts bytes; a negative number counts fewer.

    Attributes:
        is_much: whether they are so many that nothing more is written.
        deadline: when to ask `keeps_pace`, on the monotonic clock.
    """

    def __init__(self, charge: Callable[[int], None]) -> None:
        self._charge = charge
        self._size = 0
        self.is_much = False
        self.deadline = 0.0

    def begin(self, size: int, now: float) -> None:
        """There are so many of them."""
        self.is_much, self._size, self.deadline = True, size, now + WRITE_SECONDS
        self._charge(size)

    def end(self) -> None:
        """The client has read most of them, or has gone."""
        self._charge(-self._size)
        self.is_much, self._size = False, 0

    def keeps_pace(self, size: int, now: float) -> bool:
        """Whether the client has read enough until the deadline; it then has a new one.

        Args:
            size: bytes that it has not read by now.
            now: on the monotonic clock.
        """
        if self._size - size < WRITE_SECONDS * BYTES_PER_SECOND:
            return False
        self.end()
        self.begin(size, now)
        return True
