"""Where the API server is and how to prove who we are, read once and shared by every client in the process.

Order: an explicit kubeconfig, `$KUBECONFIG`, the service account of the pod, `~/.kube/config`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kubernetes.aio import client, config

from modelway.errors import NoCluster

POOL_SIZE = 32
"""Connections to the API server: the most requests in flight at once."""

HOME_KUBECONFIG = Path("~/.kube/config")


@dataclass(frozen=True)
class Connection:
    """A configured way to one API server."""

    configuration: client.Configuration

    async def bearer_token(self) -> str | None:
        """The token as it is now: a projected service account token is read again once it may have been rotated."""
        auth = await self.configuration.auth_settings()
        value = auth.get("BearerToken", {}).get("value")
        return str(value).split(" ", 1)[-1].strip() if value else None


async def connect(kubeconfig: Path | None = None, environment: Mapping[str, str] = os.environ) -> Connection:
    """Read how to reach the API server; sends nothing yet.

    Args:
        kubeconfig: a kubeconfig file that overrides what the environment says.
        environment: where `KUBECONFIG` and the pod's service variables are looked up.

    Raises:
        NoCluster: no configuration was found, or it cannot be read.
    """
    configuration = client.Configuration()
    configuration.connection_pool_maxsize = POOL_SIZE
    # Else every request reads ~/.netrc in a thread of its own; the watches do not look at proxies in the environment either.
    configuration.client_session_kwargs = {"trust_env": False}
    path = kubeconfig or _kubeconfig_of(environment)
    try:
        if path is not None:
            await config.load_kube_config(  # type: ignore[no-untyped-call]
                str(path), client_configuration=configuration, persist_config=False
            )
        else:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (config.ConfigException, OSError, ValueError) as error:
        where = f"kubeconfig {path}" if path else "the pod's service account"
        raise NoCluster(
            f"cannot connect to a cluster by {where}: {error}. Set KUBECONFIG to a working file."
        ) from error
    return Connection(configuration)


def _kubeconfig_of(environment: Mapping[str, str]) -> Path | None:
    if environment.get("KUBECONFIG"):
        return Path(environment["KUBECONFIG"])
    home = HOME_KUBECONFIG.expanduser()
    return home if "KUBERNETES_SERVICE_HOST" not in environment and home.exists() else None
