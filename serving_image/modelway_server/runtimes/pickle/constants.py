"""Handle opcodes that push a constant: numbers, text and bytes of every protocol.

A handler takes the machine, the bytes and the position after the opcode, and returns the position after its operand.
"""

import pickle
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from modelway_server.runtimes.pickle.refusal import damage, of_python_2

if TYPE_CHECKING:
    from modelway_server.runtimes.pickle.machine import Machine

Handler: TypeAlias = "Callable[[Machine, memoryview, int], int]"

_LINE = 100_000
"""The most bytes of a line of protocol 0 that is no text."""
_FLOAT = struct.Struct(">d")


def line(data: memoryview, start: int, limit: int | None = _LINE) -> tuple[bytes, int]:
    """Return the bytes up to the next newline, and the position after it.

    Raises:
        InvalidArtifact: there is no newline, or the line is longer than the limit.
    """
    size = 256
    while True:
        stop = min(start + size, len(data))
        length = bytes(data[start:stop]).find(b"\n")
        if length >= 0:
            return bytes(data[start : start + length]), start + length + 1
        if stop == len(data) or (limit is not None and size > limit):
            raise damage(f"byte {start}: a line without an end")
        size *= 8


def take(data: memoryview, start: int, length: int) -> tuple[memoryview, int]:
    """Return that many bytes, and the position after them.

    Raises:
        InvalidArtifact: the file ends before.
    """
    stop = start + length
    if stop > len(data):
        raise damage(f"byte {start}: {length} bytes are said to follow, and {len(data) - start} do")
    return data[start:stop], stop


def _push(value: Any) -> Handler:
    def push(machine: "Machine", _: memoryview, position: int) -> int:
        machine.stack.append(value)
        return position

    return push


def _push_packed(width: int, convert: Callable[[memoryview], Any]) -> Handler:
    """Return a handler for a value of so many bytes."""

    def push(machine: "Machine", data: memoryview, position: int) -> int:
        stop = position + width
        if stop > len(data):
            raise damage(f"byte {position}: the file ends")
        machine.stack.append(convert(data[position:stop]))
        return stop

    return push


def _push_counted(width: int, convert: Callable[[memoryview], Any]) -> Handler:
    """Return a handler for a value after its length, which has so many bytes."""

    def push(machine: "Machine", data: memoryview, position: int) -> int:
        start = position + width
        stop = start + int.from_bytes(data[position:start], "little")
        if stop > len(data) or start > stop:
            raise damage(f"byte {position}: {stop - start} bytes are said to follow, and {len(data) - start} do")
        machine.stack.append(convert(data[start:stop]))
        return stop

    return push


def _push_short_text(machine: "Machine", data: memoryview, position: int) -> int:
    """Push text of up to 255 bytes. Nearly all text of a model is this short."""
    start = position + 1
    stop = start + data[position]
    if stop > len(data):
        raise damage(f"byte {position}: the file ends")
    machine.stack.append(str(data[start:stop], "utf-8", "surrogatepass"))
    return stop


def _push_line(convert: Callable[[bytes], Any], limit: int | None = _LINE) -> Handler:
    """Return a handler for a value on a line of its own."""

    def push(machine: "Machine", data: memoryview, position: int) -> int:
        text, stop = line(data, position, limit)
        machine.stack.append(convert(text))
        return stop

    return push


def _decode_text(data: memoryview) -> str:
    return str(data, "utf-8", "surrogatepass")


def _decode_ascii(data: memoryview) -> str:
    """Decode text of Python 2 as Python 3 does by default.

    Raises:
        InvalidArtifact: it is not ASCII.
    """
    try:
        return str(data, "ascii")
    except UnicodeDecodeError as error:
        raise of_python_2() from error


def _parse_unsigned(data: memoryview) -> int:
    return int.from_bytes(data, "little")


def _parse_signed(data: memoryview) -> int:
    return int.from_bytes(data, "little", signed=True)


def _parse_float(data: memoryview) -> float:
    return float(_FLOAT.unpack(data)[0])


def _parse_int_line(text: bytes) -> int | bool:
    if text == pickle.FALSE[1:-1]:
        return False
    return True if text == pickle.TRUE[1:-1] else int(text, 0)


def _parse_long_line(text: bytes) -> int:
    return int(text.removesuffix(b"L"), 0)


def _parse_quoted(text: bytes) -> str:
    """Parse STRING of protocol 0: text as Python 2's repr writes it."""
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in b"\"'":
        raise damage("a string without quotes")
    return _decode_ascii(memoryview(text[1:-1].decode("unicode_escape").encode("latin-1")))


def _parse_escaped(text: bytes) -> str:
    return str(text, "raw-unicode-escape")


CONSTANTS: dict[bytes, Handler] = {
    pickle.NONE: _push(None),
    pickle.NEWTRUE: _push(True),  # noqa: FBT003  (a constant)
    pickle.NEWFALSE: _push(False),  # noqa: FBT003  (a constant)
    pickle.INT: _push_line(_parse_int_line),
    pickle.LONG: _push_line(_parse_long_line),
    pickle.FLOAT: _push_line(float),
    pickle.STRING: _push_line(_parse_quoted, None),
    pickle.UNICODE: _push_line(_parse_escaped, None),
    pickle.BININT: _push_packed(4, _parse_signed),
    pickle.BININT1: _push_packed(1, _parse_unsigned),
    pickle.BININT2: _push_packed(2, _parse_unsigned),
    pickle.BINFLOAT: _push_packed(8, _parse_float),
    pickle.LONG1: _push_counted(1, _parse_signed),
    pickle.LONG4: _push_counted(4, _parse_signed),
    pickle.BINSTRING: _push_counted(4, _decode_ascii),
    pickle.SHORT_BINSTRING: _push_counted(1, _decode_ascii),
    pickle.BINUNICODE: _push_counted(4, _decode_text),
    pickle.SHORT_BINUNICODE: _push_short_text,
    pickle.BINUNICODE8: _push_counted(8, _decode_text),
    pickle.BINBYTES: _push_counted(4, bytes),
    pickle.SHORT_BINBYTES: _push_counted(1, bytes),
    pickle.BINBYTES8: _push_counted(8, bytes),
    pickle.BYTEARRAY8: _push_counted(8, bytearray),
}
