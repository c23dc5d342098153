"""What the container `fetch` proves itself with, and no other: the keys of a Secret, and the token of a service account. Pure."""

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
"""Set to nothing, so that no key of a Secret makes `fetch` run code that it fetched before."""
_VOLUME, _DIRECTORY, _FILE = "identity", "/var/run/secrets/modelway", "token"
_TOKEN_SECONDS = 3600
_OTHERS = ("prepare", "serve")

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
    """The volume of the token, as `fetch` alone sees it."""
    return [{"name": _VOLUME, "mountPath": _DIRECTORY, "readOnly": True}] if _account(deployment) else []


def volumes(deployment: ModelDeployment, settings: Settings) -> list[dict[str, Any]]:
    """The token of the service account that the user named, made for the cloud alone: the API server takes it from nobody."""
    if not _account(deployment):
        return []
    token = {"path": _FILE, "audience": settings.token_audience, "expirationSeconds": _TOKEN_SECONDS}
    projected = {"defaultMode": 0o440, "sources": [{"serviceAccountToken": token}]}
    return [{"name": _VOLUME, "projected": projected}]


def pod_fields(deployment: ModelDeployment) -> dict[str, Any]:
    """The account of the pod; no token of it is mounted by Kubernetes itself.

    It is named in any case: the API server keeps a copy of the name under `serviceAccount`, which would bring back one that was taken out.
    """
    return {"automountServiceAccountToken": False, "serviceAccountName": _account(deployment) or DEFAULT_ACCOUNT}


def annotations(deployment: ModelDeployment) -> dict[str, str]:
    """What keeps the webhooks of clouds from giving the account's token to the containers that run the model.

    Where no account is named, the pods run under `default`, whose identity nobody has been allowed: no container gets it.
    """
    skipped = _OTHERS if _account(deployment) else ("fetch", *_OTHERS)
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
