"""Read protocol buffers field by field, without a definition of the message. Nothing is copied, nothing is built.

Source: "Encoding" of the Protocol Buffers documentation.
"""

from collections.abc import Iterator
from typing import Final

VARINT, BYTES = 0, 2
_FIXED: Final = {1: 8, 5: 4}

Field = tuple[int, memoryview | int]
"""The number of a field, and its bytes or its integer."""


class NotAMessage(ValueError):
    """The bytes are no message."""


def fields(message: memoryview) -> Iterator[Field]:
    """Yield the fields of a message in their order.

    Raises:
        NotAMessage: the bytes are no message.
    """
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == BYTES:
            length, place = _varint(message, place)
        elif kind in _FIXED:
            length = _FIXED[kind]
        else:
            raise NotAMessage(f"a field of the kind {kind}")
        if place + length > len(message):
            raise NotAMessage("its end is missing")
        yield number, message[place : place + length]
        place += length


def parts(message: memoryview, number: int) -> Iterator[memoryview]:
    """Yield the messages, texts or bytes in the fields of one number."""
    for field_number, value in fields(message):
        if field_number == number and isinstance(value, memoryview):
            yield value


def only(message: memoryview, number: int) -> memoryview:
    """Return the only message in the fields of a number; empty if there is none.

    Raises:
        NotAMessage: there are several, which readers would merge.
    """
    candidates = list(parts(message, number))
    if len(candidates) > 1:
        raise NotAMessage(f"a field {number} that is there twice")
    return candidates[0] if candidates else memoryview(b"")


def varints(message: memoryview, number: int) -> Iterator[int]:
    """Yield the integers in the fields of one number, packed or not."""
    for field_number, value in fields(message):
        if field_number != number:
            continue
        if isinstance(value, int):
            yield value
            continue
        place = 0
        while place < len(value):
            each, place = _varint(value, place)
            yield each


def text(message: memoryview, number: int) -> str:
    """Return the text in the last field of a number; empty if there is none."""
    last = ""
    for value in parts(message, number):
        last = bytes(value).decode(errors="replace")
    return last


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise NotAMessage("its end is missing")
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise NotAMessage("an integer that is too long")
