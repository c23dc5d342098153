"""Who may talk to whom: writes the certificates, keys and kubeconfigs of one sandbox."""

import base64
from pathlib import Path

import yaml

from sandbox.layout import Layout
from sandbox.pki import Authority, KeyPair, signing_key, write_private

USERS = {
    "admin": ("sandbox-admin", ["system:masters"]),
    "controller-manager": ("system:kube-controller-manager", []),
    "scheduler": ("system:kube-scheduler", []),
    "metrics-server": ("metrics-server", []),
    # The node authorizer is off: the node creates tokens and reads Secrets for any pod that is bound to it.
    "node": ("system:node:sandbox", ["system:nodes", "system:masters"]),
}

FRONT_PROXY = "front-proxy-client"
"""Whom metrics-server believes who it is that asks: the API server, by a certificate of the front proxy's authority."""


def write_credentials(layout: Layout) -> None:
    """Fill `layout.pki` and write a kubeconfig for each of `USERS`; the folders are the owner's alone."""
    layout.pki.mkdir(mode=0o700)
    layout.kubeconfig("admin").parent.mkdir(mode=0o700, exist_ok=True)
    authority = Authority.create("modelway-sandbox")
    layout.authority.write_bytes(authority.certificate)
    write_private(layout.pki / "service-accounts.key", signing_key())
    api_service = [f"kubernetes{suffix}" for suffix in ("", ".default", ".default.svc", ".default.svc.cluster.local")]
    hosts = ["127.0.0.1", "localhost", layout.network.api_service_address, *api_service]
    authority.server("kube-apiserver", hosts).write(layout.pki, "api-server")
    authority.client("kube-apiserver-kubelet-client", ["system:masters"]).write(layout.pki, "kubelet-client")
    authority.server("sandbox", ["sandbox", layout.network.node_address]).write(layout.pki, "kubelet")
    authority.server("metrics-server", ["metrics-server.kube-system.svc"]).write(layout.pki, "metrics-server-api")
    # A name of its own: the API server would else check the signature of every request's client certificate by both.
    front = Authority.create("modelway-sandbox-front-proxy")
    layout.front_proxy_authority.write_bytes(front.certificate)
    front.client(FRONT_PROXY).write(layout.pki, FRONT_PROXY)
    for name, (user, groups) in USERS.items():
        identity = authority.client(user, groups)
        identity.write(layout.pki, name)
        write_private(layout.kubeconfig(name), kubeconfig(layout.server, authority.certificate, identity, user))


def kubeconfig(server: str, authority: bytes, identity: KeyPair, user: str) -> bytes:
    """A kubeconfig that needs no other file, so that it may be copied anywhere."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "sandbox",
        "clusters": [
            {"name": "sandbox", "cluster": {"server": server, "certificate-authority-data": _base64(authority)}}
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _base64(identity.certificate),
                    "client-key-data": _base64(identity.key),
                },
            }
        ],
        "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": user, "namespace": "default"}}],
    }
    return yaml.safe_dump(config, sort_keys=False).encode()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def key_files(layout: Layout, name: str) -> tuple[Path, Path]:
    """Certificate and key of the key pair `name`: "api-server", "kubelet", "kubelet-client", "metrics-server-api", `FRONT_PROXY` or one of `USERS`."""
    return layout.pki / f"{name}.crt", layout.pki / f"{name}.key"
