"""Plain YAML scalars as kubectl reads them.

kubectl turns YAML into JSON by sigs.k8s.io/yaml, which follows YAML 1.1 as Go reads it: `1e3` is a number, `0777` is octal, `2.0` is sent as
`2`, a date stays text. PyYAML's own resolver differs in each of these.
"""

import math
import re
from collections.abc import Callable
from typing import Any

import yaml

_TAG = "tag:yaml.org,2002:"
NULL, BOOL, INT, FLOAT, STRING, MERGE = (f"{_TAG}{name}" for name in ("null", "bool", "int", "float", "str", "merge"))

_NULL = ("", "~", "null", "Null", "NULL")
_TRUE = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_INT = r"[-+]?(?:0|[1-9][0-9_]*|0_*[0-7][0-7_]*|0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+)"
_FLOAT = (
    r"[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_LARGEST_WHOLE_FLOAT = 1e21
"""From here on Go writes a number with an exponent."""


class Resolver(yaml.resolver.BaseResolver):
    """Gives each plain scalar the tag that kubectl gives it."""


for _tag, _pattern, _first in (
    (NULL, "|".join(_NULL), ["~", "n", "N", ""]),
    (BOOL, "|".join((*_TRUE, *_FALSE)), list("yYnNtTfFoO")),
    (INT, _INT, list("-+0123456789")),
    (FLOAT, _FLOAT, list("-+0123456789.")),
    (MERGE, "<<", ["<"]),
):
    Resolver.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), _first)


def value_of(tag: str, text: str) -> Any:
    """The JSON value of a scalar; text of a tag that JSON has no kind for stays text.

    Raises:
        ValueError: a number that JSON cannot say: infinity, or what is not a number.
    """
    convert = _CONVERSIONS.get(tag)
    return convert(text) if convert else _text(text)


def _text(text: str) -> str:
    """Pairs of surrogates, as JSON escapes them, become one character; a lone one becomes the sign for a broken character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _whole(text: str) -> int | float | str:
    plain = text.replace("_", "")
    digits = plain.lstrip("+-")
    octal = re.fullmatch(r"0[0-7]+", digits) is not None
    number = int(digits, 8) if octal else int(digits, 0)
    signed = -number if plain.startswith("-") else number
    if -(1 << 63) <= signed < 1 << 63:
        return signed
    # Go reads what does not fit in 64 bits as a floating point number, if it is decimal, and else as text.
    return _parse_special(text) if digits.isdecimal() and not octal else text


def _parse_special(text: str) -> int | float | str:
    if text.lstrip("+-").lower() in {".inf", ".nan"}:
        raise ValueError(f"{text} is not a number that JSON knows: write a finite one")
    number = float(text.replace("_", ""))
    if not math.isfinite(number):
        return text
    return int(number) if number.is_integer() and abs(number) < _LARGEST_WHOLE_FLOAT else number


def _nothing(text: str) -> None:
    if text not in _NULL:
        raise ValueError(f"{text} is not null")


def _truth(text: str) -> bool:
    if text not in (*_TRUE, *_FALSE):
        raise ValueError(f"{text} is not true or false")
    return text in _TRUE


_CONVERSIONS: dict[str, Callable[[str], Any]] = {
    NULL: _nothing,
    BOOL: _truth,
    INT: _whole,
    FLOAT: _parse_special,
    STRING: _text,
}
