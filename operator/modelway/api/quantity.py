"""Amounts of CPU, memory and devices: read in every spelling a user may choose, kept in the one the API server keeps.

The canonical form is that of the Kubernetes API (resource.Quantity): no fraction, the largest suffix that leaves a whole number.
Two spellings of one amount become the same text, so they make the same revision and the same pod.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from modelway.api.base import CanonicalText

CPU_PATTERN = r"^([0-9]{1,3}([.][0-9]{1,3})?|[0-9]{1,6}m)$"
MEMORY_PATTERN = r"^[0-9]{1,14}([.][0-9]{1,3})?(Ki|Mi|Gi|Ti|k|M|G|T)?$"
COUNT_PATTERN = r"^[1-9][0-9]{0,8}$"
MOST_MEMORY = "64Ti"

_BINARY = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
_DECIMAL = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_NUMBER = re.compile(r"([0-9.]+)([A-Za-z]*)")


def cores(quantity: str) -> Fraction:
    """The number of CPU cores of a quantity that matches `CPU_PATTERN`."""
    number, suffix = _split(quantity)
    return number / 1000 if suffix == "m" else number


def byte_count(quantity: str) -> int:
    """The number of bytes of a quantity that matches `MEMORY_PATTERN`, a broken byte counted as a whole one."""
    number, suffix = _split(quantity)
    return math.ceil(number * (_BINARY | _DECIMAL | {"": 1})[suffix])


def canonical_cpu(quantity: str) -> str:
    """`1000m` as `1`, `0.5` as `500m`."""
    milli = int(cores(quantity) * 1000)
    return f"{milli}m" if milli % 1000 else f"{milli // 1000}"


def canonical_bytes(count: int) -> str:
    """1073741824 as `1Gi`, 1000000 as `1M`, 1025 as it is."""
    return _with_largest_suffix(count, _DECIMAL if count % 1024 else _BINARY)


def _split(quantity: str) -> tuple[Fraction, str]:
    match = _NUMBER.fullmatch(quantity)
    if match is None:
        raise ValueError(f"{quantity!r} is not a quantity")
    return Fraction(match[1]), match[2]


def _with_largest_suffix(count: int, suffixes: dict[str, int]) -> str:
    fitting = [(size, suffix) for suffix, size in suffixes.items() if count and count % size == 0]
    size, suffix = max(fitting, default=(1, ""))
    return f"{count // size}{suffix}"


@dataclass(frozen=True)
class Kind:
    """A kind of amount, with the same checks in Python and at the API server."""

    noun: str
    pattern: str
    forms: str
    example: str

    @property
    def unreadable(self) -> str:
        """The message on a text that is no such amount."""
        return f"is no amount of {self.noun}: write {self.forms}"

    @property
    def nothing(self) -> str:
        """The message on zero."""
        return f"must be more than nothing, for example {self.example}"

    def text_of(self, value: object) -> str:
        """The value as text.

        Raises:
            PydanticCustomError: it is no such amount, or zero.
        """
        if isinstance(value, float):
            raise PydanticCustomError("quantity", f'{self.unreadable}; here, put it in quotes: "{value}"')
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(text, str) or not re.fullmatch(self.pattern, text):
            raise PydanticCustomError("quantity", self.unreadable)
        if not text.strip("0.mKMGTik"):
            raise PydanticCustomError("quantity", self.nothing)
        return text


CPU = Kind("CPU", CPU_PATTERN, 'cores such as "2" or "0.5", or thousandths of a core such as 500m', "500m")
MEMORY = Kind("memory", MEMORY_PATTERN, "bytes with a suffix, such as 512Mi or 2Gi", "512Mi")
STORAGE = Kind("storage", MEMORY_PATTERN, "bytes with a suffix, such as 512Mi or 2Gi", "2Gi")
TOO_MUCH = f"must be at most {MOST_MEMORY}"


def _read_cpu(value: object) -> CanonicalText:
    text = CPU.text_of(value)
    return CanonicalText(canonical_cpu(text), text)


def _reader_of_bytes(kind: Kind) -> Callable[[object], CanonicalText]:
    def read(value: object) -> CanonicalText:
        text = kind.text_of(value)
        if byte_count(text) > byte_count(MOST_MEMORY):
            raise PydanticCustomError("quantity", TOO_MUCH)
        return CanonicalText(canonical_bytes(byte_count(text)), text)

    return read


Cpu = Annotated[str, PlainValidator(_read_cpu)]
"""An amount of CPU in canonical form, up to 999.999 cores."""

Memory = Annotated[str, PlainValidator(_reader_of_bytes(MEMORY))]
"""An amount of memory in canonical form, up to 64Ti."""

Storage = Annotated[str, PlainValidator(_reader_of_bytes(STORAGE))]
"""An amount of disk space in canonical form, up to 64Ti."""
