"""A Gateway with two listeners: where models are reached, and another that takes routes of its own namespace alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.place import NODE_ADDRESS
from gateways.programs import Program

NAMESPACE = "gateways"
DOMAIN = "example.com"
GROUP = "gateway.networking.k8s.io"


@dataclass(frozen=True)
class Gateway:
    """One that runs.

    Attributes:
        name: of the Gateway, in `NAMESPACE`, and of its class.
        port: of its listener `open`; that of `closed` is the next one.
        program: that sends requests by it.
    """

    name: str
    port: int
    program: Program

    def url(self, host: str, path: str) -> str:
        """Where a host name of `DOMAIN` is reached through it."""
        return f"http://{host}:{self.port}{path}"


def objects(name: str, port: int, controller: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """The Gateway and its class.

    Args:
        name: of both.
        port: of the listener `open`.
        controller: by which name the program finds its class.
        parameters: what the class refers to.
    """
    settings = {} if parameters is None else {"parametersRef": dict(parameters)}
    listeners = [_listener("open", port, "All"), _listener("closed", port + 1, "Same")]
    return [
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "GatewayClass",
            "metadata": {"name": name},
            "spec": {"controllerName": controller, **settings},
        },
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "Gateway",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"gatewayClassName": name, "listeners": listeners},
        },
    ]


def _listener(name: str, port: int, namespaces: str) -> dict[str, Any]:
    return {
        "name": name,
        "port": port,
        "protocol": "HTTP",
        "hostname": f"*.{DOMAIN}",
        "allowedRoutes": {"namespaces": {"from": namespaces}},
    }


def publish(host: str) -> None:
    """Have a host name lead to the node, for every program of these namespaces: what is written to /etc here is memory."""
    with Path("/etc/hosts").open("a", encoding="utf-8") as hosts:
        hosts.write(f"{NODE_ADDRESS} {host}\n")
