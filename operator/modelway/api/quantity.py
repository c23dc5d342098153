"""Amounts of CPU and memory: read in every spelling a user may choose, kept in the one the API server keeps.

The canonical form is that of the Kubernetes API (resource.Quantity): no fraction, the largest suffix that leaves a whole number.
Two spellings of one amount become the same text, so they make the same revision and the same pod.
"""

import math
import re
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

CPU_PATTERN = r"^([0-9]{1,6}(\.[0-9]{1,3})?|[0-9]{1,9}m)$"
MEMORY_PATTERN = r"^[0-9]{1,15}(\.[0-9]{1,3})?(Ki|Mi|Gi|Ti|k|M|G|T)?$"

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
    """`1000m` as `1`, `0.5` as `500m`, `2000` as `2k`."""
    milli = int(cores(quantity) * 1000)
    if milli % 1000:
        return f"{milli}m"
    return _with_largest_suffix(milli // 1000, _DECIMAL)


def canonical_bytes(count: int) -> str:
    """1073741824 as `1Gi`, 1000000 as `1M`, 1025 as it is."""
    return _with_largest_suffix(count, _DECIMAL if count % 1024 else _BINARY)


def _split(quantity: str) -> tuple[Fraction, str]:
    found = _NUMBER.fullmatch(quantity)
    if found is None:
        raise ValueError(f"{quantity!r} is not a quantity")
    return Fraction(found[1]), found[2]


def _with_largest_suffix(count: int, suffixes: dict[str, int]) -> str:
    fitting = [(size, suffix) for suffix, size in suffixes.items() if count and count % size == 0]
    size, suffix = max(fitting, default=(1, ""))
    return f"{count // size}{suffix}"


def _read_cpu(value: object) -> str:
    text = _text_of(value, CPU_PATTERN, "CPU", 'cores such as "2" or "0.5", or thousandths of a core such as 500m')
    return canonical_cpu(text)


def _read_memory(value: object) -> str:
    text = _text_of(value, MEMORY_PATTERN, "memory", "bytes with a suffix, such as 512Mi or 2Gi")
    return canonical_bytes(byte_count(text))


def _text_of(value: object, pattern: str, noun: str, forms: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII):
        return value
    hint = f'; write it in quotes: "{value}"' if isinstance(value, float) else ""
    raise PydanticCustomError("quantity", f"is no amount of {noun}: write {forms}{hint}")


def _quantity_schema(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"x-kubernetes-int-or-string": True, "pattern": pattern, "maxLength": 24})


Cpu = Annotated[str, BeforeValidator(_read_cpu), _quantity_schema(CPU_PATTERN)]
"""An amount of CPU in canonical form."""

Memory = Annotated[str, BeforeValidator(_read_memory), _quantity_schema(MEMORY_PATTERN)]
"""An amount of memory in canonical form."""
