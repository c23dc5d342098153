"""Addresses of pods: each gets the next free one of the node's /16, so that one comes back late."""

import ipaddress
from pathlib import Path

FIRST = 2  # 0 is the network's, 1 the node's
COUNT = 2**16


class Addresses:
    """The addresses in the /16 of `node_address`; the place in the row is kept in the file `state`.

    Pods that were known before this node started keep theirs: give them to `claim`.
    """

    def __init__(self, node_address: str, state: Path) -> None:
        self._network = ipaddress.ip_network(f"{node_address}/16", strict=False)
        self._state = state
        self._next = int(state.read_text()) if state.exists() else FIRST
        self._used: set[str] = set()

    def claim(self, address: str | None = None) -> str:
        """Take `address`, or the next free one.

        Raises:
            RuntimeError: all are taken.
        """
        if address is None:
            address = self._free()
        self._used.add(address)
        return address

    def release(self, address: str) -> None:
        """Give `address` back."""
        self._used.discard(address)

    def _free(self) -> str:
        for _ in range(COUNT):
            number = self._next
            self._next = number + 1 if number + 1 < COUNT - 1 else FIRST
            address = str(self._network[number])
            if address not in self._used and number & 0xFF not in {0, 255}:
                self._state.write_text(str(self._next))
                return address
        raise RuntimeError(f"no address is left in {self._network}")
