"""Kubernetes quantities ("250m", "1Gi", "1e3") as numbers. Pure."""

import math
import re
from fractions import Fraction

SUFFIXES = {
    "": Fraction(1),
    **{name: Fraction(1, 1000**power) for power, name in enumerate(("m", "u", "n"), start=1)},
    **{name: Fraction(1000**power) for power, name in enumerate(("k", "M", "G", "T", "P", "E"), start=1)},
    **{name: Fraction(1024**power) for power, name in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
}
PATTERN = re.compile(r"^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)$")


def parse(quantity: str | float) -> Fraction:
    """The value of `quantity`, exactly.

    Raises:
        ValueError: it is not a quantity.
    """
    match = PATTERN.match(str(quantity))
    if match is None or match[2] not in SUFFIXES:
        raise ValueError(f"{quantity!r} is not a quantity")
    return Fraction(match[1]) * SUFFIXES[match[2]]


def in_units(quantity: str | float, divisor: str | float) -> str:
    """`quantity` in units of `divisor`, rounded up, as the downward API shows it; a divisor of 0 stands for 1."""
    return str(math.ceil(parse(quantity) / (parse(divisor) or 1)))
