"""A proxy between a pod and a store gives a tunnel, or its connection is closed."""

import asyncio
from unittest.mock import Mock

import pytest

from modelway_server.artifacts.egress_proxy import _ask_for_tunnel
from modelway_server.artifacts.proxies import Proxy
from modelway_server.artifacts.requests import Request

TO_STORE = Request(b"CONNECT", "models.example.com:443", b"\r\n")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "answered 403"),
        (b"HTTP/1.1 200", "answered nothing"),
        (b"", "answered nothing"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200, "answered nothing"),
        (ConnectionResetError("reset by peer"), "reset by peer"),
    ],
    ids=["refuses", "is cut off", "says nothing", "never ends its head", "is reset"],
)
def test_proxy_without_a_tunnel_is_left(answer: bytes | Exception, says: str) -> None:
    async def ask() -> None:
        reader = asyncio.StreamReader(limit=100)
        if isinstance(answer, Exception):
            reader.set_exception(answer)
        else:
            reader.feed_data(answer)
            reader.feed_eof()
        await _ask_for_tunnel((reader, writer), Proxy("proxy.example.com", 3128), TO_STORE)

    writer = Mock(spec=asyncio.StreamWriter)
    with pytest.raises(OSError, match=says):
        asyncio.run(ask())
    writer.close.assert_called_once()
