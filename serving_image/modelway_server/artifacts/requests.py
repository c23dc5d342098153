"""Requests to a proxy, as HTTP/1.1 writes them (RFC 9112, 3.2.2 and 3.2.3). Pure but for reading one."""

import asyncio
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from modelway_server.artifacts.proxies import Proxy

MAX_HEAD = 64 * 1024
"""Bytes of a request before its body."""

_OF_ONE_CONNECTION = re.compile(rb"(?im)^(connection|proxy-[a-z-]+|keep-alive|upgrade|te):[^\r]*\r\n")
_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,9})[ \t]*\r$")


@dataclass(frozen=True)
class Request:
    """A request to a proxy.

    Attributes:
        method: the method; CONNECT asks for a tunnel.
        target: the host and port of a tunnel, or else the whole address.
        fields: the header lines with the empty line after them.
    """

    method: bytes
    target: str
    fields: bytes

    @property
    def is_tunnel(self) -> bool:
        """Whether the request asks for a tunnel."""
        return self.method == b"CONNECT"

    @property
    def scheme(self) -> str:
        """`https` for a tunnel, since tunnels are used for nothing else."""
        return "https" if self.is_tunnel else "http"

    @property
    def host(self) -> str:
        """The requested host; an IPv6 address is without brackets."""
        return urlsplit(self._address).hostname or ""

    @property
    def port(self) -> int:
        """Its port."""
        return urlsplit(self._address).port or (443 if self.is_tunnel else 80)

    @property
    def body_bytes(self) -> int:
        """The length of the body."""
        match = _LENGTH.search(self.fields)
        return int(match[1]) if match else 0

    def head(self, proxy: Proxy | None) -> bytes:
        """The head to send on, for one connection and one answer: to the host itself, or to the next proxy."""
        target = "/" + self.target.split("/", 3)[3] if proxy is None else self.target
        fields = (proxy.authorization if proxy else b"") + _OF_ONE_CONNECTION.sub(b"", self.fields)
        return b"%s %s HTTP/1.1\r\nConnection: close\r\n%s" % (self.method, target.encode("latin-1"), fields)

    @property
    def _address(self) -> str:
        return f"//{self.target}" if self.is_tunnel else self.target


async def read_request(reader: asyncio.StreamReader) -> Request:
    """The head of a request.

    Raises:
        ValueError: it is no request to a proxy.
        IncompleteReadError: the connection ended.
    """
    line, _, fields = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
    method, target, _ = line.decode("latin-1").split(" ")
    if method != "CONNECT" and not re.match(r"http://[^/]+/", target):
        raise ValueError(f"{target} is not a whole address")
    return Request(method.encode(), target, fields)


def closing_answer(status_line: bytes) -> bytes:
    """The first line of an answer, followed by the header that closes its connection."""
    return status_line + b"Connection: close\r\n"
