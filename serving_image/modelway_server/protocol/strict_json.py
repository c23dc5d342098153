"""JSON of the protocols: strict when read, always valid when written.

NaN, Infinity, numbers that overflow a double, lone surrogates, trailing text and nesting beyond 1,024 levels are
refused. Of members with the same name the last one counts, as in most parsers (RFC 8259, section 4). NaN and infinity
in answers become null.
"""

import json
from typing import Any

import orjson

from modelway_server.errors import MalformedRequest

_LONG = b"," + b"0" * 20
_LONG_BELOW_ZERO = b"-" + b"0" * 19
"""As many digits as 2**64 has, and -2**63, once `_SHAPES` has translated what they stand in."""
_SHAPES = bytes(
    ord("0" if chr(value) in "0123456789" else "," if chr(value) in ",:[ \t\r\n" else chr(value))
    for value in range(256)
)

_TYPE_NAMES: dict[type, str] = {str: "a string", list: "an array", dict: "an object"}


def parse_object(body: bytes, *, long_integers: bool = False) -> dict[str, Any]:
    """The request's JSON object.

    Args:
        body: of the request.
        long_integers: whether an integer of more than 64 bits stays one, which takes a look at every byte; else it
            becomes a float.

    Raises:
        MalformedRequest: the body is not JSON, or not an object.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(
            f"the body is not valid JSON: {error} (JSON has no NaN or Infinity; send null for a missing value)"
            if body
            else "the body is empty; send a JSON object"
        ) from error
    if long_integers and ((shape := body.translate(_SHAPES)).find(_LONG) >= 0 or _LONG_BELOW_ZERO in shape):
        document = _with_long_integers(body, document)
    if not isinstance(document, dict):
        raise MalformedRequest(f"the body must be a JSON object, it is {json_type(document)}")
    return document


def _with_long_integers(body: bytes, document: Any) -> Any:
    """The document with integers of more than 64 bits as such; orjson makes floats of them."""
    try:
        return json.loads(body)
    except RecursionError:  # it goes less deep than orjson, and deeper than any message does
        return document


def dumps(document: Any) -> bytes:
    """The document as JSON; numpy arrays are written directly, numbers that are not finite as null."""
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def json_type(value: Any) -> str:
    """The JSON type of a value, with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    return _TYPE_NAMES.get(type(value), "a value of no JSON type")
