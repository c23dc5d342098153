"""Explain the errors of pydantic to somebody who writes YAML."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from modelway.api.analysis import QUERY_PATTERN, WEBHOOK_PATTERN
from modelway.api.base import BROKEN_RULES
from modelway.api.duration import DURATION_PATTERN, PERCENT_PATTERN
from modelway.api.exposure import HOSTNAME_PATTERN, PATH_PATTERN
from modelway.api.fields import (
    BROKEN_KEY,
    CANDIDATE_NAME_PATTERN,
    DIGEST_PATTERN,
    DNS_SUBDOMAIN_PATTERN,
    ENV_NAME_PATTERN,
    HEADER_PATTERN,
    IMAGE_PATTERN,
    LABEL_KEY_PATTERN,
    LABEL_VALUE_PATTERN,
    TOLERANCE_PATTERN,
    TYPE_NAME_PATTERN,
    key_message,
)
from modelway.errors import Problem

_SHOWN_CHARACTERS = 80
_NUMBER = re.compile(r"\[\d+\]")
_NOUNS = {
    "string_type": "text in quotes",
    "int_type": "a whole number without quotes",
    "float_type": "a number without quotes",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of fields to values",
}

PATTERNS = {
    LABEL_VALUE_PATTERN: "letters, digits, '-', '_' and '.', with a letter or digit first and last, for example v7",
    LABEL_KEY_PATTERN: "the key of a label, for example team or example.com/team",
    HOSTNAME_PATTERN: "a host name in lower case, whose first part may be '*', for example models.example.com",
    PATH_PATTERN: "a path that begins with '/' and does not end with it, for example /fraud",
    DNS_SUBDOMAIN_PATTERN: "the name of an object: lower-case letters, digits, '-' and '.', for example s3-models",
    CANDIDATE_NAME_PATTERN: "lower-case letters, digits and '-', with a letter or digit first and last, for example small",
    ENV_NAME_PATTERN: "the name of a variable: letters, digits and '_', not beginning with a digit, for example HTTPS_PROXY",
    HEADER_PATTERN: "the name of a header: letters, digits, '-' and '_', for example x-user-id",
    DURATION_PATTERN: "a time in hours, minutes and seconds, for example 30s, 10m or 1h30m",
    PERCENT_PATTERN: 'a share above 0 with at most 3 decimals, for example "0.1%" or "10%"',
    QUERY_PATTERN: "a query of PromQL whose placeholders are those that docs/rollouts.md lists, for example $(revision)",
    WEBHOOK_PATTERN: "a web address in lower case without user, % and dots at the beginning of a part, for example https://checks.example.com/fraud",
    IMAGE_PATTERN: "the name of an image, for example registry.example.com/risk/server:7",
    DIGEST_PATTERN: "sha256: and 64 digits of 0-9 and a-f, as status and sha256sum show them",
    TOLERANCE_PATTERN: 'a decimal above 0 in quotes, for example "1e-5" or "0.001"',
    TYPE_NAME_PATTERN: "a dotted name of Python or all below a package, for example churn.features.Recency or churn.encoders.*",
}
"""What a text must be to match a pattern of the API."""


def problems_of(error: ValidationError, hints: Mapping[str, str] = MappingProxyType({})) -> list[Problem]:
    """One problem for each fault, in the order of the fields.

    Args:
        error: what pydantic found.
        hints: what to add to the message of a type of error.
    """
    details = error.errors(include_url=False)
    return [
        Problem(problem.field, problem.message + hints.get(detail["type"], ""))
        for detail in details
        if not _counts_broken_items(detail, details)
        for problem in _problems(detail)
    ]


def _counts_broken_items(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """Whether pydantic finds a list too short because it left out broken items, which have problems of their own."""
    place = detail["loc"]
    return detail["type"] == "too_short" and any(
        len(one["loc"]) > len(place) and one["loc"][: len(place)] == place for one in details
    )


def unknown_places(error: ValidationError) -> list[tuple[int | str, ...]]:
    """Where fields stand that no type of the API has."""
    return [detail["loc"] for detail in error.errors(include_url=False) if detail["type"] == "extra_forbidden"]


def name_of(place: tuple[int | str, ...]) -> str:
    """The name of a field in any object, with list items unnumbered: `spec.runtime.env[].note`."""
    return _NUMBER.sub("[]", _path(place))


def _problems(detail: ErrorDetails) -> Iterator[Problem]:
    if detail["type"] == BROKEN_KEY:
        *above, key, _ = detail["loc"]
        yield Problem(_path(tuple(above)), f"{_show(key)}: {key_message(str(above[-1]))}")
        return
    field = _path(detail["loc"])
    if detail["type"] != BROKEN_RULES:
        yield Problem(field, _message(detail))
        return
    for below, message in detail["ctx"]["broken"]:
        yield Problem(".".join(part for part in (field, below) if part), message)


def _message(detail: ErrorDetails) -> str:
    kind, context, value = detail["type"], detail.get("ctx", {}), _show(detail["input"])
    if kind in _NOUNS:
        return f"{value} must be {_NOUNS[kind]}"
    match kind:
        case "missing":
            message = "is missing and must be given"
        case "extra_forbidden":
            message = (
                f"{detail['loc'][-1]!r} is not a field of this version of Modelway: remove it or check its spelling"
            )
        case "literal_error":
            message = f"{value} must be one of {context['expected']}{_closest(detail['input'], context['expected'])}"
        case "string_pattern_mismatch":
            message = f"{value} must be {PATTERNS[context['pattern']]}"
        case "twins":
            message = detail["msg"]
        case _:
            message = f"{value} {detail['msg'].removeprefix('Input ')}"
    return message


def _closest(value: Any, expected: str) -> str:
    choices = [choice.strip("'") for choice in expected.replace(" or ", ", ").split(", ")]
    close = get_close_matches(str(value), choices, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path.lstrip(".")


def _show(value: Any) -> str:
    text = repr(value) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."
