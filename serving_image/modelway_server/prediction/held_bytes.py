"""How many bytes of requests are in memory: one total for a worker, and an account for each request."""

from modelway_server.prediction.limits import queue_full

MAX_HELD_BODIES = 8
"""Bytes of requests that may be in memory, in multiples of the cap on one body."""


class HeldBytes:
    """Bytes of all requests of a worker that are in memory.

    Args:
        limit: on them; a request that is alone may exceed it.

    Attributes:
        limit: as given.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._size = 0

    def add(self, size: int) -> None:
        """Count more bytes; a negative size counts fewer.

        Raises:
            QueueFull: there is no room for them.
        """
        if size > 0 and self._size and self._size + size > self.limit:
            raise queue_full()
        self._size += size

    @property
    def is_scarce(self) -> bool:
        """Whether half of the room is taken."""
        return self.would_be_scarce(0)

    def would_be_scarce(self, size: int) -> bool:
        """Whether half of the room would be taken with so many bytes more."""
        return self._size + size > self.limit / 2

    def charge(self, size: int) -> None:
        """Count bytes that are there already, whether there is room or not; a negative size counts fewer."""
        self._size += size


class Held:
    """Bytes of one request that are in memory; call `release` once it is answered.

    Args:
        total: of the worker.
    """

    def __init__(self, total: HeldBytes) -> None:
        self._total = total
        self._size = 0

    def add(self, size: int) -> None:
        """Count more bytes.

        Raises:
            QueueFull: there is no room for them.
        """
        self._total.add(size)
        self._size += size

    def charge(self, size: int) -> None:
        """Count more bytes, which are there already."""
        self._total.charge(size)
        self._size += size

    def resize(self, size: int) -> None:
        """Count so many bytes in place of those so far.

        Raises:
            QueueFull: there is no room for them.
        """
        self.add(size - self._size)

    def release(self) -> None:
        """Count none any more."""
        self._total.add(-self._size)
        self._size = 0
