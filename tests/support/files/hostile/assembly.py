"""Pickles put together opcode by opcode, and honest objects with such pieces inside them.

Source: `pickletools.opcodes` of Python.
"""

import io
import pickle
import struct
from typing import Any, ClassVar

MARK_OPCODE = b"("
STOP = b"."


def name(module: str, qualname: str) -> bytes:
    """GLOBAL: what a module holds under a name."""
    return b"c" + module.encode() + b"\n" + qualname.encode() + b"\n"


def stack_name(module: str, qualname: str) -> bytes:
    """STACK_GLOBAL: the same from two strings."""
    return value(module) + value(qualname) + b"\x93"


def pickled_name(module: str, qualname: str) -> bytes:
    """A whole pickle: one look-up of a name in a module."""
    return b"\x80\x04" + stack_name(module, qualname) + STOP


def value(thing: Any) -> bytes:
    """A constant, a container of such, or opcodes as they are."""
    if isinstance(thing, bytes):
        return thing
    if isinstance(thing, Blob):
        return b"B" + struct.pack("<I", len(thing.content)) + thing.content
    if isinstance(thing, tuple):
        return MARK_OPCODE + b"".join(map(value, thing)) + b"t"
    if isinstance(thing, list):
        return b"]" + MARK_OPCODE + b"".join(map(value, thing)) + b"e"
    if isinstance(thing, dict):
        return b"}" + MARK_OPCODE + b"".join(value(key) + value(item) for key, item in thing.items()) + b"u"
    return pickle.dumps(thing, 2)[2:-1]


TRUE, FALSE = b"\x88", b"\x89"


class Blob:
    """Bytes that are data, not opcodes."""

    def __init__(self, content: bytes) -> None:
        self.content = content


def call(function: bytes, *arguments: Any) -> bytes:
    """REDUCE: the result of a call."""
    return function + value(arguments) + b"R"


def new(kind: bytes, *arguments: Any) -> bytes:
    """NEWOBJ: `kind.__new__(kind, *arguments)`."""
    return kind + value(arguments) + b"\x81"


def build(thing: bytes, state: Any) -> bytes:
    """BUILD: the thing with a state."""
    return thing + value(state) + b"b"


def program(*opcodes: bytes, protocol: int = 4) -> bytes:
    """A whole pickle."""
    return b"\x80" + bytes([protocol]) + b"".join(opcodes) + STOP


class Piece:
    """Stands for opcodes inside an object that is otherwise pickled as usual."""

    def __init__(self, opcodes: bytes) -> None:
        self.opcodes = opcodes


_PICKLER: Any = pickle._Pickler


class _Writer(_PICKLER):  # type: ignore[misc]  # pickle's own writer in Python
    dispatch: ClassVar[dict[Any, Any]] = dict(_PICKLER.dispatch)

    def save_piece(self, piece: Piece) -> None:
        self.framer.commit_frame(force=True)
        self.write(piece.opcodes)

    dispatch[Piece] = save_piece


def assemble(thing: Any, protocol: int = 3) -> bytes:
    """An object with `Piece`s in it."""
    file = io.BytesIO()
    _Writer(file, protocol).dump(thing)
    return file.getvalue()
