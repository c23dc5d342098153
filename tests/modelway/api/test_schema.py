"""From types to a structural schema: what is translated, and what is refused because nothing equals it."""

import json
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, create_model

from modelway.api.base import ApiModel, Rule
from modelway.api.crd import custom_resource_definition
from modelway.api.fields import LIST_TYPE, atomic_list
from modelway.api.schema import structural_schema
from modelway.errors import InexpressibleSchema

Text = Annotated[str, Field(max_length=9)]


class Leaf(ApiModel):
    """A leaf."""

    size: Annotated[int, Field(ge=0, lt=7)] = 3
    """Its size."""
    rules = (Rule(cel="self.size != 5", holds=lambda leaf: leaf.size != 5, message="{size} is not to be"),)


class Twig(ApiModel):
    """A twig."""

    leaf: Leaf = Leaf()
    """The leaf."""
    name: Text | None = None
    """Its
    name."""
    kind: Literal["green"] = "green"
    """Its kind."""
    tags: Annotated[tuple[Text, ...], atomic_list(3)] = ()
    """Its tags."""
    owners: Annotated[dict[str, Text], Field(max_length=2)] | None = None
    """Its owners."""


def test_type_becomes_a_structural_schema() -> None:
    assert structural_schema(Twig) == {
        "type": "object",
        "description": "A twig.",
        "properties": {
            "leaf": {
                "type": "object",
                "description": "The leaf.",
                "default": {},
                "properties": {
                    "size": {
                        "type": "integer",
                        "description": "Its size.",
                        "default": 3,
                        "minimum": 0,
                        "maximum": 7,
                        "exclusiveMaximum": True,
                    }
                },
                "x-kubernetes-validations": [
                    {"rule": "self.size != 5", "messageExpression": "'%s is not to be'.format([self.size])"}
                ],
            },
            "name": {"type": "string", "description": "Its name.", "maxLength": 9},
            "kind": {"type": "string", "description": "Its kind.", "enum": ["green"], "default": "green"},
            "tags": {
                "type": "array",
                "description": "Its tags.",
                "maxItems": 3,
                "items": {"type": "string", "maxLength": 9},
                "x-kubernetes-list-type": "atomic",
            },
            "owners": {
                "type": "object",
                "description": "Its owners.",
                "maxProperties": 2,
                "additionalProperties": {"type": "string", "maxLength": 9},
            },
        },
    }


def with_field(annotation: Any, default: Any = ...) -> type[BaseModel]:
    return create_model("Made", it=(annotation, Field(default, description="It.")))


class Endless(BaseModel):
    """A type that contains itself."""

    again: "Endless | None" = None
    """The same again."""


@pytest.mark.parametrize(
    ("annotation", "complaint"),
    [
        (str, "no bound: add maxLength"),
        (Annotated[int, Field(ge=0)], "no bound: add maximum"),
        (Annotated[int, Field(le=0)], "no bound: add minimum"),
        (Annotated[tuple[Text, ...], Field(max_length=3)], "how it is merged"),
        (Annotated[tuple[Text, ...], Field(json_schema_extra={LIST_TYPE: "atomic"})], "no bound: add maxItems"),
        (dict[str, Text], "no bound: add maxProperties"),
        (Text | bool, "one of several types"),
        (Any, "no type"),
        (dict[str, Any], "takes fields of any kind"),
        (Endless, "contains itself"),
        (Annotated[str, Field(max_length=9, json_schema_extra={"pattern": "(?!a)"})], "RE2"),
        (Annotated[set[Text], Field(max_length=3)], "needs uniqueItems"),
        (Annotated[dict[Annotated[str, Field(pattern="a")], Text], Field(max_length=3)], "needs patternProperties"),
    ],
)
def test_inexpressible_type_is_refused(annotation: Any, complaint: str) -> None:
    with pytest.raises(InexpressibleSchema, match=complaint):
        structural_schema(with_field(annotation))


def test_a_default_inside_a_list_is_refused() -> None:
    with pytest.raises(InexpressibleSchema, match="inside a list and has a default"):
        structural_schema(with_field(Annotated[tuple[Leaf, ...], atomic_list(3)]))


def test_a_default_other_than_that_of_the_fields_is_refused() -> None:
    with pytest.raises(InexpressibleSchema, match=r"differs from those of its fields: \{'size': 4\}"):
        structural_schema(with_field(Leaf, Leaf(size=4)))


def test_a_field_without_description_is_refused() -> None:
    class Silent(BaseModel):
        it: bool

    with pytest.raises(InexpressibleSchema, match=r"Silent\.it has no description"):
        structural_schema(Silent)


def test_definition_is_stable_and_below_100_kb() -> None:
    texts = {json.dumps(custom_resource_definition(), separators=(",", ":")) for _ in range(2)}
    assert len(texts) == 1
    assert len(texts.pop()) < 100_000


def test_no_default_on_either_side_of_replicas_or_range() -> None:
    version = custom_resource_definition()["spec"]["versions"][0]
    scaling = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["scaling"]
    assert "default" not in json.dumps(scaling)
