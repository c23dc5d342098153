"""Bodies as they arrive: cut off when they are late, and no more waiting requests than there is room for."""

import asyncio

import pytest

from modelway_server.errors import RequestTooLarge
from modelway_server.http import messages
from modelway_server.http.messages import BodyTooSlow, ClientGone, Head, Message, read_body

HEAD = Head()


def read(*chunks: bytes | None, limit: int = 10, ends: bool = True) -> bytes:
    """Read a body that comes in chunks; None is a client that goes away, and without an end it waits for ever."""
    coming = iter(chunks)
    sizes: list[int] = []
    left = len(chunks)

    async def receive() -> Message:
        nonlocal left
        left -= 1
        if left < 0:
            await asyncio.Event().wait()
        chunk = next(coming)
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": left > 0 or not ends}

    return asyncio.run(read_body(receive, HEAD, limit, sizes.append))


def test_body_in_pieces_is_joined() -> None:
    assert read(b"12345", b"", b"67890") == b"1234567890"


def test_body_that_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "BODY_SECONDS", 0.05)
    with pytest.raises(BodyTooSlow):
        read(b"1", ends=False)


def test_far_too_large_body_is_not_read_to_its_end() -> None:
    with pytest.raises(RequestTooLarge, match="10 bytes"):
        read(*[b"x" * 20] * 50, None)


def test_client_that_disconnects_is_no_server_error() -> None:
    with pytest.raises(ClientGone):
        read(b"1", None)
