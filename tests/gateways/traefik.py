"""Traefik, as a program of the node."""

from collections.abc import Iterator
from contextlib import contextmanager

from e2e.place import INSIDE, LAYOUT, NODE_ADDRESS
from gateways.gateway import NAMESPACE, Gateway, objects
from gateways.programs import Program, run
from sandbox.binaries import parts
from support.cluster.sandbox import Kubectl
from support.waiting import eventually

NAME = "traefik"
PORT = 9080
CONTROLLER = "traefik.io/gateway-controller"


@contextmanager
def traefik(kubectl: Kubectl) -> Iterator[Gateway]:
    """Traefik with a Gateway of its name, which sends requests to the addresses of pods; ended with the block."""
    kubectl.apply([_account(), _rights(), *objects(NAME, PORT, CONTROLLER)])
    with run(NAME, _command(kubectl)) as program:
        eventually(lambda: _is_programmed(kubectl, program), describe=program.last_words)
        yield Gateway(NAME, PORT, program)


def _command(kubectl: Kubectl) -> list[str]:
    token = INSIDE / "traefik-token"
    token.write_text(kubectl("create", "token", NAME, "--namespace", NAMESPACE, "--duration=24h"))
    provider = "--providers.kubernetesgateway"
    return [
        str(parts.locate("traefik") / "traefik"),
        f"{provider}.endpoint={LAYOUT.server}",
        f"{provider}.token={token}",
        f"{provider}.certauthfilepath={LAYOUT.authority}",
        f"{provider}.statusaddress.ip={NODE_ADDRESS}",
        f"--entrypoints.open.address=:{PORT}",
        f"--entrypoints.closed.address=:{PORT + 1}",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--log.level=INFO",
    ]


def _is_programmed(kubectl: Kubectl, program: Program) -> bool:
    program.require()
    status = kubectl.in_namespace(NAMESPACE).get("gateway", NAME).get("status", {})
    conditions = {one["type"]: one["status"] for one in status.get("conditions", [])}
    return conditions.get("Programmed") == "True"


def _account() -> dict[str, object]:
    metadata = {"name": NAME, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def _rights() -> dict[str, object]:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": NAME},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
    }
