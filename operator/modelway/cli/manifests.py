"""Read ModelDeployments from YAML files. Each problem names its file and line."""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modelway.api.meta import GROUP, KIND
from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli.documents import Document, documents
from modelway.errors import InvalidSpec, ModelwayError, WrongUsage
from modelway.settings import Settings, variable

NO_OWNER = "00000000-0000-0000-0000-000000000000"
"""Stands for the uid that only a cluster gives."""
STANDARD_INPUT = "-"
NO_OBJECT = "is not a Kubernetes object: begin it with apiVersion, kind and metadata, and then spec"


class InvalidManifest(ModelwayError):
    """What was given is not a file of valid ModelDeployments; each line of the text is one thing wrong."""


class MissingFile(WrongUsage):
    """What was named cannot be read at all."""


def settings_of(arguments: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Settings:
    """The operator's settings: from the command line, else from the environment.

    Raises:
        InvalidSettings: one of them cannot be used.
        WrongUsage: `--setting` is not of the form NAME=VALUE.
    """
    known = {variable(name) for name in Settings.model_fields}
    chosen = {name: value for name, value in environ.items() if name in known}
    for setting in arguments.setting:
        name, equals, value = setting.partition("=")
        if not equals:
            raise WrongUsage(f"--setting {setting}: write NAME=VALUE, for example service_port=8000")
        chosen[variable(name.strip().removeprefix("MODELWAY_"))] = value
    return Settings.from_environment(chosen)


def load_deployments(filename: str, namespace: str) -> list[ModelDeployment]:
    """Every ModelDeployment of the file; documents of other kinds are passed over.

    Raises:
        MissingFile: the file cannot be read.
        UnreadableFile: it is not YAML.
        InvalidManifest: it holds no ModelDeployment or an invalid one.
    """
    problems: list[str] = []
    deployments = []
    for document in list(read(filename)):
        problems += repeated_keys(document)
        if not is_object(document.value):
            problems.append(f"{document.source}:{document.line()}: {NO_OBJECT}")
        elif is_ours(document.value):
            try:
                deployments.append(ModelDeployment.parse(_complete(document.value, namespace)))
            except InvalidSpec as error:
                problems += [f"{document.source}:{document.line(one.field)}: {one}" for one in error.problems]
    if not problems and not deployments:
        problems.append(f"{_label(filename)}: holds no {KIND}")
    if problems:
        raise InvalidManifest("\n".join(problems))
    return deployments


def read(filename: str) -> Iterator[Document]:
    """The documents of a file, `-` for standard input.

    Raises:
        MissingFile: the file cannot be read.
        UnreadableFile: it is not YAML, from some line on.
    """
    try:
        data = sys.stdin.buffer.read() if filename == STANDARD_INPUT else Path(filename).read_bytes()
    except (OSError, ValueError) as error:
        raise MissingFile(f"{filename}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    yield from documents(_label(filename), data)


def is_object(value: Any) -> bool:
    """Whether a document says of what kind it is."""
    return isinstance(value, dict) and isinstance(value.get("kind"), str)


def is_ours(value: Mapping[str, Any]) -> bool:
    """Whether an object is meant to be a ModelDeployment: by its kind, or by its API group."""
    return value.get("kind") == KIND or str(value.get("apiVersion", "")).startswith(f"{GROUP}/")


def repeated_keys(document: Document) -> list[str]:
    """Keys that stand twice in one mapping: YAML readers keep one of them in silence."""
    return [
        f"{document.source}:{line}: {key} stands here for the second time: keep one of them"
        for key, line in document.twice
    ]


def _label(filename: str) -> str:
    return "<stdin>" if filename == STANDARD_INPUT else filename


def _complete(document: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    """The document with what a cluster would add to its metadata."""
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        return dict(document)
    return {**document, "metadata": {**metadata, "namespace": metadata.get("namespace") or namespace, "uid": NO_OWNER}}
