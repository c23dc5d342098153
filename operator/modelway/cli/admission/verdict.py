"""Judge one manifest as the API server would, and then as the operator would."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from modelway.api.crd import custom_resource_definition
from modelway.api.meta import API_VERSION, KIND
from modelway.api.schema import Schema
from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli.admission.metadata import metadata_problems, name_of
from modelway.cli.admission.rules import broken_rules, matches, without_nul
from modelway.cli.admission.structural import complete, format_value, unknown_fields, violations
from modelway.errors import InvalidSpec, Problem


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a ModelDeployment, by who would refuse it."""

    api_server: tuple[Problem, ...] = ()
    operator: tuple[Problem, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Each thing wrong once, in the operator's words where it has any."""
        fields = {problem.field for problem in self.operator}
        more = [one for one in self.api_server if one.field not in fields]
        known = [one for one in self.operator if not any(_is_within(other, one) for other in more)]
        messages = {problem.message for problem in known}
        return tuple(dict.fromkeys((*known, *(one for one in more if one.message not in messages))))


def _is_within(precise: Problem, problem: Problem) -> bool:
    """Whether the same is said of an item that another says of its list."""
    return precise.message == problem.message and precise.field.startswith(f"{problem.field}[")


def verdict(manifest: Mapping[str, Any]) -> Verdict:
    """Judge an object that is meant to be a ModelDeployment."""
    return Verdict(tuple(_said_by_api_server(manifest)), tuple(_said_by_operator(manifest)))


def _said_by_api_server(manifest: Mapping[str, Any]) -> list[Problem]:
    identity = {"apiVersion": API_VERSION, "kind": KIND}
    strange = [name for name, right in identity.items() if manifest.get(name) != right]
    if strange:
        return [Problem(name, f"{format_value(manifest.get(name))} must be {identity[name]}") for name in strange]
    schema, metadata = _schema(), manifest.get("metadata")
    body = {name: value for name, value in manifest.items() if name != "metadata"}
    unknown = list(unknown_fields(body, schema))
    # Status is dropped from a manifest before anything else is looked at.
    object_ = complete({name: value for name, value in body.items() if name != "status"}, schema)
    broken = list(violations(object_, schema, matches))
    named = list(metadata_problems(metadata, matches))
    paths = frozenset(problem.field for problem in broken) | ({""} if named else set())
    readable = {**object_, "metadata": {"name": name_of(metadata)}}
    rules = [_relative(one) for one in broken_rules(without_nul(readable), schema, "", paths)]
    return [*unknown, *named, *broken, *rules]


def _relative(problem: Problem) -> Problem:
    """Rules about the object as a whole speak of its name: the only part of its metadata that a rule may read."""
    return Problem(problem.field.lstrip(".") or "metadata.name", problem.message)


def _said_by_operator(manifest: Mapping[str, Any]) -> tuple[Problem, ...]:
    metadata = manifest.get("metadata")
    named = {**metadata, "name": name_of(metadata)} if name_of(metadata) and isinstance(metadata, Mapping) else metadata
    try:
        ModelDeployment.parse({**manifest, "metadata": named, "status": None})
    except InvalidSpec as error:
        return error.problems
    return ()


@cache
def _schema() -> Schema:
    versions = custom_resource_definition()["spec"]["versions"]
    schema: Schema = next(one for one in versions if one["served"])["schema"]["openAPIV3Schema"]
    return schema
