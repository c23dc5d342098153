"""Values of options on a command line: each as what it stands for, or refused with what the option takes."""

import argparse
import math
import re
from typing import Final

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
MAX_PORT: Final = 2**16 - 1


def positive(text: str) -> float:
    """A finite number above 0.

    Raises:
        ArgumentTypeError: it is not one.
    """
    number = _number(text)
    if number is None or number <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def not_negative(text: str) -> float:
    """A finite number of 0 or more.

    Raises:
        ArgumentTypeError: it is not one.
    """
    number = _number(text)
    if number is None or number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 0 or more")
    return number


def positive_int(text: str) -> int:
    """A whole number above 0.

    Raises:
        ArgumentTypeError: it is not one.
    """
    number = _whole(text)
    if number is None or number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return number


def port(text: str) -> int:
    """A port of TCP, or 0 for a free one.

    Raises:
        ArgumentTypeError: it is not one.
    """
    number = _whole(text)
    if number is None or not 0 <= number <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 1 to {MAX_PORT}, or 0 for a free one")
    return number


def names(text: str) -> tuple[str, ...]:
    """Names between commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _whole(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text.strip()) else None
