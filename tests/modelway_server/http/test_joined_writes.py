"""An answer is one packet, whatever it consists of."""

import asyncio
from typing import Any

from modelway_server.http.joined_writes import JoinedWrites

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class _Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.writes: list[Any] = []

    def write(self, data: Any) -> None:
        self.writes.append(data)

    def close(self) -> None:
        self.writes.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.writes


def test_head_is_written_with_its_body() -> None:
    plain = _Transport()
    joined = JoinedWrites(plain)
    joined.write(HEAD)
    assert plain.writes == []
    joined.write(b"body")
    joined.write(b"more")
    assert plain.writes == [HEAD + b"body", b"more"]


def test_continue_is_sent_at_once() -> None:
    plain = _Transport()
    JoinedWrites(plain).write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert plain.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]


def test_answer_without_a_body_is_sent_at_its_end() -> None:
    plain = _Transport()
    joined = JoinedWrites(plain)
    joined.write(HEAD)
    joined.flush()
    joined.flush()
    joined.write(HEAD)
    joined.close()
    assert plain.writes == [HEAD, HEAD, "closed"]
    assert joined.is_closing()
