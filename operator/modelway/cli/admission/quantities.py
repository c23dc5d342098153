"""Quantities in CEL as Kubernetes adds them: `quantity("500m").compareTo(quantity("1"))` (Kubernetes documentation, "CEL in Kubernetes")."""

import re
from fractions import Fraction

_SUFFIXES = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    **{suffix: Fraction(1000**power) for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Fraction(1024**power) for power, suffix in enumerate("KMGTPE", start=1)},
}
_QUANTITY = re.compile(
    r"([-+]?(?:[0-9]+(?:[.][0-9]*)?|[.][0-9]+))(?:([eE][-+]?[0-9]{1,2})|(n|u|m|k|[MGTPE]|[KMGTPE]i)?)"
)


def is_quantity(text: str) -> bool:
    """Whether Kubernetes can read the text as an amount."""
    return _QUANTITY.fullmatch(text) is not None


def amount(text: str) -> Fraction:
    """The amount that a quantity says.

    Raises:
        ValueError: it says none.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} is not a quantity")
    number, exponent, suffix = match.groups()
    return Fraction(number) * (Fraction(f"1{exponent}") if exponent else _SUFFIXES[suffix or ""])


def compare(left: str, right: str) -> int:
    """-1, 0 or 1: how two quantities compare."""
    difference = amount(left) - amount(right)
    return (difference > 0) - (difference < 0)
