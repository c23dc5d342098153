"""metrics-server beside the control plane: the program, its command line, and what makes its API a part of the cluster's.

It measures what autoscalers and `kubectl top` ask for: it reads `/metrics/resource` of the node and answers for
metrics.k8s.io, to which the API server forwards (the aggregation layer).
"""

import base64
import os
from pathlib import Path
from typing import Any

from sandbox.binaries import parts
from sandbox.binaries.progress import Progress
from sandbox.credentials import key_files
from sandbox.errors import SandboxError
from sandbox.layout import Layout

NAME = "metrics-server"
NAMESPACE = "kube-system"
RESOLUTION = "10s"
"""The shortest that metrics-server takes; an autoscaler acts on load after one or two of them."""

Object = dict[str, Any]
RBAC = "rbac.authorization.k8s.io"


def find(progress: Progress | None = None) -> Path | None:
    """The program: from `$KUBEBUILDER_ASSETS`, else built once; None, and a line that says why, where it cannot be had."""
    progress = progress or Progress()
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and os.access(Path(assets) / NAME, os.X_OK):
        return Path(assets) / NAME
    try:
        return parts.locate(NAME, progress) / NAME
    except SandboxError as error:
        progress.say(
            f"The sandbox goes on without {NAME}: autoscalers get no metrics and `kubectl top` fails. It could not be "
            f"built; KUBEBUILDER_ASSETS may also name a folder that holds it. {error}"
        )
        return None


def command(program: Path, layout: Layout) -> list[str]:
    """Its command line."""
    certificate, key = key_files(layout, f"{NAME}-api")
    config = layout.kubeconfig(NAME)
    flags = {
        "bind-address": "127.0.0.1",
        "secure-port": layout.ports.metrics_server,
        "tls-cert-file": certificate,
        "tls-private-key-file": key,
        "kubeconfig": config,
        "authentication-kubeconfig": config,
        "authorization-kubeconfig": config,
        "kubelet-certificate-authority": layout.authority,
        "kubelet-preferred-address-types": "InternalIP",
        "kubelet-use-node-status-port": "true",
        "metric-resolution": RESOLUTION,
        "kubelet-request-timeout": "5s",  # must be shorter than the resolution
    }
    return [str(program), *(f"--{name}={value}" for name, value in flags.items())]


def rights() -> list[tuple[str, Object]]:
    """What lets it read nodes, pods and the kubelet, and check its own callers: objects, each with the path of its collection."""
    rules = [
        {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": ["get", "list", "watch"]},
    ]
    base = f"/apis/{RBAC}/v1"
    role = {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": f"system:{NAME}"}, "rules": rules}
    roles, bindings = f"{base}/clusterroles", f"{base}/clusterrolebindings"
    return [
        (roles, role),
        (bindings, _binding("ClusterRoleBinding", f"system:{NAME}", "ClusterRole", f"system:{NAME}")),
        (bindings, _binding("ClusterRoleBinding", f"{NAME}:auth", "ClusterRole", "system:auth-delegator")),
        (
            f"{base}/namespaces/{NAMESPACE}/rolebindings",
            _binding("RoleBinding", f"{NAME}:reader", "Role", "extension-apiserver-authentication-reader"),
        ),
        (f"/api/v1/namespaces/{NAMESPACE}/services", _service()),
    ]


def registration(layout: Layout) -> tuple[str, Object]:
    """The APIService, with the path of its collection: to be made once metrics-server answers, else the API is marked as broken."""
    spec = {
        "group": "metrics.k8s.io",
        "version": "v1beta1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "service": {"name": NAME, "namespace": NAMESPACE, "port": layout.ports.metrics_server},
        "caBundle": base64.b64encode(layout.authority.read_bytes()).decode(),
    }
    metadata = {"name": "v1beta1.metrics.k8s.io"}
    path = "/apis/apiregistration.k8s.io/v1/apiservices"
    return path, {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": metadata, "spec": spec}


def _binding(kind: str, name: str, role_kind: str, role: str) -> Object:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": kind,
        "metadata": {"name": name} | ({"namespace": NAMESPACE} if kind == "RoleBinding" else {}),
        "roleRef": {"apiGroup": RBAC, "kind": role_kind, "name": role},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": NAME}],
    }


def _service() -> Object:
    """For a Service with a ClusterIP the API server would want EndpointSlices, which refuse loopback addresses."""
    spec = {"type": "ExternalName", "externalName": "localhost"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME, "namespace": NAMESPACE}, "spec": spec}
