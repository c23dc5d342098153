"""A value against a structural schema, as the API server judges it: nulls and defaults first, then types and bounds. Pure."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Any

from modelway.api.problems import PATTERNS
from modelway.api.schema import ANY_FIELDS, INT_OR_STRING, Schema
from modelway.errors import Problem

Matches = Callable[[str, str], bool]
"""Whether a text matches a pattern of RE2."""

KEYWORDS = frozenset(
    {
        "description",
        "type",
        "format",
        "enum",
        "default",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "properties",
        "required",
        "items",
        "additionalProperties",
        "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-validations",
        INT_OR_STRING,
        ANY_FIELDS,
    }
)
"""What a schema may hold to be judged here; `format` stands in status alone, which the API server does not read from a manifest."""

_NOUNS = {
    "object": "a mapping of fields to values",
    "array": "a list",
    "string": "text in quotes",
    "integer": "a whole number without quotes",
    "number": "a number without quotes",
    "boolean": "true or false",
}


def below(path: str, name: str | int) -> str:
    """The path of a field, or of an item, of what lies at `path`."""
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name


def complete(value: Any, schema: Schema) -> Any:
    """The value as the API server goes on with: fields that are null are gone, defaults are filled in."""
    if schema.get(ANY_FIELDS):
        return value
    if isinstance(value, Mapping):
        properties, rest = schema.get("properties", {}), schema.get("additionalProperties", {})
        present = {name: item for name, item in value.items() if item is not None}
        missing = {name: one["default"] for name, one in properties.items() if "default" in one and name not in present}
        return {name: complete(item, properties.get(name, rest)) for name, item in {**present, **missing}.items()}
    if isinstance(value, list):
        return [complete(item, schema.get("items", {})) for item in value]
    return value


def unknown_fields(value: Any, schema: Schema, path: str = "") -> Iterator[Problem]:
    """Fields that the schema does not know, also those that are null; with strict field validation they are refused."""
    if isinstance(value, Mapping):
        properties, rest = schema.get("properties"), schema.get("additionalProperties")
        for name, item in value.items():
            child = (properties or {}).get(name, rest)
            if child is not None:
                yield from unknown_fields(item, child, below(path, name))
            elif properties is not None:
                yield Problem(
                    below(path, name),
                    f"{name!r} is not a field of this version of Modelway: remove it or check its spelling",
                )
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown_fields(item, schema.get("items", {}), below(path, index))


def violations(value: Any, schema: Schema, matches: Matches, path: str = "") -> Iterator[Problem]:
    """What is wrong with the types and bounds of a completed value."""
    if not _has_type(value, schema):
        noun = "a whole number or text" if schema.get(INT_OR_STRING) else _NOUNS[schema["type"]]
        yield Problem(path, f"{format_value(value)} must be {noun}")
        return
    yield from (Problem(path, message) for message in _broken_bounds(value, schema, matches))
    if isinstance(value, Mapping):
        yield from _violations_of_fields(value, schema, matches, path)
    elif isinstance(value, list):
        yield from _twins(value, schema, path)
        for index, item in enumerate(value):
            yield from violations(item, schema["items"], matches, below(path, index))


def format_value(value: Any) -> str:
    """A value as a message quotes it."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _has_type(value: Any, schema: Schema) -> bool:
    if schema.get(INT_OR_STRING):
        return _is_number(value, int) or isinstance(value, str)
    kinds = {"object": Mapping, "array": list, "string": str, "boolean": bool}
    match schema.get("type"):
        case None:
            return True
        case "integer":
            return _is_number(value, int)
        case "number":
            return _is_number(value, int | float)
        case kind:
            return isinstance(value, kinds[kind])


def _is_number(value: Any, kind: type | UnionType) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _broken_bounds(value: Any, schema: Schema, matches: Matches) -> Iterator[str]:
    if "enum" in schema and value not in schema["enum"]:
        yield f"{format_value(value)} must be one of {', '.join(map(str, schema['enum']))}"
    if isinstance(value, str):
        yield from _broken_sizes(len(value), schema, "Length", "characters")
        if "pattern" in schema and not matches(value, schema["pattern"]):
            yield f"{format_value(value)} must be {PATTERNS.get(schema['pattern']) or schema.get('description')}"
    elif isinstance(value, list):
        yield from _broken_sizes(len(value), schema, "Items", "items")
    elif isinstance(value, Mapping):
        yield from _broken_sizes(len(value), schema, "Properties", "entries")
    elif _is_number(value, int | float):
        if value < schema.get("minimum", value):
            yield f"{value} must be at least {schema['minimum']}"
        if value > schema.get("maximum", value):
            yield f"{value} must be at most {schema['maximum']}"


def _broken_sizes(size: int, schema: Schema, suffix: str, noun: str) -> Iterator[str]:
    least, most = schema.get(f"min{suffix}", 0), schema.get(f"max{suffix}", size)
    if size < least:
        yield f"has {size} {noun} and needs at least {least}"
    if size > most:
        yield f"has {size} {noun}, more than {most}: make it smaller"


def _violations_of_fields(value: Mapping[str, Any], schema: Schema, matches: Matches, path: str) -> Iterator[Problem]:
    for name in schema.get("required", ()):
        if name not in value:
            yield Problem(below(path, name), "is missing and must be given")
    properties, rest = schema.get("properties", {}), schema.get("additionalProperties")
    for name, item in value.items():
        child = properties.get(name, rest)
        if child is not None:
            yield from violations(item, child, matches, below(path, name))


def _twins(items: Sequence[Any], schema: Schema, path: str) -> Iterator[Problem]:
    keys = schema.get("x-kubernetes-list-map-keys")
    if not keys:
        return
    identities: set[str] = set()
    for index, item in enumerate(items):
        identity = {key: item[key] for key in keys if key in item} if isinstance(item, Mapping) else {}
        text = json.dumps(identity)
        if text in identities and identity:
            names = " and ".join(f"{key} {value!r}" for key, value in identity.items())
            yield Problem(below(path, index), f"more than one entry has {names}: keep one of them")
        identities.add(text)
