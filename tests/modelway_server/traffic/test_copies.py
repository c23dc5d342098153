"""Copies as bytes, which their reader does not believe."""

import math
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway_server.traffic.copies import BadCopy, Copy, pack, unpack, unpack_file
from modelway_server.traffic.incoming import FORWARDED

COPY = Copy(
    answered=10.0,
    seconds=0.25,
    late_seconds=1.0,
    slow_seconds=0.5,
    is_v2=True,
    gives_amounts=False,
    rollout="w-1",
    target=b"/v2/models/m/infer",
    headers={b"content-type": b"application/json", b"traceparent": b"00-1"},
    own_headers={b"inference-header-content-length": b"12"},
    body=b'{"inputs": []}',
    own=b'{"outputs": []}',
)


def frame(copy: Copy) -> bytes:
    return b"".join(pack(copy))


@given(
    st.lists(
        st.builds(
            COPY._replace,
            slow_seconds=st.none() | st.floats(0, 100),
            is_v2=st.booleans(),
            headers=st.dictionaries(st.sampled_from(sorted(FORWARDED)), st.binary(max_size=50)),
            body=st.binary(max_size=200),
            own=st.binary(max_size=200),
        ),
        max_size=4,
    )
)
def test_copies_come_out_as_they_went_in(copies: list[Copy]) -> None:
    assert unpack(b"".join(map(frame, copies))) == copies


def test_copy_in_a_file_comes_out_as_it_went_in(tmp_path: Path) -> None:
    copy = COPY._replace(body=b"a" * 100_000, own=b"b" * 200_000)
    path = tmp_path / "copy"
    path.write_bytes(frame(copy))
    with path.open("rb") as file:
        assert unpack_file(file.fileno(), path.stat().st_size) == copy
        for size in (path.stat().st_size - 1, path.stat().st_size + 1, 0):
            with pytest.raises(BadCopy):
                unpack_file(file.fileno(), size)


def test_size_of_a_copy_is_no_less_than_what_came_with_it() -> None:
    copy = COPY._replace(target=b"/" * 5_000, headers={b"traceparent": b"1" * 7_000})
    assert copy.size >= len(frame(copy))


def test_header_that_says_nothing_of_the_answer_stays_behind() -> None:
    copy = COPY._replace(headers={b"authorization": b"secret", b"content-type": b"text/csv"})
    assert b"secret" not in frame(copy)
    assert unpack(frame(copy))[0].headers == {b"content-type": b"text/csv"}


@pytest.mark.parametrize("length", range(1, len(frame(COPY)), 7))
def test_frame_that_is_cut_off_is_no_copy(length: int) -> None:
    with pytest.raises(BadCopy):
        unpack(frame(COPY)[:length])


@pytest.mark.parametrize(
    "change",
    [
        {"answered": math.nan},
        {"seconds": math.inf},
        {"late_seconds": math.nan},
        {"late_seconds": -1.0},
        {"late_seconds": 1e9},
        {"target": b""},
        {"target": b"/a HTTP/1.1\r\nhost: b\r\n\r\n"},
        {"rollout": "w-\N{BLACK STAR}"},
    ],
)
def test_value_that_no_worker_sends_is_no_copy(change: dict[str, object]) -> None:
    with pytest.raises(BadCopy):
        unpack(frame(COPY._replace(**change)))  # type: ignore[arg-type]


@pytest.mark.parametrize("field", [b"\xff\x01\x00\x00\x00x", b"\x00\xff\xff\xff\xffx", b"\x00\x01"])
def test_header_that_is_none_is_no_copy(field: bytes) -> None:
    head, rollout, target, _, *rest = pack(COPY)
    place = len(head) - struct.calcsize("<IIQQ")
    head = head[:place] + struct.pack("<I", len(field)) + head[place + 4 :]
    with pytest.raises(BadCopy):
        unpack(b"".join((head, rollout, target, field, *rest)))


@given(st.binary(max_size=400))
def test_bytes_of_any_kind_are_refused_or_read(content: bytes) -> None:
    with suppress(BadCopy):
        assert all(isinstance(each, Copy) for each in unpack(content))
