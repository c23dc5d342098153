"""Compressed bodies: read in any pieces, never unpacked beyond the cap, and refused when they are cut off."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway_server.errors import MalformedRequest, RequestTooLarge
from modelway_server.protocol.compression import CODINGS, MAX_MEMBERS, Inflater, accepts_gzip, compress

BODY = b'{"inputs": []}' * 100
PACKED = {"gzip": gzip.compress(BODY), "deflate": zlib.compress(BODY)}


def inflate(coding: str, packed: bytes, *, limit: int = len(BODY), step: int = 65536) -> bytes:
    inflater = Inflater(coding, limit)
    for begin in range(0, len(packed), step):
        inflater.feed(packed[begin : begin + step])
    return inflater.finish()


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("step", [1, 7, 65536])
def test_body_is_unpacked_in_any_pieces(coding: str, step: int) -> None:
    assert inflate(coding, PACKED[coding], step=step) == BODY


@given(parts=st.lists(st.binary(max_size=40), min_size=1, max_size=5), step=st.integers(1, 90))
def test_every_member_of_a_gzip_is_read(parts: list[bytes], step: int) -> None:
    packed = b"".join(map(gzip.compress, parts))
    assert inflate("gzip", packed, step=step) == b"".join(parts) == gzip.decompress(packed)


def test_members_of_a_gzip_share_the_cap() -> None:
    with pytest.raises(RequestTooLarge, match="when it is unpacked"):
        inflate("gzip", PACKED["gzip"] * 2)


def test_second_member_of_deflate_is_refused() -> None:
    with pytest.raises(MalformedRequest, match="bytes follow the end of the deflate body"):
        inflate("deflate", PACKED["deflate"] * 2)


@pytest.mark.parametrize("coding", CODINGS)
def test_body_too_large_when_unpacked_is_refused(coding: str) -> None:
    with pytest.raises(RequestTooLarge, match="when it is unpacked"):
        inflate(coding, PACKED[coding], limit=len(BODY) - 1)


def test_bomb_takes_no_more_memory_than_the_cap() -> None:
    bomb = gzip.compress(bytes(200_000_000), compresslevel=1)
    tracemalloc.start()
    try:
        with pytest.raises(RequestTooLarge):
            inflate("gzip", bomb, limit=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("packed", "words"),
    [
        (PACKED["gzip"][:-1], "cut off"),
        (b"", "cut off"),
        (BODY, "not gzip"),
        (PACKED["gzip"] + b"xy", "not gzip follow member 1"),
        (PACKED["gzip"] + b"\x1f", "cut off"),
        (gzip.compress(b"") * (MAX_MEMBERS + 1), "more than 1000 members"),
        (PACKED["gzip"][:-8] + bytes(8), "not gzip"),
    ],
    ids=[
        "without its end",
        "empty",
        "plain",
        "with text behind",
        "with a byte behind",
        "of many members",
        "without its checksum",
    ],
)
@pytest.mark.parametrize("step", [1, 65536])
def test_incomplete_compressed_body_is_refused(packed: bytes, words: str, step: int) -> None:
    with pytest.raises(MalformedRequest, match=words):
        inflate("gzip", packed, step=step)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (b"", False),
        (b"gzip", True),
        (b"deflate, GZIP;q=0.5", True),
        (b"gzip;q=0", False),
        (b"*", True),
        (b"*;q=0, gzip", True),
        (b"br", False),
        (b"gzip;q=no", False),
    ],
)
def test_answer_is_compressed_on_request(header: bytes, wanted: bool) -> None:  # noqa: FBT001
    assert accepts_gzip(header) is wanted


def test_same_answer_is_compressed_to_the_same_bytes() -> None:
    assert compress(BODY) == compress(BODY)
    assert gzip.decompress(compress(BODY)) == BODY
