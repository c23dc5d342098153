"""The sockets of a server, bound before the model is loaded."""

import socket
from pathlib import Path
from typing import Final

_INTERFACES: Final = Path("/proc/net/if_inet6")
_GLOBAL: Final = "00"


def bind_socket(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen yet.

    Args:
        host: its address; empty for every address of this machine, IPv4 and IPv6.
        port: 0 takes a free one.

    Raises:
        OSError: the port is taken, or the address is not this machine's.
    """
    host = host or ("::" if has_ipv6(_INTERFACES) else "0.0.0.0")  # noqa: S104  (a pod has a network of its own)
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if host == "::":
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def reserve_port(host: str, port: int) -> socket.socket:
    """A bound socket that reserves a port for other sockets of this user, and never listens itself.

    It is bound without sharing, which fails where anyone else has the port.

    Raises:
        OSError: as `bind_socket`.
    """
    sock = bind_socket(host, port)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return sock


def late_ports(sock: socket.socket) -> tuple[int, ...]:
    """The ports that gRPC binds when it starts: the reserved one, and a free one (0) to try IPv6."""
    port = int(sock.getsockname()[1])
    return (port, 0) if sock.family == socket.AF_INET6 else (port,)


def has_ipv6(interfaces: Path) -> bool:
    """Whether others reach this machine by IPv6: it has an address that is neither loopback nor link-local.

    Args:
        interfaces: the kernel's /proc/net/if_inet6; a line is address, index, length of the prefix, scope, flags, name.
    """
    try:
        lines = interfaces.read_text().splitlines()
    except OSError:
        return False
    return any(line.split()[3:4] == [_GLOBAL] for line in lines)
