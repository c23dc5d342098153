"""A container's command line and environment, as a kubelet makes them. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.node import downward

Json = dict[str, Any]
Lookup = Callable[[str, str], Json | None]
"""The ConfigMap or Secret (first argument) of a name in the pod's namespace, as texts: {key: value}; None without one."""

REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\)|)")
KIND_NAMES = {"ConfigMap": "configmap", "Secret": "secret"}


class ConfigError(Exception):
    """The container cannot be made from its spec; the message is a kubelet's."""


@dataclass(frozen=True)
class PodView:
    """What of a pod and its node goes into environments."""

    pod: Json
    address: str
    node_address: str
    allocatable: Mapping[str, str]
    services: Mapping[str, str]


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace $(NAME) by its value; $$ is one $, an unknown name stays as it is."""

    def replacement(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return match[0] if match[1] is None else variables.get(match[1], match[0])

    return REFERENCE.sub(replacement, text)


def variables(container: Json, view: PodView, lookup: Lookup) -> dict[str, str]:
    """The variables that the pod's spec sets for `container`.

    Raises:
        ConfigError: a ConfigMap, a Secret or a key of it that is not optional is missing.
    """
    values = dict(view.services)
    for source in container.get("envFrom", []):
        prefix = source.get("prefix", "")
        for kind, reference in (("ConfigMap", source.get("configMapRef")), ("Secret", source.get("secretRef"))):
            if reference is not None:
                values.update({prefix + key: value for key, value in _whole(kind, reference, lookup).items()})
    for entry in container.get("env", []):
        value = _value(entry, container, view, lookup, values)
        if value is not None:
            values[entry["name"]] = value
    return values


def _whole(kind: str, reference: Json, lookup: Lookup) -> Json:
    data = lookup(kind, reference["name"])
    if data is None and not reference.get("optional"):
        raise ConfigError(f'{KIND_NAMES[kind]} "{reference["name"]}" not found')
    return data or {}


def _value(entry: Json, container: Json, view: PodView, lookup: Lookup, known: Mapping[str, str]) -> str | None:
    source = entry.get("valueFrom")
    if not source:
        return expand(entry.get("value", ""), known)
    if "fieldRef" in source:
        path = source["fieldRef"]["fieldPath"]
        return downward.field(view.pod, path, address=view.address, node_address=view.node_address)
    if "resourceFieldRef" in source:
        return downward.resource(view.pod, source["resourceFieldRef"], container["name"], view.allocatable)
    if "configMapKeyRef" in source:
        return _key("ConfigMap", source["configMapKeyRef"], view, lookup)
    if "secretKeyRef" in source:
        return _key("Secret", source["secretKeyRef"], view, lookup)
    raise ConfigError(f"environment variable {entry['name']}: the sandbox knows no source {', '.join(source)}")


def _key(kind: str, reference: Json, view: PodView, lookup: Lookup) -> str | None:
    data = _whole(kind, reference, lookup)
    if reference["key"] in data:
        return str(data[reference["key"]])
    if reference.get("optional"):
        return None
    place = f"{view.pod['metadata']['namespace']}/{reference['name']}"
    raise ConfigError(f"couldn't find key {reference['key']} in {kind} {place}")


def command(container: Json, entrypoint: list[str], known: Mapping[str, str]) -> list[str]:
    """The words to run: `command` replaces the image's entrypoint, `args` follow."""
    words = [expand(word, known) for word in container.get("command", [])] or list(entrypoint)
    return words + [expand(word, known) for word in container.get("args", [])]
