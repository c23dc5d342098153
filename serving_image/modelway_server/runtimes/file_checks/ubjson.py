"""Read UBJSON as XGBoost writes it, strictly: anything that its writer does not write is refused.

Source: "Universal Binary JSON", draft 12, and `UBJReader` of XGBoost.
"""

from typing import Any, Final

import numpy as np

from modelway_server.runtimes.file_checks.clauses import Disagreement, hold

MAX_DEPTH: Final = 32
_DTYPES: Final = {
    kind: np.dtype(form)
    for kind, form in zip(b"iUIlLdD", (">i1", ">u1", ">i2", ">i4", ">i8", ">f4", ">f8"), strict=True)
}
_SIZES: Final = {kind: _DTYPES[kind].itemsize for kind in b"iUIlL"}
_CONSTANTS: Final = {ord("T"): True, ord("F"): False, ord("Z"): None}


def read(content: bytes) -> Any:
    """Read the value of a whole document. Typed arrays become arrays of numpy, in the byte order of the file.

    Raises:
        Disagreement: the document is cut off, or is no UBJSON.
    """
    reader = _Reader(content)
    value = reader.value(reader.kind(), 0)
    hold(reader.at == len(content), "there is more behind its end")
    return value


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def kind(self) -> int:
        """Read the next mark."""
        return self._take(1)[0]

    def value(self, kind: int, depth: int) -> Any:
        """Read a value after its mark."""
        hold(depth <= MAX_DEPTH, "it nests too deep")
        if kind == ord("{"):
            return self._object(depth)
        if kind == ord("["):
            return self._array(depth)
        if kind == ord("S"):
            return self._text(self.kind())
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        return self._numbers(kind, 1)[0].item()

    def _take(self, count: int) -> bytes:
        start, self.at = self.at, self.at + count
        if self.at > len(self.content):
            raise Disagreement("its end is missing")
        return self.content[start : self.at]

    def _object(self, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while (kind := self.kind()) != ord("}"):
            key = self._text(kind)
            if key in members:
                raise Disagreement(f"it says {key[:50]!r} twice")
            members[key] = self.value(self.kind(), depth + 1)
        return members

    def _array(self, depth: int) -> Any:
        kind = self.kind()
        if kind == ord("$"):
            of = self.kind()
            hold(self.kind() == ord("#"), "an array without a length")
            return self._numbers(of, self._length(self.kind()))
        if kind == ord("#"):
            return [self.value(self.kind(), depth + 1) for _ in range(self._length(self.kind()))]
        items = []
        while kind != ord("]"):
            items.append(self.value(kind, depth + 1))
            kind = self.kind()
        return items

    def _text(self, kind: int) -> str:
        try:
            return self._take(self._length(kind)).decode()
        except UnicodeDecodeError as error:
            raise Disagreement("a text is no UTF-8") from error

    def _length(self, kind: int) -> int:
        if kind not in _SIZES:
            raise Disagreement("a length is no whole number")
        length = int.from_bytes(self._take(_SIZES[kind]), signed=kind != ord("U"))
        if not 0 <= length <= len(self.content) - self.at:
            raise Disagreement("its end is missing")
        return length

    def _numbers(self, kind: int, count: int) -> Any:
        if kind not in _DTYPES:
            raise Disagreement(f"a value is of no kind that XGBoost writes, {chr(kind)!r}")
        dtype = _DTYPES[kind]
        return np.frombuffer(self._take(count * dtype.itemsize), dtype)
