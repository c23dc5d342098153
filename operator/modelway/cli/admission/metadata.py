"""The metadata of a new object, as the API server judges it for every kind (Kubernetes API reference, ObjectMeta). Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from modelway.api.fields import LABEL_KEY_PATTERN, LABEL_VALUE_PATTERN
from modelway.cli.admission.structural import Matches, below, complete, format_value, unknown_fields, violations
from modelway.errors import Problem

MOST_ANNOTATION_BYTES = 256 << 10
_GENERATED = "xxxxx"
"""Stands for the five characters that the API server adds to `generateName`."""

_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "integer"}
_TRUTH: dict[str, Any] = {"type": "boolean"}
_TIME: dict[str, Any] = {
    "type": "string",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})$",
    "description": "a time such as 2026-01-31T12:00:00Z",
}
_NAMED: dict[str, Any] = {"type": "string", "minLength": 1}
_TEXTS: dict[str, Any] = {"type": "object", "additionalProperties": _TEXT}
_OWNER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "apiVersion": _NAMED,
        "kind": _NAMED,
        "name": _NAMED,
        "uid": _NAMED,
        "controller": _TRUTH,
        "blockOwnerDeletion": _TRUTH,
    },
    "required": ["apiVersion", "kind", "name", "uid"],
}
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("name", "generateName", "namespace", "selfLink", "uid", "resourceVersion"), _TEXT),
        **dict.fromkeys(("creationTimestamp", "deletionTimestamp"), _TIME),
        **dict.fromkeys(("generation", "deletionGracePeriodSeconds"), _NUMBER),
        "labels": {
            "type": "object",
            "additionalProperties": {**_TEXT, "maxLength": 63, "pattern": LABEL_VALUE_PATTERN},
        },
        "annotations": _TEXTS,
        "finalizers": {"type": "array", "items": {**_TEXT, "pattern": LABEL_KEY_PATTERN}},
        "ownerReferences": {"type": "array", "items": _OWNER},
        "managedFields": {"type": "array", "items": {"type": "object"}},
    },
}
_LABEL_KEY = re.compile(LABEL_KEY_PATTERN)


def name_of(metadata: Any) -> str:
    """The name that an object gets, with a generated end where it asks for one; empty where it has none."""
    if not isinstance(metadata, Mapping):
        return ""
    name, beginning = metadata.get("name"), metadata.get("generateName")
    generated = f"{beginning}{_GENERATED}" if isinstance(beginning, str) and beginning else ""
    return name if isinstance(name, str) and name else generated


def metadata_problems(value: Any, matches: Matches) -> Iterator[Problem]:
    """What is wrong with the metadata of a new object; the form of its name is left to the definition's own, stricter rule."""
    path = "metadata"
    if value is not None and not isinstance(value, Mapping):
        yield Problem(path, f"{format_value(value)} must be a mapping of fields to values")
        return
    metadata = complete(value or {}, _SCHEMA)
    yield from unknown_fields(value, _SCHEMA, path)
    yield from violations(metadata, _SCHEMA, matches, path)
    if not name_of(metadata):
        yield Problem("metadata.name", "is missing and must be given, for example fraud")
    for block in ("labels", "annotations"):
        yield from _keys(metadata.get(block), below(path, block))
    yield from _size(metadata.get("annotations"))


def _keys(texts: Any, path: str) -> Iterator[Problem]:
    for key in texts if isinstance(texts, Mapping) else ():
        written = key.lower() if path.endswith("annotations") else key
        domain = written.rpartition("/")[0]
        if len(domain) > 253 or not _LABEL_KEY.fullmatch(written):
            yield Problem(
                below(path, key),
                f"{format_value(key)} must be letters, digits, '-', '_' and '.', at most 63 of them, with a domain and '/' in front "
                "where there is one, for example team or example.com/team",
            )


def _size(annotations: Any) -> Iterator[Problem]:
    if isinstance(annotations, Mapping):
        size = sum(len(f"{key}{value}".encode()) for key, value in annotations.items())
        if size > MOST_ANNOTATION_BYTES:
            yield Problem(
                "metadata.annotations", f"hold {size} bytes, more than {MOST_ANNOTATION_BYTES}: make them smaller"
            )
