"""Ports that a program of this machine keeps from every pod, because it listens on all addresses."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

LISTENING = "0A"
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def wildcards(lines: Iterable[str]) -> set[int]:
    """Ports on which somebody listens on all addresses, from the lines of /proc/net/tcp or tcp6."""
    numbers = set()
    for line in lines:
        _, local, _, state, *_ = [*line.split(), "", "", "", ""]
        address, _, port = local.partition(":")
        if state == LISTENING and not address.strip("0"):
            numbers.add(int(port, 16))
    return numbers


def explain_taken(container: dict[str, Any]) -> str:
    """Why `container` may have failed to listen on one of its ports; "" when nothing is in its way."""
    wanted = {port["containerPort"] for port in container.get("ports", []) if port.get("protocol", "TCP") == "TCP"}
    taken_ports = {port for table in TABLES if table.exists() for port in wildcards(table.read_text().splitlines())}
    return " ".join(
        f"Port {port} of this machine is held by a program that listens on all addresses (0.0.0.0), so no pod can listen "
        f"on it: see `ss -ltnp sport = :{port}`, and end that program or let it listen on 127.0.0.1."
        for port in sorted(wanted & taken_ports)
    )
