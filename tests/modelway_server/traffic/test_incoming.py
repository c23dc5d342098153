"""What a request to the candidate bears of the request that a client sent."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modelway_server.traffic.incoming import GRPC_PATH, Incoming


def head(headers: dict[bytes, bytes]) -> bytes:
    nothing: Any = None
    incoming = Incoming(nothing, GRPC_PATH, headers, b"", nothing, apart=False, deliver=nothing, decode=nothing)
    return b"".join(incoming.content("w-1", 1.0))


@given(st.binary(max_size=40))
def test_value_with_a_break_begins_no_further_line(value: bytes) -> None:
    request = head({b"x-request-id": value + b"\r\nx: y\r\n\r\nPOST / HTTP/1.1", b"tracestate": b"a=1"})
    assert request == head({b"tracestate": b"a=1"})


def test_values_that_http_allows_go_on() -> None:
    assert b"content-type: text/csv;\tcharset=\xe9\r\n" in head({b"content-type": b"text/csv;\tcharset=\xe9"})
    assert b"secret" not in head({b"authorization": b"secret"})
