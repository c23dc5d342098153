"""Turn a pod template into processes of this machine. Pure: `serve` runs them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelway.errors import ModelwayError

LOCAL_ADDRESS = "127.0.0.1"
_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")


class NotRunnable(ModelwayError):
    """The pod template asks for something that only a cluster has."""


@dataclass(frozen=True)
class Process:
    """One container as a process.

    Attributes:
        name: the container's.
        arguments: its command line, without the program.
        environment: what the container sets; comes on top of the caller's.
        secrets: names of the Secrets whose values would be in the environment.
    """

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    secrets: tuple[str, ...]


def processes(template: Mapping[str, Any], directory: Path, overrides: Mapping[str, str]) -> list[Process]:
    """The containers of a pod in the order they run.

    Args:
        template: the pod template.
        directory: takes the place of the pod's volumes: each mount path lies below it.
        overrides: command-line options to replace, by name (`--http-port`), where a container has them.

    Raises:
        NotRunnable: an environment variable comes from somewhere that only a cluster has.
    """
    spec = template["spec"]
    fields = {"status.podIP": LOCAL_ADDRESS, "metadata.name": "local", **_labels(template)}
    containers = [*spec.get("initContainers", ()), *spec["containers"]]
    return [_process(container, directory, fields, overrides) for container in containers]


def resolve_mount(path: str, directory: Path, mount_paths: Iterable[str]) -> str:
    """The place on this machine of a path in the pod; a path in no volume stays as it is."""
    for mount_path in mount_paths:
        if path == mount_path or path.startswith(f"{mount_path}/"):
            return str(directory / path.lstrip("/"))
    return path


def _process(
    container: Mapping[str, Any], directory: Path, fields: Mapping[str, str], overrides: Mapping[str, str]
) -> Process:
    environment = {"MODELWAY_HOST": LOCAL_ADDRESS, **_environment(container, fields)}
    mount_paths = [mount["mountPath"] for mount in container.get("volumeMounts", ())]
    arguments = []
    for argument in container["args"]:
        option, equals, value = _expand(argument, environment).partition("=")
        local = overrides.get(option, resolve_mount(value, directory, mount_paths))
        arguments.append(f"{option}={local}" if equals else option)
    secrets = [source["secretRef"]["name"] for source in container.get("envFrom", ()) if "secretRef" in source]
    return Process(container["name"], tuple(arguments), environment, tuple(secrets))


def _environment(container: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, str]:
    environment: dict[str, str] = {}
    for entry in container.get("env", ()):
        if "valueFrom" not in entry:
            environment[entry["name"]] = _expand(entry.get("value", ""), environment)
            continue
        field = entry["valueFrom"].get("fieldRef", {}).get("fieldPath")
        if field not in fields:
            raise NotRunnable(
                f"{entry['name']} of container {container['name']} has its value from the cluster: {entry['valueFrom']}"
            )
        environment[entry["name"]] = fields[field]
    return environment


def _expand(text: str, environment: Mapping[str, str]) -> str:
    """`$(NAME)` as Kubernetes reads it: replaced where NAME is known, `$$` is one `$`."""

    def value(match: "re.Match[str]") -> str:
        if match[0] == "$$":
            return "$"
        return environment.get(match[1], match[0])

    return _REFERENCE.sub(value, text)


def _labels(template: Mapping[str, Any]) -> dict[str, str]:
    labels = template["metadata"].get("labels", {})
    return {f"metadata.labels['{name}']": value for name, value in labels.items()}
