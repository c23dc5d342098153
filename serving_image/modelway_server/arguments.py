"""Values of command-line options: each is read, or refused with what the option takes."""

import argparse
import math
import re
from collections.abc import Callable
from typing import Final, TypeVar

N = TypeVar("N", int, float)
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
MAX_PORT: Final = 2**16 - 1


def number(kind: Callable[[str], N], accepts: Callable[[N], bool], expected: str) -> Callable[[str], N]:
    """A reader of numbers for argparse.

    Args:
        kind: float for any finite number, int for whole ones.
        accepts: whether the option takes a number.
        expected: what the option takes, for the refusal: `a number above 0`.
    """

    def read(text: str) -> N:
        if kind is not int or _WHOLE.fullmatch(text.strip()):
            try:
                value = kind(text)
            except ValueError:
                pass
            else:
                if math.isfinite(value) and accepts(value):
                    return value
        raise argparse.ArgumentTypeError(f"{text!r} is no {expected}")

    return read


def matching(pattern: str, expected: str) -> Callable[[str], str]:
    """A reader of texts for argparse.

    Args:
        pattern: what the whole text must match.
        expected: what the option takes, for the refusal: `digest: sha256: and ...`.
    """

    def read(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise argparse.ArgumentTypeError(f"{text!r} is no {expected}")
        return text

    return read


positive: Final = number(float, lambda value: value > 0, "number above 0")
not_negative: Final = number(float, lambda value: value >= 0, "number of 0 or more")
positive_int: Final = number(int, lambda value: value > 0, "whole number above 0")
port: Final = number(int, lambda value: 0 <= value <= MAX_PORT, f"port: 1 to {MAX_PORT}, or 0 for a free one")


def names(text: str) -> tuple[str, ...]:
    """Names between commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
