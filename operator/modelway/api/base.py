"""The base of all types of the API: camelCase in YAML, no unknown fields, frozen, with rules in CEL and Python."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel, to_snake
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

BROKEN_RULES = "broken_rules"
"""The type of the pydantic error that carries the broken rules of one object in its context."""

_USERINFO = re.compile(r"//[^/?#]*@")
_SHOWN_CHARACTERS = 120
_FAULTS = "faults"
_PLACEHOLDER = re.compile(r"\{([A-Za-z.-]+)\}")


class CanonicalText(str):
    """A text in its canonical spelling, which remembers the user's spelling for messages.

    Args:
        canonical: in canonical form.
        written: as it was given.
    """

    __slots__ = ("written",)
    written: str

    def __new__(cls, canonical: str, written: str) -> Self:
        """The text `canonical`."""
        text = super().__new__(cls, canonical)
        text.written = written
        return text


@dataclass(frozen=True)
class Rule:
    """A rule that a type alone cannot express: once in CEL for the API server, once in Python, with one message for both.

    `{uri}` in the message stands for the value of the field `uri` of the object the rule is about. `{faults}` stands for
    what is at fault inside the field.
    """

    cel: str
    holds: Callable[[Any], bool]
    message: str
    field: str = ""
    """The field at fault, relative to the object: `uri`; empty when it is the object as a whole."""
    faults: tuple[str, Callable[[Any], object]] | None = None
    """What is at fault inside the field, where the message names it: in CEL and in Python."""

    def as_validation(self) -> dict[str, str]:
        """One entry of `x-kubernetes-validations`."""
        validation = {"rule": self.cel}
        if _PLACEHOLDER.search(self.message):
            validation["messageExpression"] = self._message_expression()
        else:
            validation["message"] = self.message
        if self.field and not self.field.startswith("metadata"):  # of metadata, the API server takes no field path
            validation["fieldPath"] = _in_cel("", self.field)
        return validation

    def explain(self, subject: BaseModel) -> str:
        """The message with the values of the object that broke the rule, without passwords in addresses."""
        return _PLACEHOLDER.sub(lambda match: _show(self._value(subject, match[1])), self.message)

    def _value(self, subject: BaseModel, path: str) -> object:
        return self.faults[1](subject) if self.faults and path == _FAULTS else _value_at(subject, path)

    def _message_expression(self) -> str:
        """The message in CEL. It uses `format`, since the API server can bound its cost, but not that of concatenation."""
        template = _PLACEHOLDER.sub("%s", self.message.replace("%", "%%"))
        own = {_FAULTS: self.faults[0]} if self.faults else {}
        values = ", ".join(own.get(path) or _in_cel("self", path) for path in _PLACEHOLDER.findall(self.message))
        return f"{_cel_string(template)}.format([{values}])"


class ApiModel(BaseModel):
    """An object of the API; a subclass lists its rules in `rules`."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _hold_the_rules(self) -> Self:
        broken = [(rule.field, rule.explain(self)) for rule in self.rules if not rule.holds(self)]
        if broken:
            raise PydanticCustomError(BROKEN_RULES, "breaks a rule of the API", {"broken": broken})
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core_schema)
        if cls.rules:
            handler.resolve_ref_schema(schema)["x-kubernetes-validations"] = [
                rule.as_validation() for rule in cls.rules
            ]
        return schema


def matches(field: str, pattern: str) -> str:
    """The CEL expression that a field of `self` matches a regular expression (RE2, no single quotes in it)."""
    return f"self.{field}.matches(r'{pattern}')"


def _in_cel(subject: str, path: str) -> str:
    """A path below a subject; a name that is no identifier is the key of a map."""
    names = (f".{name}" if name.isidentifier() else f"['{name}']" for name in path.split("."))
    return subject + "".join(names)


def _show(value: object) -> str:
    text = _USERINFO.sub("//...@", value.written if isinstance(value, CanonicalText) else str(value))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


def _value_at(subject: object, path: str) -> object:
    for name in path.split("."):
        subject = getattr(subject, to_snake(name))
    return subject


def _cel_string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
