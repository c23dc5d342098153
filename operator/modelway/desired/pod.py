"""The pod template of a revision, with quantities and names as the API server keeps them. Pure."""

import math
from typing import Any

from modelway.api.labels import REVISION_LABEL, STABLE, TRACK_LABEL, object_labels, selector_labels
from modelway.api.ports import GRPC_PORT, HTTP_PORT, METRICS_PORT
from modelway.api.quantity import cores
from modelway.api.runtime import EnvVar
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired import credentials
from modelway.desired.container_resources import resource_requirements, without_devices
from modelway.desired.places import MODEL, PREPARED, TEMPORARY, TRAFFIC, Place, volumes_of
from modelway.desired.revision import Revision, without_empty
from modelway.settings import Settings

FETCH, PREPARE, SERVE = "fetch", "prepare", "serve"
DIGEST_FIELD = "spec.model.digest"

_TERMINATION_MARGIN_SECONDS = 15
_STARTUP_MARGIN_SECONDS = 10
"""The server itself reports that loading took too long; the startup probe must not end it earlier."""
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def pod_template(deployment: ModelDeployment, revision: Revision, settings: Settings) -> dict[str, Any]:
    """The `PodTemplateSpec` of a revision: fetch, prepare and serve the model under the restricted Pod Security Standard."""
    metadata: dict[str, Any] = {"labels": _labels(deployment, revision)}
    scheduling = deployment.spec.scheduling
    own = scheduling.annotations if scheduling is not None else None
    metadata["annotations"] = {**(own or {}), **credentials.annotations(deployment, (FETCH, PREPARE, SERVE))}
    limits = deployment.spec.runtime.limits
    spec: dict[str, Any] = {
        **credentials.pod_fields(deployment),
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": settings.drain_seconds
        + limits.request_timeout_seconds
        + _TERMINATION_MARGIN_SECONDS,
        "securityContext": {**_user(settings), "seccompProfile": {"type": "RuntimeDefault"}},
        "initContainers": [fetch_container(deployment, settings), prepare_container(deployment, settings)],
        "containers": [_serve_container(deployment, revision, settings)],
        "volumes": [*volumes_of(deployment), *credentials.volumes(deployment, settings)],
        **_placement(deployment, revision),
    }
    if settings.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in settings.image_pull_secrets]
    return {"metadata": metadata, "spec": spec}


def _user(settings: Settings) -> dict[str, Any]:
    user = settings.run_as_user
    named = {} if user == "assigned" else {"runAsUser": user, "runAsGroup": user, "fsGroup": user}
    return {"runAsNonRoot": True, **named}


def _labels(deployment: ModelDeployment, revision: Revision) -> dict[str, str]:
    scheduling = deployment.spec.scheduling
    own = scheduling.labels if scheduling is not None else None
    return {
        **(own or {}),
        **object_labels(deployment.metadata.name),
        TRACK_LABEL: STABLE,
        REVISION_LABEL: revision.hash,
    }


def fetch_container(
    deployment: ModelDeployment,
    settings: Settings,
    *,
    name: str = FETCH,
    uri: str | None = None,
    place: Place = MODEL,
) -> dict[str, Any]:
    """The container that fetches the model, or what lies at another URI, with the model's credentials."""
    model, limits = deployment.spec.model, deployment.spec.runtime.limits
    secret = model.storage.secret_ref if model.storage is not None else None
    common = _container(name, deployment, settings)
    return {
        **common,
        **credentials.container_fields(deployment),
        "image": _fetch_image(deployment, settings),
        "resources": without_devices(common["resources"]),
        "args": [
            "fetch",
            f"--uri={literal(uri or model.uri)}",
            f"--dest={place.directory}",
            f"--max-bytes={limits.max_artifact_bytes}",
            f"--timeout={limits.fetch_timeout_seconds}",
            f"--hosts={','.join(settings.policy_hosts)}",
            f"--private-addresses={settings.policy_private_addresses.lower()}",
            f"--secret-hosts={settings.policy_secret_hosts.lower() if secret is not None else 'optional'}",
            *(_digest_arguments(deployment) if uri is None else ()),
        ],
        "volumeMounts": [place.mount(), TEMPORARY.mount(), *credentials.mounts(deployment)],
    }


def _digest_arguments(deployment: ModelDeployment) -> list[str]:
    """The arguments by which `fetch` takes the bytes alone that the user names, and says which field names them."""
    wanted = deployment.spec.model.digest
    return [f"--digest={wanted}", f"--digest-field={DIGEST_FIELD}"] if wanted is not None else []


def _fetch_image(deployment: ModelDeployment, settings: Settings) -> str:
    """The platform's image, because a user's image must not see a Secret; the user's image for a file inside it."""
    own = deployment.spec.runtime.image
    return own if own is not None and deployment.spec.model.uri.startswith("file:") else settings.server_image


def prepare_container(
    deployment: ModelDeployment,
    settings: Settings,
    *,
    name: str = PREPARE,
    model_place: Place = MODEL,
    prepared_place: Place = PREPARED,
) -> dict[str, Any]:
    """The container that tries the model before anything serves. It may run the model's code, so it sees no credentials."""
    model, runtime = deployment.spec.model, deployment.spec.runtime
    return {
        **_container(name, deployment, settings),
        "args": [
            "prepare",
            f"--model-dir={model_place.directory}",
            f"--prepared-dir={prepared_place.directory}",
            f"--format={model.format}",
            f"--method={runtime.method}",
            f"--engine={runtime.engine}",
            f"--tolerance={runtime.tolerance}",
            *([] if runtime.precision == "full" else [f"--precision={runtime.precision}"]),
            *trust_arguments(deployment),
            f"--timeout={runtime.limits.startup_timeout_seconds}",
        ],
        "env": _shared_environment(deployment, settings),
        "volumeMounts": [model_place.mount(read_only=True), prepared_place.mount(), TEMPORARY.mount()],
    }


