"""The settings of the platform for all models, read once from the environment, which the chart sets."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from modelway.api.ports import GRPC_PORT, METRICS_PORT
from modelway.api.quantity import Cpu, Memory, byte_count
from modelway.errors import InvalidSettings

_PREFIX = "MODELWAY_"


def _split(value: object) -> object:
    if value == "-":
        return ()
    return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


Port = Annotated[int, Field(ge=1, le=65535)]
Names = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")], ...], BeforeValidator(_split)
]
"""Names of Kubernetes objects, in the environment separated by commas."""

HOST_PATTERN = r"^(\*|(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$"
Hosts = Annotated[tuple[Annotated[str, Field(pattern=HOST_PATTERN)], ...], BeforeValidator(_split)]
"""Hosts, in the environment separated by commas; `-` for none."""

PATTERN = r"^[^\s,]+$"
Patterns = Annotated[tuple[Annotated[str, Field(pattern=PATTERN)], ...], BeforeValidator(_split)]
"""Names with `*` for anything, in the environment separated by commas; `-` for none."""


WEBHOOK_PREFIX_PATTERN = r"^https?://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?(/[-A-Za-z0-9_~][-A-Za-z0-9._~]*)*/?$"
Addresses = Annotated[tuple[Annotated[str, Field(pattern=WEBHOOK_PREFIX_PATTERN)], ...], BeforeValidator(_split)]
"""Web addresses, in the environment separated by commas; `-` for none."""


class Settings(BaseModel):
    """The operator's settings; each is the environment variable `MODELWAY_<NAME>`, and its default holds when that is unset or empty."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server_image: Annotated[str, Field(pattern=r"^\S+$")] = f"modelway/server:{version('modelway')}"
    """The image of the model server."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When nodes pull the server's image."""
    image_pull_secrets: Names = ()
    """Secrets for pulling it, in the namespace of each ModelDeployment; separated by commas."""
    image_policy: Literal["Pinned", "Follow"] = "Pinned"
    """What a new server image does to models that run: Pinned leaves them as they are, Follow rolls them out anew."""
    follow_at_once: Annotated[int, Field(ge=1, le=1000)] = 3
    """How many models are being rolled out when another one is begun with for the platform's sake, 1 to 1000: by Follow, or since images
    are pulled in another way."""
    preflight_enabled: bool = True
    """Whether a Job proves each revision before pods serve it, where spec.preflight.enabled does not say."""
    preflight_max_concurrent: Annotated[int, Field(ge=1, le=1000)] = 4
    """How many such Jobs run at once in the whole cluster, 1 to 1000; the namespaces take turns."""
    policy_images: Patterns = ("*",)
    """The images that spec.runtime.image may name, with `*` for anything; `-` for none."""
    policy_secrets: Patterns = ("*",)
    """The Secrets that spec.model.storage.secretRef may name."""
    policy_service_accounts: Patterns = ()
    """The ServiceAccounts that spec.model.storage.serviceAccountName may name; none by default, and `default` by its full name only."""
    policy_priority_classes: Patterns = ("*",)
    """The PriorityClasses that spec.scheduling may name; those that begin with system- are allowed by their full names only."""
    policy_runtime_classes: Patterns = ("*",)
    """The RuntimeClasses that spec.scheduling may name; one may bring tolerations of its own."""
    policy_labels: Patterns = ("*",)
    """The keys that spec.scheduling.labels may have; `*` stands for no dot and no slash, but in patterns that have a slash: `example.com/*`."""
    policy_annotations: Patterns = ("*", "cluster-autoscaler.kubernetes.io/*", "prometheus.io/*")
    """The same for spec.scheduling.annotations."""
    policy_trusted_types: Patterns = ("*",)
    """What spec.model.trustedTypes may name."""
    policy_tolerations: Patterns = ("*",)
    """The keys of taints that spec.scheduling.tolerations may name; those that begin with node-role.kubernetes.io/ by their full names only."""
    policy_tolerate_everything: bool = False
    """Whether a toleration without a key, which tolerates every taint, is allowed."""
    policy_hosts: Hosts = ("*",)
    """The hosts that models may come from, redirects and S3 endpoints included, separated by commas: `models.example.com`,
    `*.example.com`, `minio.example.com:9000`; `-` for none."""
    policy_private_addresses: Literal["Allow", "Refuse"] = "Allow"
    """Whether models may come from addresses that are not of the public internet; hosts that policy_hosts names in full may have them always."""
    policy_secret_hosts: Literal["Optional", "Required"] = "Optional"  # noqa: S105 -- a choice, no password
    """Whether a Secret is used only where its key MODELWAY_HOSTS says that it may be sent."""
    token_audience: Annotated[str, Field(pattern=r"^[^\s,]{1,253}$")] = "sts.amazonaws.com"  # noqa: S105 -- a name
    """Whom the tokens of service accounts are made for that open stores."""
    run_as_user: Annotated[int, Field(ge=1, le=4294967294)] | Literal["assigned"] = 65532
    """The number of the user that models run as, above 0; `assigned` names none, so that the platform assigns one, as OpenShift does."""
    service_port: Port = 80
    """The port of each model's Service, 1 to 65535."""
    drain_seconds: Annotated[int, Field(ge=0, le=300)] = 15
    """For how many seconds a server that is told to stop keeps serving, so that no client is sent to a closed port; 0 to 300."""
    walls: Literal["try", "require", "off"] = "try"
    """What a model server does about the kernel's walls around a model: raise those there are, end where one is missing, or raise none."""
    default_cpu_request: Cpu = "250m"
    """The CPU request of a pod whose spec has none."""
    default_memory_request: Memory = "512Mi"
    """The memory request of a pod whose spec has none."""
    default_memory_limit: Memory = "1Gi"
    """The memory limit of a pod whose spec has none."""
    rollouts_prometheus_url: Annotated[str, Field(pattern=r"^(https?://[^\s@?#]+)?$")] = ""
    """The Prometheus that metrics of spec.rollout.analysis ask, below which /api/v1/query is; none when empty."""
    rollouts_prometheus_secret: str = ""
    """A folder with headers for it, a file each, and its certificates in ca.crt."""
    rollouts_webhooks_allowed: Addresses = ()
    """The addresses below which webhooks of spec.rollout.analysis may be, separated by commas; `-` for none."""
    revision_history_limit: Annotated[int, Field(ge=1, le=100)] = 10
    """How many earlier revisions of a model are kept, 1 to 100."""
    progress_deadline_seconds: Annotated[int, Field(ge=30, le=86400)] = 600
    """After how many seconds without progress a rollout counts as failed, 30 to 86400; a model that may take longer to start gets more."""
    watch_namespaces: Names = ()
    """The namespaces served, separated by commas; all when empty."""
    lease: Annotated[str, Field(pattern=r"^([a-z0-9-]+/[a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$")] = ""
    """The Lease by which one of several operators leads, as namespace/name; this operator takes itself for the only one when empty."""
    resync_seconds: Annotated[int, Field(ge=10, le=86400)] = 300
    """How often everything is listed anew to find what a watch has missed, 10 to 86400."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe messages that are logged."""
    host: str = ""
    """The address of the operator's health and metrics endpoints; when empty every one in a pod, 127.0.0.1 elsewhere."""
    health_port: Port = 8080
    """The port of the operator's health and metrics endpoints, 1 to 65535."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings; variables that do not begin with `MODELWAY_` are passed over.

        Raises:
            InvalidSettings: a value cannot be used, or there is no such setting; the text names each variable.
        """
        values = {
            name.removeprefix(_PREFIX).lower(): text.strip()
            for name, text in environment.items()
            if name.startswith(_PREFIX) and text.strip()
        }
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            raise InvalidSettings("; ".join(map(_explain, error.errors(include_url=False)))) from None
        port_user = {GRPC_PORT: "gRPC", METRICS_PORT: "metrics"}.get(settings.service_port)
        if port_user:
            raise InvalidSettings(
                f"MODELWAY_SERVICE_PORT is {settings.service_port}, which is the port of {port_user} on each model's Service: choose another one"
            )
        if byte_count(settings.default_memory_request) > byte_count(settings.default_memory_limit):
            raise InvalidSettings(
                f"MODELWAY_DEFAULT_MEMORY_REQUEST is {settings.default_memory_request}, which is above "
                f"MODELWAY_DEFAULT_MEMORY_LIMIT, {settings.default_memory_limit}: raise the limit or lower the request"
            )
        return settings


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return _PREFIX + name.upper()


def _explain(detail: ErrorDetails) -> str:
    setting = variable(str(detail["loc"][0]))
    if detail["type"] == "extra_forbidden":
        return f"{setting} is not a setting; those known are {', '.join(map(variable, Settings.model_fields))}"
    return f"{setting} is {detail['input']!r}: {detail['msg'].removeprefix('Input ')}"
