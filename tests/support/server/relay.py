"""A relay before a server, which counts the connections of a client and keeps how each began."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

PIECE_BYTES = 1 << 16


@dataclass
class Relay:
    """A relay that listens."""

    address: str
    """Of the relay, such as `http://127.0.0.1:4711`."""
    beginnings: list[bytes] = field(default_factory=list)
    """The first bytes of each connection."""


@contextmanager
def relay_to(host: str, port: int) -> Iterator[Relay]:
    """Relay every connection to a server as long as the block takes."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        relay = Relay(f"http://127.0.0.1:{listener.getsockname()[1]}")
        threading.Thread(target=_accept, args=(listener, host, port, relay), daemon=True).start()
        yield relay
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # which ends the waiting in `accept`


def _accept(listener: socket.socket, host: str, port: int, relay: Relay) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, host, port, relay), daemon=True).start()


def _serve(client: socket.socket, host: str, port: int, relay: Relay) -> None:
    with client, suppress(OSError), socket.create_connection((host, port)) as server:
        back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
        back.start()
        first = client.recv(PIECE_BYTES)
        relay.beginnings.append(first)
        server.sendall(first)
        _pass_on(client, server)
        back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(PIECE_BYTES):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
