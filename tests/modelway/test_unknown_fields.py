"""A stored object under a newer definition: what is not known is left out and named, wherever it stands; what is known holds as ever."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from modelway.api.schema import structural_schema
from modelway.api.v1alpha1 import ModelDeployment, ModelDeploymentSpec
from modelway.desired.revision import revision_of
from modelway.errors import InvalidSpec
from modelway.observed import Key
from modelway.unknown_fields import MOST_FIELDS, UnknownFields
from support.operator.specs import Object, every_field, manifest

NEW = "brandNew"
SCHEMA = structural_schema(ModelDeploymentSpec)


def _objects(schema: Any, value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where in a spec an object stands whose fields the schema names."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _objects(schema["items"], item, (*path, index))
    elif isinstance(value, dict) and "properties" in schema and "additionalProperties" not in schema:
        yield path
        for name, item in value.items():
            yield from _objects(schema["properties"][name], item, (*path, name))


def _enums(schema: Any, value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where in a spec a value stands that is one of several words."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _enums(schema["items"], item, (*path, index))
    elif isinstance(value, dict) and "properties" in schema:
        for name, item in value.items():
            yield from _enums(schema["properties"][name], item, (*path, name))
    elif "enum" in schema:
        yield path


def _whole() -> Object:
    return {**manifest(), "spec": every_field()}


def _set(document: Object, path: tuple[str | int, ...], value: Any) -> Object:
    changed: Object = json.loads(json.dumps(document))
    place: Any = changed["spec"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


def _name(path: tuple[str | int, ...]) -> str:
    return "".join("[]" if isinstance(step, int) else f".{step}" for step in ("spec", *path)).lstrip(".")


@pytest.mark.parametrize("place", list(_objects(SCHEMA, every_field())), ids=_name)
@pytest.mark.parametrize("value", ["x", {"deep": [{"er": 1}]}], ids=["text", "nested"])
def test_an_unknown_field_is_left_out_and_named(place: tuple[str | int, ...], value: Any) -> None:
    newer = _set(_whole(), (*place, NEW), value)
    read, unknown = ModelDeployment.parse_stored(newer)
    assert unknown == (_name((*place, NEW)),)
    assert revision_of(read) == revision_of(ModelDeployment.parse(_whole()))
    assert read == ModelDeployment.parse(_whole())
    with pytest.raises(InvalidSpec):
        ModelDeployment.parse(newer)


@pytest.mark.parametrize("place", list(_enums(SCHEMA, every_field())), ids=_name)
def test_a_new_word_is_refused_by_its_field_beside_new_fields(place: tuple[str | int, ...]) -> None:
    newer = _set(_set(_whole(), place, "unheardOf"), (NEW,), "x")
    with pytest.raises(InvalidSpec, match="upgrade the operator") as error:
        ModelDeployment.parse_stored(newer)
    assert NEW not in str(error.value)
    assert str(place[-1] if isinstance(place[-1], str) else place[-2]) in str(error.value)


def test_rules_hold_beside_unknown_fields() -> None:
    with pytest.raises(InvalidSpec, match=r"spec\.model\.uri"):
        ModelDeployment.parse_stored(manifest(model={"uri": "ftp://x/y", NEW: "x"}))


def test_unknown_fields_are_logged_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    registry = CollectorRegistry()
    noted = UnknownFields(registry)
    with caplog.at_level(logging.WARNING):
        for name in ("a", "b", "b"):
            noted.note(Key("risk", name), ("spec.tracing",))
    assert [record.getMessage().count("spec.tracing") for record in caplog.records] == [1]
    labels = {"field": "spec.tracing"}
    assert registry.get_sample_value("modelway_operator_unknown_fields", labels) == 2
    noted.note(Key("risk", "a"), ())
    noted.forget(Key("risk", "b"))
    assert registry.get_sample_value("modelway_operator_unknown_fields", labels) is None


def test_unknown_fields_do_not_fill_prometheus() -> None:
    registry = CollectorRegistry()
    noted = UnknownFields(registry)
    for number in range(MOST_FIELDS + 20):
        noted.note(Key("risk", f"m{number}"), (f"spec.f{number}",))
    assert generate_latest(registry).count(b"modelway_operator_unknown_fields{") == MOST_FIELDS
