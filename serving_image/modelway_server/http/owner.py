"""What a connection asks of whoever accepted it."""

from typing import TYPE_CHECKING, Protocol

from modelway_server.http.application import Application
from modelway_server.http.known_heads import KnownHeads

if TYPE_CHECKING:
    from modelway_server.http.connection import Connection


class Owner(Protocol):
    """Whoever accepts connections."""

    application: Application
    is_closing: bool
    """Whether it accepts no more."""
    known_heads: KnownHeads
    """Those that need not be parsed."""

    def admit(self, connection: "Connection") -> str | None:
        """Take a new connection; or say why not."""

    def release(self, connection: "Connection") -> None:
        """A connection has ended."""

    def charge(self, size: int) -> None:
        """Count bytes of answers that clients have not read; a negative size counts fewer."""

    def common_headers(self, *, is_foreign: bool = False) -> bytes:
        """Lines of every answer; without those of this server's own where another one gave it."""
