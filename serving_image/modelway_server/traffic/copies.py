"""Copies of requests as bytes, on their way from a worker to the process that sends them.

Whoever reads them does not trust the worker: each length is checked against what is there, and nothing is run.
A frame has a head of one size, and then what the head gives the lengths of.
"""

import math
import os
import re
import struct
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NamedTuple

from modelway_server.traffic.incoming import FORWARDED

LONGEST_LATE_SECONDS: Final = 3600.0
OVERHEAD_BYTES: Final = 2048
"""That a copy takes beside what came with it."""
_HEAD: Final = struct.Struct("<dddd??BIIIQQ")
"""Four times; two marks; the lengths of id, target, headers, headers of the answer, body and answer."""
_FIELD: Final = struct.Struct("<BI")
_NAMES: Final = tuple(sorted(FORWARDED))
_PLACES: Final = {name: place for place, name in enumerate(_NAMES)}
_TARGET: Final = re.compile(rb"[\x21-\x7e\x80-\xff]+")

_Read = Callable[[int, int], bytes]
"""Gives so many bytes from a place on, or those that there are."""


class BadCopy(ValueError):
    """Bytes that are no copies."""


class Copy(NamedTuple):
    """A request that the stable model has answered.

    Attributes:
        answered: when, on the monotonic clock of the machine.
        seconds: that it took.
        late_seconds: nobody waits longer for the candidate.
        slow_seconds: an answer that takes longer is slow; None where that is not known.
        is_v2: whether its answer is one of V2, in place of JSON with an entry a row.
        gives_amounts: whether integers in answers are amounts, and no labels.
        rollout: its id.
        target: path and query of the request.
        headers: that go on to the candidate, names in lower case.
        own_headers: of the stable answer, as far as they say how to read it.
        body: of the request.
        own: body of the stable answer.
    """

    answered: float
    seconds: float
    late_seconds: float
    slow_seconds: float | None
    is_v2: bool
    gives_amounts: bool
    rollout: str
    target: bytes
    headers: Mapping[bytes, bytes]
    own_headers: Mapping[bytes, bytes]
    body: bytes
    own: bytes

    @property
    def size(self) -> int:
        """Bytes that it holds, with what keeps it."""
        values = (*self.headers.values(), *self.own_headers.values())
        return len(self.body) + len(self.own) + len(self.target) + sum(map(len, values)) + OVERHEAD_BYTES


def pack(copy: Copy) -> list[bytes]:
    """A frame, in parts; headers that neither go on nor say how to read the answer are left out."""
    rollout, headers, own_headers = copy.rollout.encode(), _pack_fields(copy.headers), _pack_fields(copy.own_headers)
    head = _HEAD.pack(
        copy.answered,
        copy.seconds,
        copy.late_seconds,
        math.nan if copy.slow_seconds is None else copy.slow_seconds,
        copy.is_v2,
        copy.gives_amounts,
        len(rollout),
        len(copy.target),
        len(headers),
        len(own_headers),
        len(copy.body),
        len(copy.own),
    )
    return [head, rollout, copy.target, headers, own_headers, copy.body, copy.own]


def unpack(content: bytes) -> list[Copy]:
    """The copies in some frames.

    Raises:
        BadCopy: they are none.
    """
    copies, view, place = [], memoryview(content), 0
    while place < len(view):
        copy, place = _unpack(lambda length, place: bytes(view[place : place + length]), place, len(view))
        copies.append(copy)
    return copies


def unpack_file(file: int, size: int) -> Copy:
    """The one copy in a file. Each byte is read once, so that it cannot change after it was checked.

    Raises:
        BadCopy: it is none.
    """
    copy, end = _unpack(partial(os.pread, file), 0, size)
    if end != size:
        raise BadCopy(f"{size - end} bytes follow a copy in a file")
    return copy


def _unpack(read: _Read, place: int, size: int) -> tuple[Copy, int]:
    """The copy that begins at a place of so many bytes, and the place behind it."""
    try:
        answered, seconds, late, slow, is_v2, gives_amounts, *lengths = _HEAD.unpack(read(_HEAD.size, place))
    except struct.error:
        raise BadCopy("a head is cut off") from None
    place += _HEAD.size
    parts = []
    for length in lengths:
        if length > size - place:
            raise BadCopy(f"{length} bytes are said to follow, and {size - place} do")
        parts.append(read(length, place))
        place += length
        if len(parts[-1]) < length:
            raise BadCopy("a file became smaller")
    rollout, target, headers, own_headers, body, own = parts
    if not (0 <= late <= LONGEST_LATE_SECONDS and math.isfinite(answered) and math.isfinite(seconds)):
        raise BadCopy("a time is none")
    if not rollout.isascii() or not _TARGET.fullmatch(target):
        raise BadCopy("the id or the target is none")
    copy = Copy(
        answered,
        seconds,
        late,
        None if math.isnan(slow) else slow,
        is_v2,
        gives_amounts,
        rollout.decode(),
        target,
        _unpack_fields(headers),
        _unpack_fields(own_headers),
        body,
        own,
    )
    return copy, place


def _pack_fields(headers: Mapping[bytes, bytes]) -> bytes:
    known = [(_PLACES[name], value) for name, value in headers.items() if name in _PLACES]
    return b"".join([part for place, value in known for part in (_FIELD.pack(place, len(value)), value)])


def _unpack_fields(content: bytes) -> dict[bytes, bytes]:
    headers, place = {}, 0
    while place < len(content):
        try:
            number, length = _FIELD.unpack_from(content, place)
            name = _NAMES[number]
        except (struct.error, IndexError):
            raise BadCopy("a header is none") from None
        place += _FIELD.size
        if length > len(content) - place:
            raise BadCopy("a header is cut off")
        headers[name] = content[place : place + length]
        place += length
    return headers
