"""What a server says to bytes as they are: no HTTP client stands between."""

import socket
from urllib.parse import urlsplit

from support.server.served import Served


def connect(server: Served, port: str = "http") -> socket.socket:
    """A connection to one of its ports: http or metrics."""
    address = urlsplit(server.addresses[port])
    return socket.create_connection((address.hostname, address.port or 0), timeout=30)


def raw(server: Served, content: bytes, *, close: bool = False, port: str = "http") -> bytes:
    """What comes back, until the server closes.

    Args:
        server: that is asked.
        content: sent in one piece.
        close: whether to say that nothing more will come.
        port: of the server.
    """
    with connect(server, port) as connection:
        connection.sendall(content)
        if close:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received
