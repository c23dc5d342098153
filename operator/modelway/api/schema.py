"""Convert types to structural schemas: the part of JSON Schema that the API server accepts, and no more.

The rules come from the Kubernetes documentation of CustomResourceDefinitions ("Specifying a structural schema", "Defaulting", "Validation
rules"). Beyond them, every field must be described and bounded, every list must say how it is merged, and no item of a list has defaults.
"""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from modelway.errors import InexpressibleSchema

Schema = dict[str, Any]

INT_OR_STRING = "x-kubernetes-int-or-string"
ANY_FIELDS = "x-kubernetes-preserve-unknown-fields"
VALIDATIONS = "x-kubernetes-validations"

_DROPPED = {"title", "examples"}
_KEPT = (
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
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    INT_OR_STRING,
    ANY_FIELDS,
    VALIDATIONS,
)
_BOUNDS = {
    "string": ("maxLength", "enum"),
    "integer": ("maximum",),
    "number": ("maximum",),
    "array": ("maxItems",),
}
_BEYOND_RE2 = re.compile(r"\(\?[=!<>]|\\[1-9]|\(\?P[=>]")


def structural_schema(model: type[BaseModel]) -> Schema:
    """The structural schema of a type.

    Raises:
        InexpressibleSchema: a field cannot be expressed, is not described, or has no bound; the text names it.
    """
    source = model.model_json_schema(by_alias=True, mode="validation")
    return _Converter(source.get("$defs", {})).convert(source, path=model.__name__)


class _Converter:
    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions

    def convert(self, source: Schema, *, path: str, ancestors: tuple[str, ...] = (), in_list: bool = False) -> Schema:
        source, ancestors = self._resolve(source, path, ancestors)
        self._refuse_unknown(source, path)
        target = {key: source[key] for key in _KEPT if key in source}
        _set_limits(target, source)
        if "description" in target:
            target["description"] = " ".join(target["description"].split())
        if "properties" in source:
            target["properties"] = {
                name: self._property(child, path=f"{path}.{name}", ancestors=ancestors, in_list=in_list)
                for name, child in source["properties"].items()
            }
            if source.get("required"):
                target["required"] = source["required"]
        elif isinstance(source.get("additionalProperties"), dict):
            target["additionalProperties"] = self.convert(
                source["additionalProperties"], path=f"{path}{{}}", ancestors=ancestors
            )
        if "items" in source:
            target["items"] = self.convert(source["items"], path=f"{path}[]", ancestors=ancestors, in_list=True)
        _set_default(target, path, in_list=in_list)
        _check(target, path)
        return target

    def _property(self, source: Schema, *, path: str, ancestors: tuple[str, ...], in_list: bool) -> Schema:
        target = self.convert(source, path=path, ancestors=ancestors, in_list=in_list)
        if "description" not in target:
            raise InexpressibleSchema(f"{path} has no description: kubectl explain would be silent about it")
        return target

    def _resolve(self, source: Schema, path: str, ancestors: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        """The node with references and "or null" taken out; what stands beside a reference wins over what it refers to."""
        while "$ref" in source or "anyOf" in source:
            if "$ref" in source:
                name = source["$ref"].rpartition("/")[2]
                if name in ancestors:
                    raise InexpressibleSchema(f"{path} contains itself: a structural schema is finite")
                ancestors = (*ancestors, name)
                below, source = self._definitions[name], {key: it for key, it in source.items() if key != "$ref"}
            else:
                choices = [choice for choice in source["anyOf"] if choice != {"type": "null"}]
                if len(choices) != 1:
                    raise InexpressibleSchema(f"{path} is one of several types: a structural schema knows only one")
                below, source = choices[0], {key: it for key, it in source.items() if key != "anyOf"}
            rules = [*below.get(VALIDATIONS, ()), *source.get(VALIDATIONS, ())]
            source = {**below, **source, **({VALIDATIONS: rules} if rules else {})}
        return source, ancestors

    def _refuse_unknown(self, source: Schema, path: str) -> None:
        handled = {"$defs", "properties", "required", "items", "const", "exclusiveMinimum", "exclusiveMaximum"}
        unknown = source.keys() - set(_KEPT) - _DROPPED - handled - {"additionalProperties"}
        if unknown:
            raise InexpressibleSchema(f"{path} needs {', '.join(sorted(unknown))}, which no structural schema may hold")
        if source.get("additionalProperties") is True:
            raise InexpressibleSchema(f"{path} takes fields of any kind: say which")


def _set_limits(target: Schema, source: Schema) -> None:
    """JSON Schema's newer spellings in those of OpenAPI 3.0."""
    if "const" in source:
        target["enum"] = [source["const"]]
    for bound in ("minimum", "maximum"):  # as the API server stores them
        if isinstance(target.get(bound), float) and target[bound].is_integer():
            target[bound] = int(target[bound])
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if exclusive in source:
            target |= {bound: source[exclusive], exclusive: True}


def _set_default(target: Schema, path: str, *, in_list: bool) -> None:
    """Keep a default that says something; that of an object is `{}`, which the API server fills with the defaults of its fields."""
    if "default" not in target:
        return
    default = _default_beyond_fields(target.pop("default"), target)
    if default is None or default == []:
        return
    if in_list:
        raise InexpressibleSchema(
            f"{path} is inside a list and has a default: tools that compare with git would never settle"
        )
    if isinstance(default, dict) and default:
        raise InexpressibleSchema(f"{path} has a default that differs from those of its fields: {default}")
    target["default"] = default


def _default_beyond_fields(default: Any, schema: Schema) -> Any:
    if not isinstance(default, dict) or "properties" not in schema:
        return default
    fields = schema["properties"]
    beyond = {name: _default_beyond_fields(value, fields[name]) for name, value in default.items()}
    return {name: value for name, value in beyond.items() if value not in (None, [], fields[name].get("default"))}


def _check(target: Schema, path: str) -> None:
    kind = target.get("type")
    if kind is None and INT_OR_STRING not in target:
        raise InexpressibleSchema(f"{path} has no type")
    if kind == "array" and "x-kubernetes-list-type" not in target:
        raise InexpressibleSchema(f"{path} is a list and must say how it is merged: atomic, set or map")
    bounds = _BOUNDS.get(kind or "string", ())
    if kind == "object" and "additionalProperties" in target:
        bounds = ("maxProperties",)
    if bounds and not any(bound in target for bound in bounds):
        raise InexpressibleSchema(f"{path} has no bound: add {' or '.join(bounds)}")
    if kind in {"integer", "number"} and "minimum" not in target:
        raise InexpressibleSchema(f"{path} has no bound: add minimum")
    if _BEYOND_RE2.search(target.get("pattern", "")):
        raise InexpressibleSchema(f"{path} has a pattern that RE2 does not know: {target['pattern']}")
