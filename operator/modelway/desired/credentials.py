"""The credentials of the container `fetch`, and of no other: keys of a Secret and the token of a service account. Pure."""

from collections.abc import Iterable
from typing import Any

from modelway.api.v1alpha1 import ModelDeployment
from modelway.settings import Settings

_LOADER_VARIABLES = (
    "LD_AUDIT",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "GLIBC_TUNABLES",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
)
"""Set to empty values, so that no key of a Secret makes `fetch` run code that it has fetched."""
_VOLUME, _DIRECTORY, _FILE = "identity", "/var/run/secrets/modelway", "token"
_TOKEN_SECONDS = 3600
_FETCH = "fetch"
"""How the names of containers begin that may see credentials."""

DEFAULT_ACCOUNT = "default"
"""The service account of pods that name none."""


def container_fields(deployment: ModelDeployment) -> dict[str, Any]:
    """The environment of `fetch`."""
    secret, account = _secret(deployment), _account(deployment)
    environment = [{"name": name} for name in _LOADER_VARIABLES] if secret else []
    if account:
        environment.append({"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": f"{_DIRECTORY}/{_FILE}"})
    return {
        **({"envFrom": [{"secretRef": {"name": secret}}]} if secret else {}),
        **({"env": environment} if environment else {}),
    }


def mounts(deployment: ModelDeployment) -> list[dict[str, Any]]:
    """The mount of the token, for `fetch` alone."""
    return [{"name": _VOLUME, "mountPath": _DIRECTORY, "readOnly": True}] if _account(deployment) else []


def volumes(deployment: ModelDeployment, settings: Settings) -> list[dict[str, Any]]:
    """The volume with the token of the user's service account. Its audience is the cloud; the API server does not accept it."""
    if not _account(deployment):
        return []
    token = {"path": _FILE, "audience": settings.token_audience, "expirationSeconds": _TOKEN_SECONDS}
    projected = {"defaultMode": 0o440, "sources": [{"serviceAccountToken": token}]}
    return [{"name": _VOLUME, "projected": projected}]


def pod_fields(deployment: ModelDeployment) -> dict[str, Any]:
    """The service account of the pod, without the token that Kubernetes mounts by default.

    The account is always named. The API server copies the name to `serviceAccount`, and that copy would restore a name that was removed.
    """
    return {"automountServiceAccountToken": False, "serviceAccountName": _account(deployment) or DEFAULT_ACCOUNT}


def annotations(deployment: ModelDeployment, containers: Iterable[str]) -> dict[str, str]:
    """Keep the webhooks of clouds from giving the account's token to the containers that run the model.

    Without a named account the pods run under `default`. No user was granted its identity, so no container gets it.

    Args:
        deployment: whose pod it is.
        containers: the names of all of them.
    """
    account = _account(deployment)
    skipped = [name for name in containers if not (account and name.startswith(_FETCH))]
    return {
        "eks.amazonaws.com/skip-containers": ",".join(skipped),
        "azure.workload.identity/skip-containers": ";".join(skipped),
    }


def _secret(deployment: ModelDeployment) -> str | None:
    storage = deployment.spec.model.storage
    return storage.secret_ref.name if storage is not None and storage.secret_ref is not None else None


def _account(deployment: ModelDeployment) -> str | None:
    storage = deployment.spec.model.storage
    return storage.service_account_name if storage is not None else None
