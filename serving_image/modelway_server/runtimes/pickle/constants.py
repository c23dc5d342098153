"""Opcodes that push a constant: numbers, text and bytes, as every protocol writes them.

Each takes the machine, the bytes and the place after the opcode, and gives the place after what it read.
"""

import pickle
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from modelway_server.runtimes.pickle.refusal import damaged

if TYPE_CHECKING:
    from modelway_server.runtimes.pickle.machine import Machine

Handler: TypeAlias = "Callable[[Machine, memoryview, int], int]"

_LINE = 100_000
"""Bytes of a line of protocol 0 that is no text."""
_FLOAT = struct.Struct(">d")


def line(data: memoryview, start: int, limit: int | None = _LINE) -> tuple[bytes, int]:
    """The bytes up to the next newline, and the place after it.

    Raises:
        InvalidArtifact: there is none, or the line is longer than the limit.
    """
    size = 256
    while True:
        stop = min(start + size, len(data))
        found = bytes(data[start:stop]).find(b"\n")
        if found >= 0:
            return bytes(data[start : start + found]), start + found + 1
        if stop == len(data) or (limit is not None and size > limit):
            raise damaged(f"byte {start}: a line without an end")
        size *= 8


def take(data: memoryview, start: int, length: int) -> tuple[memoryview, int]:
    """That many bytes, and the place after them.

    Raises:
        InvalidArtifact: the file ends before.
    """
    stop = start + length
    if stop > len(data):
        raise damaged(f"byte {start}: {length} bytes are said to follow, and {len(data) - start} do")
    return data[start:stop], stop


def _push(value: Any) -> Handler:
    def push(machine: "Machine", _: memoryview, position: int) -> int:
        machine.stack.append(value)
        return position

    return push


def _packed(width: int, convert: Callable[[memoryview], Any]) -> Handler:
    """A value of so many bytes."""

    def push(machine: "Machine", data: memoryview, position: int) -> int:
        stop = position + width
        if stop > len(data):
            raise damaged(f"byte {position}: the file ends")
        machine.stack.append(convert(data[position:stop]))
        return stop

    return push


def _counted(width: int, convert: Callable[[memoryview], Any]) -> Handler:
    """A value behind its length, which has so many bytes."""

    def push(machine: "Machine", data: memoryview, position: int) -> int:
        start = position + width
        stop = start + int.from_bytes(data[position:start], "little")
        if stop > len(data) or start > stop:
            raise damaged(f"byte {position}: {stop - start} bytes are said to follow, and {len(data) - start} do")
        machine.stack.append(convert(data[start:stop]))
        return stop

    return push


def _short_text(machine: "Machine", data: memoryview, position: int) -> int:
    """Text of up to 255 bytes, which nearly all text of a model is."""
    start = position + 1
    stop = start + data[position]
    if stop > len(data):
        raise damaged(f"byte {position}: the file ends")
    machine.stack.append(str(data[start:stop], "utf-8", "surrogatepass"))
    return stop


def _lined(convert: Callable[[bytes], Any], limit: int | None = _LINE) -> Handler:
    """A value on a line of its own."""

    def push(machine: "Machine", data: memoryview, position: int) -> int:
        text, stop = line(data, position, limit)
        machine.stack.append(convert(text))
        return stop

    return push


def _text(data: memoryview) -> str:
    return str(data, "utf-8", "surrogatepass")


def _ascii(data: memoryview) -> str:
    """Text of Python 2, read as Python 3 reads it unless it is told otherwise."""
    return str(data, "ascii")


def _unsigned(data: memoryview) -> int:
    return int.from_bytes(data, "little")


def _signed(data: memoryview) -> int:
    return int.from_bytes(data, "little", signed=True)


def _float(data: memoryview) -> float:
    return float(_FLOAT.unpack(data)[0])


def _int_line(text: bytes) -> int | bool:
    if text == pickle.FALSE[1:-1]:
        return False
    return True if text == pickle.TRUE[1:-1] else int(text, 0)


def _long_line(text: bytes) -> int:
    return int(text.removesuffix(b"L"), 0)


def _quoted(text: bytes) -> str:
    """STRING of protocol 0: the text as Python 2's repr writes it."""
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in b"\"'":
        raise damaged("a string without quotes")
    return str(text[1:-1].decode("unicode_escape").encode("latin-1"), "ascii")


def _escaped(text: bytes) -> str:
    return str(text, "raw-unicode-escape")


CONSTANTS: dict[bytes, Handler] = {
    pickle.NONE: _push(None),
    pickle.NEWTRUE: _push(True),  # noqa: FBT003  (a constant)
    pickle.NEWFALSE: _push(False),  # noqa: FBT003  (a constant)
    pickle.INT: _lined(_int_line),
    pickle.LONG: _lined(_long_line),
    pickle.FLOAT: _lined(float),
    pickle.STRING: _lined(_quoted, None),
    pickle.UNICODE: _lined(_escaped, None),
    pickle.BININT: _packed(4, _signed),
    pickle.BININT1: _packed(1, _unsigned),
    pickle.BININT2: _packed(2, _unsigned),
    pickle.BINFLOAT: _packed(8, _float),
    pickle.LONG1: _counted(1, _signed),
    pickle.LONG4: _counted(4, _signed),
    pickle.BINSTRING: _counted(4, _ascii),
    pickle.SHORT_BINSTRING: _counted(1, _ascii),
    pickle.BINUNICODE: _counted(4, _text),
    pickle.SHORT_BINUNICODE: _short_text,
    pickle.BINUNICODE8: _counted(8, _text),
    pickle.BINBYTES: _counted(4, bytes),
    pickle.SHORT_BINBYTES: _counted(1, bytes),
    pickle.BINBYTES8: _counted(8, bytes),
    pickle.BYTEARRAY8: _counted(8, bytearray),
}