def trust_arguments(deployment: ModelDeployment, option: str = "--trusted-types") -> list[str]:
    """The argument that names what the model file may name."""
    names = deployment.spec.model.trusted_types
    return [f"{option}={','.join(names)}"] if names else []


def _serve_container(deployment: ModelDeployment, revision: Revision, settings: Settings) -> dict[str, Any]:
    limits = deployment.spec.runtime.limits
    startup_seconds = limits.startup_timeout_seconds + _STARTUP_MARGIN_SECONDS
    return {
        **_container(SERVE, deployment, settings),
        "args": _serve_arguments(deployment, revision, settings),
        "env": _environment(deployment, settings),
        "ports": [
            {"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"},
            {"name": "grpc", "containerPort": GRPC_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
        ],
        "startupProbe": _probe("/livez", period=1, timeout=5, failures=startup_seconds),
        "livenessProbe": _probe("/livez", period=10, timeout=5, failures=3),
        "readinessProbe": _probe("/readyz", period=2, timeout=5, failures=2),
        "volumeMounts": [
            MODEL.mount(read_only=True),
            PREPARED.mount(read_only=True),
            TRAFFIC.mount(read_only=True),
            TEMPORARY.mount(),
        ],
    }


def _serve_arguments(deployment: ModelDeployment, revision: Revision, settings: Settings) -> list[str]:
    model, runtime = deployment.spec.model, deployment.spec.runtime
    return [
        "serve",
        f"--model-dir={MODEL.directory}",
        f"--prepared-dir={PREPARED.directory}",
        *trust_arguments(deployment),
        f"--name={deployment.metadata.name}",
        f"--namespace={deployment.metadata.namespace}",
        f"--revision={revision.hash}",
        *([f"--model-version={model.version}"] if model.version is not None else []),
        f"--workers={runtime.workers}",
        f"--http-port={HTTP_PORT}",
        f"--grpc-port={GRPC_PORT}",
        f"--metrics-port={METRICS_PORT}",
        f"--max-request-bytes={runtime.limits.max_request_bytes}",
        f"--max-batch-rows={runtime.batching.max_rows}",
        f"--max-queue={runtime.limits.max_queue}",
        f"--max-connections={runtime.limits.max_connections}",
        *(["--access-log"] if runtime.access_log else []),
        *([f"--metric-aliases={','.join(runtime.metric_aliases)}"] if runtime.metric_aliases else []),
        f"--request-timeout={runtime.limits.request_timeout_seconds}",
        f"--startup-timeout={runtime.limits.startup_timeout_seconds}",
        f"--drain-seconds={settings.drain_seconds}",
    ]


def _environment(deployment: ModelDeployment, settings: Settings) -> list[dict[str, Any]]:
    """The pod's own address and name, the thread counts, then what the user set."""
    return [
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
        *_shared_environment(deployment, settings),
    ]


def _shared_environment(deployment: ModelDeployment, settings: Settings) -> list[dict[str, Any]]:
    """The variables of both `prepare` and `serve`."""
    walls = [] if settings.walls == "try" else [{"name": "MODELWAY_WALLS", "value": settings.walls}]
    return [*walls, *_thread_counts(deployment, settings), *map(_variable, deployment.spec.runtime.env)]


def _thread_counts(deployment: ModelDeployment, settings: Settings) -> list[dict[str, Any]]:
    """The thread counts, from the CPU request; a user's own count replaces ours."""
    runtime = deployment.spec.runtime
    request = resource_requirements(runtime.resources, settings)["requests"]["cpu"]
    threads = max(1, math.ceil(cores(request) / runtime.workers))
    own = {variable.name for variable in runtime.env}
    return [{"name": name, "value": str(threads)} for name in _THREAD_VARIABLES if name not in own]


def _variable(variable: EnvVar) -> dict[str, Any]:
    """The variable as the API server keeps it: without a value where that is empty."""
    return {"name": variable.name, "value": variable.value} if variable.value else {"name": variable.name}


def _container(name: str, deployment: ModelDeployment, settings: Settings) -> dict[str, Any]:
    return {
        "name": name,
        "image": deployment.spec.runtime.image or settings.server_image,
        "imagePullPolicy": settings.image_pull_policy,
        "resources": resource_requirements(deployment.spec.runtime.resources, settings),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _placement(deployment: ModelDeployment, revision: Revision) -> dict[str, Any]:
    """Where the pods may run. By default they spread over nodes as far as possible."""
    scheduling = deployment.spec.scheduling
    fields = scheduling.model_dump(mode="json", by_alias=True, exclude_none=True) if scheduling is not None else {}
    spread = fields.pop("topologySpread", None) or [
        {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    ]
    placement = {key: value for key, value in fields.items() if key not in {"labels", "annotations"} and value}
    if "affinity" in placement:
        placement["affinity"] = without_empty(placement["affinity"])
    placement["topologySpreadConstraints"] = [
        {
            **item,
            "labelSelector": {
                "matchLabels": {**selector_labels(deployment.metadata.name), REVISION_LABEL: revision.hash}
            },
        }
        for item in spread
    ]
    return placement


def _probe(path: str, *, period: int, timeout: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": METRICS_PORT},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
    }


def literal(text: str) -> str:
    """The text as an argument that Kubernetes does not expand: `$(NAME)` stays as it is."""
    return text.replace("$", "$$")
