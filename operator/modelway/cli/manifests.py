"""ModelDeployments from YAML files, with the file and line of everything that is wrong with them."""

import argparse
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from modelway.api.meta import KIND
from modelway.api.v1alpha1 import ModelDeployment
from modelway.errors import InvalidSpec, ModelwayError
from modelway.settings import Settings, variable

NO_OWNER = "00000000-0000-0000-0000-000000000000"
"""Stands for the uid that only a cluster gives."""
_STEP = re.compile(r"[^.\[\]]+")


class InvalidManifest(ModelwayError):
    """What was given is not a file of valid ModelDeployments; each line of the text is one thing wrong."""


@dataclass(frozen=True)
class Manifest:
    """One document of a file.

    Attributes:
        source: the file's name as given, `<stdin>` for standard input.
        node: the document with the position of each of its parts.
        content: the document.
    """

    source: str
    node: yaml.Node
    content: Any

    def where(self, field: str = "") -> str:
        """`file:line` of a field given as a path (`spec.runtime.env[0].name`), or of the nearest parent that is there."""
        node = self.node
        for step in _STEP.findall(field):
            below = _child(node, step)
            if below is None:
                break
            node = below
        return f"{self.source}:{node.start_mark.line + 1}"


def add_file_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that say what to read and what the platform decides."""
    parser.add_argument(
        "-f", "--filename", required=True, help="YAML file with ModelDeployments; - reads standard input"
    )
    parser.add_argument("-n", "--namespace", default="default", help="for documents that name none (default: default)")
    parser.add_argument(
        "--setting",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an operator setting, for example server_image=registry.example.com/server:1; else MODELWAY_<NAME> of the environment, else the default",
    )


def settings_of(arguments: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Settings:
    """The operator's settings: from the command line, else from the environment.

    Raises:
        InvalidSettings: one of them cannot be used.
        InvalidManifest: `--setting` is not of the form NAME=VALUE.
    """
    known = {variable(name) for name in Settings.model_fields}
    chosen = {name: value for name, value in environ.items() if name in known}
    for setting in arguments.setting:
        name, equals, value = setting.partition("=")
        if not equals:
            raise InvalidManifest(f"--setting {setting}: write NAME=VALUE, for example service_port=8000")
        chosen[variable(name.strip().removeprefix("MODELWAY_"))] = value
    return Settings.from_environment(chosen)


def load_deployments(filename: str, namespace: str) -> list[ModelDeployment]:
    """Every ModelDeployment of the file; documents of other kinds are passed over.

    Raises:
        InvalidManifest: the file cannot be read, is not YAML, holds no ModelDeployment or an invalid one.
    """
    manifests = [one for one in _manifests(filename) if one.content is not None]
    problems = [line for one in manifests for line in _duplicate_keys(one.source, one.node)]
    deployments = []
    for manifest in manifests:
        if not isinstance(manifest.content, dict) or "kind" not in manifest.content:
            problems.append(
                f"{manifest.where()}: is not a Kubernetes object: apiVersion, kind, metadata and spec are missing"
            )
        elif manifest.content["kind"] == KIND:
            try:
                deployments.append(ModelDeployment.parse(_completed(manifest.content, namespace)))
            except InvalidSpec as error:
                problems.extend(f"{manifest.where(one.field)}: {one}" for one in error.problems)
    if not problems and not deployments:
        problems.append(f"{_label(filename)}: holds no {KIND}")
    if problems:
        raise InvalidManifest("\n".join(problems))
    return deployments


def _manifests(filename: str) -> Iterator[Manifest]:
    source, data = _label(filename), _read(filename)
    try:
        yield from _documents(source, data)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        detail = ", ".join(part for part in (error.context, error.problem) if part)
        raise InvalidManifest(f"{source}:{line}: is not YAML: {detail}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidManifest(f"{source}: is not YAML: {' '.join(str(error).split())}") from error


def _documents(source: str, data: bytes) -> Iterator[Manifest]:
    loader = yaml.SafeLoader(data)
    try:
        while loader.check_node():
            if (node := loader.get_node()) is not None:
                yield Manifest(source, node, loader.construct_document(node))
    finally:
        loader.dispose()


def _read(filename: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if filename == "-" else Path(filename).read_bytes()
    except OSError as error:
        raise InvalidManifest(f"{filename}: cannot be read: {error.strerror}") from error


def _label(filename: str) -> str:
    return "<stdin>" if filename == "-" else filename


def _completed(document: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    """The document with what a cluster would add to its metadata."""
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        return dict(document)
    return {**document, "metadata": {**metadata, "namespace": metadata.get("namespace") or namespace, "uid": NO_OWNER}}


def _child(node: yaml.Node, step: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
        return node.value[int(step)]  # type: ignore[no-any-return]  # PyYAML's nodes carry no types
    return None


def _duplicate_keys(source: str, node: yaml.Node) -> Iterator[str]:
    """Keys that stand twice in one mapping: YAML readers keep one of them in silence."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                yield f"{source}:{key.start_mark.line + 1}: {key.value} stands here for the second time: keep one of them"
            seen.add(str(key.value))
            yield from _duplicate_keys(source, value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _duplicate_keys(source, item)
