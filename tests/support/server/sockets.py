"""What a server says to bytes as they are: no HTTP client stands between."""

import socket
from urllib.parse import urlsplit

from support.server.served import Served


def connect(server: Served) -> socket.socket:
    """A connection to its HTTP port."""
    address = urlsplit(server.addresses["http"])
    return socket.create_connection((address.hostname, address.port or 0), timeout=30)


def raw(server: Served, content: bytes, *, close: bool = False) -> bytes:
    """What comes back, until the server closes.

    Args:
        server: that is asked.
        content: sent in one piece.
        close: whether to say that nothing more will come.
    """
    with connect(server) as connection:
        connection.sendall(content)
        if close:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received
