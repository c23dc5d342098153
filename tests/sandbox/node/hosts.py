"""/etc/hosts of a pod: itself and every Service that has a ClusterIP, since the sandbox has no DNS."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def service_lines(services: Iterable[Json]) -> list[str]:
    """A line for each Service: its ClusterIP and its names; the oldest first, so that a new one only adds to the file."""
    lines = []
    for service in sorted(services, key=lambda s: (s["metadata"]["creationTimestamp"], s["metadata"]["uid"])):
        address = service["spec"].get("clusterIP")
        if address and address != "None":
            name = f"{service['metadata']['name']}.{service['metadata']['namespace']}"
            lines.append(f"{address}\t{name}.svc.cluster.local {name}.svc {name}")
    return lines


def render(pod: Json, address: str, services: list[str]) -> str:
    """The whole file of `pod`; names of its own namespace resolve by their first label too, as search domains do it."""
    metadata, spec = pod["metadata"], pod["spec"]
    own = spec.get("hostname") or metadata["name"]
    lines = ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost", f"{address}\t{own}"]
    lines += [f"{alias['ip']}\t{' '.join(alias.get('hostnames', []))}" for alias in spec.get("hostAliases", [])]
    ending = f".{metadata['namespace']}"
    lines += [f"{line} {line.split()[-1].removesuffix(ending)}" if line.endswith(ending) else line for line in services]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    """Write into the same file, which containers have mounted; never an empty file for an instant."""
    content = text.encode()
    if path.exists() and path.read_bytes() == content:
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.pwrite(descriptor, content, 0)
        os.ftruncate(descriptor, len(content))
    finally:
        os.close(descriptor)


def services_environment(host: str, port: int) -> Mapping[str, str]:
    """Where a client in a pod finds the API server."""
    return {
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": str(port),
        "KUBERNETES_SERVICE_PORT_HTTPS": str(port),
    }
