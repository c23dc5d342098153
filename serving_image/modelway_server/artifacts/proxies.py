"""The proxy for a host by the usual variables: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY. Pure."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

from modelway_server.artifacts.variables import first_set


@dataclass(frozen=True)
class Proxy:
    """A proxy, reached without TLS.

    Attributes:
        host: its host.
        port: its port.
        authorization: the header line with its user and password; empty where there are none.
    """

    host: str
    port: int
    authorization: bytes = b""

    def tunnel_head(self, host: str, port: int) -> bytes:
        """The head of a request for a tunnel."""
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (place.encode(), place.encode(), self.authorization)


def proxy_for(scheme: str, host: str, port: int, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy for connections to a host; None for a direct connection.

    Raises:
        OSError: the variable holds no proxy that can be used.
    """
    address = _variable(environ, f"{scheme}_proxy", "all_proxy")
    if not address or _is_direct(host, port, _variable(environ, "no_proxy")):
        return None
    parts = urlsplit(address if "://" in address else f"http://{address}")
    if parts.scheme != "http" or not parts.hostname:
        raise OSError(f"the proxy of {scheme.upper()}_PROXY must be an http:// address")
    return Proxy(parts.hostname, parts.port or 80, _authorization(parts.username, parts.password))


def _is_direct(host: str, port: int, excluded: str) -> bool:
    """Whether NO_PROXY names the host: itself, a domain above it, a network of its address, or all."""
    entries = (entry.strip().lower() for entry in excluded.split(",") if entry.strip())
    return any(_names(entry, host.lower().rstrip("."), port) for entry in entries)


def _names(entry: str, host: str, port: int) -> bool:
    if entry in {"*", host, f"{host}:{port}"}:
        return True
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        return host.endswith("." + entry.removesuffix(f":{port}").removeprefix("*").removeprefix("."))


def _variable(environ: Mapping[str, str], *names: str) -> str:
    """The first of the variables that is set, each in lower or upper case; empty where none is."""
    return first_set(environ, *(spelling for name in names for spelling in (name, name.upper()))) or ""


def _authorization(user: str | None, password: str | None) -> bytes:
    if user is None:
        return b""
    pair = f"{unquote(user)}:{unquote(password or '')}"
    return b"Proxy-Authorization: Basic " + base64.b64encode(pair.encode()) + b"\r\n"
