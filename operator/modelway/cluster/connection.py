"""Where the API server is and how to prove who we are, read once and shared by every client in the process.

Order: an explicit kubeconfig, `$KUBECONFIG`, the service account of the pod, `~/.kube/config`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kubernetes.aio import client, config
from yaml import YAMLError

from modelway.errors import NoCluster

POOL_SIZE = 48
"""Connections to the API server: the most requests in flight at once."""

HOME_KUBECONFIG = Path("~/.kube/config")
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True)
class Connection:
    """A configured way to one API server."""

    configuration: client.Configuration
    namespace: str = "default"
    """The namespace that requests are about where none is named."""
    user: str = ""
    """What the kubeconfig calls whoever asks; empty in a pod."""

    async def bearer_token(self) -> str | None:
        """The token as it is now: a projected service account token is read again once it may have been rotated."""
        auth = await self.configuration.auth_settings()
        value = auth.get("BearerToken", {}).get("value")
        return str(value).split(" ", 1)[-1].strip() if value else None


async def connect(
    kubeconfig: Path | None = None, environment: Mapping[str, str] = os.environ, context: str | None = None
) -> Connection:
    """Read how to reach the API server; sends nothing yet.

    Args:
        kubeconfig: a kubeconfig file that overrides what the environment says.
        environment: where `KUBECONFIG`, which may name several files, and the pod's service variables are looked up.
        context: the context of the kubeconfig; the current one when None.

    Raises:
        NoCluster: no configuration was found, or it cannot be read.
    """
    configuration = client.Configuration()
    configuration.connection_pool_maxsize = POOL_SIZE
    path = str(kubeconfig or "") or _kubeconfig_of(environment)
    try:
        if path:
            await config.load_kube_config(  # type: ignore[no-untyped-call]
                path, context, client_configuration=configuration, persist_config=False
            )
            chosen = _context_of(path, context)
            return Connection(configuration, str(chosen.get("namespace") or "default"), str(chosen.get("user") or ""))
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        return Connection(configuration, _namespace_of_the_pod())
    except (config.ConfigException, OSError, ValueError, TypeError, YAMLError) as error:
        raise NoCluster(_no_cluster(path, context, environment, error)) from error


def _context_of(path: str, context: str | None) -> Mapping[str, object]:
    contexts, current = config.list_kube_config_contexts(path)  # type: ignore[no-untyped-call]
    chosen: Mapping[str, object] = next((one for one in contexts if one["name"] == context), current)["context"]
    return chosen


def _namespace_of_the_pod() -> str:
    return POD_NAMESPACE.read_text() if POD_NAMESPACE.exists() else "default"


def _no_cluster(path: str, context: str | None, environment: Mapping[str, str], error: Exception) -> str:
    if path:
        wanted = f"context {context} of kubeconfig {path}" if context else f"kubeconfig {path}"
        return f"cannot connect to a cluster by {wanted}: {error}. See what there is: kubectl config get-contexts"
    if "KUBERNETES_SERVICE_HOST" in environment:
        return f"cannot connect to a cluster by the pod's service account: {error}. Mount its token."
    return (
        f"there is no kubeconfig: name one by --kubeconfig or KUBECONFIG, or put it at {HOME_KUBECONFIG}. "
        "Whoever runs the cluster has one for you"
    )


def _kubeconfig_of(environment: Mapping[str, str]) -> str:
    if environment.get("KUBECONFIG"):
        return environment["KUBECONFIG"]
    home = HOME_KUBECONFIG.expanduser()
    return str(home) if "KUBERNETES_SERVICE_HOST" not in environment and home.exists() else ""
