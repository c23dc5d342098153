"""The downward API: what a pod may know of itself, by field path or by resource. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from sandbox.node.quantities import in_units

Json = dict[str, Any]
SUBSCRIPT = re.compile(r"^metadata\.(labels|annotations)\['([^']+)'\]$")


def _quote(pairs: Mapping[str, str]) -> str:
    escaped = {
        key: value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for key, value in pairs.items()
    }
    return "\n".join(f'{key}="{escaped[key]}"' for key in sorted(escaped))


def field(pod: Json, path: str, *, address: str, node_address: str) -> str:
    """The value at field path `path` of `pod`; "" for a label or an annotation that is not there.

    Raises:
        ValueError: the path is not one of the downward API.
    """
    metadata, spec = pod["metadata"], pod["spec"]
    subscript = SUBSCRIPT.match(path)
    if subscript:
        return str(metadata.get(subscript[1], {}).get(subscript[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        return _quote(metadata.get(path.rpartition(".")[2], {}))
    values = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.podIP": address,
        "status.podIPs": address,
        "status.hostIP": node_address,
        "status.hostIPs": node_address,
    }
    if path not in values:
        raise ValueError(f"unsupported fieldPath: {path}")
    return str(values[path])


def resource(pod: Json, reference: Json, container: str, allocatable: Mapping[str, str]) -> str:
    """The value of a resourceFieldRef of `container`; a limit that is not set is what the node has."""
    wanted = reference.get("containerName") or container
    spec = pod["spec"]
    spec_of_container = next(c for c in [*spec["containers"], *spec.get("initContainers", [])] if c["name"] == wanted)
    kind, _, name = reference["resource"].partition(".")
    resources = spec_of_container.get("resources", {})
    unset = allocatable.get(name, "0") if kind == "limits" else "0"
    return in_units(resources.get(kind, {}).get(name, unset), reference.get("divisor") or "1")
