"""Check a spec against the platform's policy, which the chart sets. Pure.

The chart's ValidatingAdmissionPolicy checks the same at apply, if the platform turns it on; tests/support/operator/policies.py holds both together.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from modelway.api.scheduling import Toleration
from modelway.api.v1alpha1 import ModelDeployment
from modelway.errors import NotPermitted, Problem
from modelway.settings import Settings

SYSTEM_CLASSES = "system-"
"""The prefix of PriorityClasses that evict everything else; only their full names allow them."""
NODE_ROLES = "node-role.kubernetes.io/"
"""The prefix of the taints of control planes; only their full names allow them."""
NO_PROMETHEUS = (
    "the platform has set no Prometheus: ask whoever runs Modelway to set rollouts.prometheus.url of its chart"
)
_REMEDY = "choose another, or ask whoever runs Modelway to change that value of its chart"
_EVERY_TAINT = (
    "has no key, so it tolerates every taint, which policy.tolerateEverything forbids: name the key of a taint, "
    "or ask whoever runs Modelway to change that value of its chart"
)
_PORTS = {"http": "80", "https": "443"}
_WEB_ADDRESS = re.compile(r"(https?)://(\[[^\]]*\]|[^/:]+)(?::([0-9]+))?/")


def check(deployment: ModelDeployment, settings: Settings, *, is_on_trial: bool = False) -> None:
    """Check that the platform allows what a spec asks for.

    Args:
        deployment: what is asked for.
        settings: what the platform decides.
        is_on_trial: whether a candidate is being judged. Its rollout must go on, so a metric that may not be asked is only inconclusive.

    Raises:
        NotPermitted: it does not; each problem names the field, the value and the policy.
    """
    problems = [
        *_model_problems(deployment, settings),
        *_pod_problems(deployment, settings),
        *(() if is_on_trial else _metric_problems(deployment, settings)),
    ]
    if problems:
        raise NotPermitted(problems)


def _model_problems(deployment: ModelDeployment, settings: Settings) -> Iterator[Problem]:
    model, image = deployment.spec.model, deployment.spec.runtime.image
    yield from _host_problems("spec.model.uri", model.uri, settings)
    for index, one in enumerate(model.candidates):
        field = f"spec.model.candidates[{index}]"
        yield from _host_problems(f"{field}.uri", one.uri, settings)
        yield from _type_problems(f"{field}.trustedTypes", one.trusted_types, settings)
    evaluation = deployment.spec.evaluation
    if evaluation is not None:
        yield from _host_problems("spec.preflight.evaluation.dataset.uri", evaluation.dataset.uri, settings)
    replay = deployment.spec.rollout.replay if deployment.spec.rollout is not None else None
    if replay is not None and replay.dataset is not None:
        yield from _host_problems("spec.rollout.replay.dataset.uri", replay.dataset.uri, settings)
    if model.storage is not None and model.storage.secret_ref is not None:
        name = model.storage.secret_ref.name
        if not _is_allowed(settings.policy_secrets, name):
            yield _problem("spec.model.storage.secretRef.name", name, "secrets.names", settings.policy_secrets)
    account = model.storage.service_account_name if model.storage is not None else None
    if account is not None and not _is_allowed(settings.policy_service_accounts, account, by_full_name="default"):
        policy, allowed = "serviceAccounts", settings.policy_service_accounts
        yield _problem("spec.model.storage.serviceAccountName", account, policy, allowed)
    if image is not None and not _is_allowed(settings.policy_images, image):
        yield _problem("spec.runtime.image", image, "images", settings.policy_images)
    yield from _type_problems("spec.model.trustedTypes", model.trusted_types, settings)


def _type_problems(field: str, names: Iterable[str], settings: Settings) -> Iterator[Problem]:
    for name in names:
        if not _is_allowed(settings.policy_trusted_types, name):
            yield _problem(field, name, "trustedTypes", settings.policy_trusted_types)


def _host_problems(field: str, uri: str, settings: Settings) -> Iterator[Problem]:
    if match := _WEB_ADDRESS.match(uri):
        scheme, host, port = match.groups()
        place = f"{host.lower().strip('[]').removesuffix('.')}:{port or _PORTS[scheme]}"
        if not _matches(map(_host_pattern, settings.policy_hosts), place):
            yield _problem(field, f"the host {place}", "hosts", settings.policy_hosts)


def _metric_problems(deployment: ModelDeployment, settings: Settings) -> Iterator[Problem]:
    """Sources of metrics that the platform does not name: the operator asks them, and it reaches more than an author does."""
    rollout = deployment.spec.rollout
    for index, one in enumerate(rollout.limits.metrics if rollout is not None else ()):
        field = f"spec.rollout.analysis.metrics[{index}]"
        if one.prometheus is not None and not settings.rollouts_prometheus_url:
            yield Problem(f"{field}.prometheus", NO_PROMETHEUS)
        if one.webhook is not None and not is_allowed_webhook(one.webhook.url, settings.rollouts_webhooks_allowed):
            yield Problem(f"{field}.webhook.url", refused_webhook(one.webhook.url, settings.rollouts_webhooks_allowed))


def is_allowed_webhook(address: str, allowed: Iterable[str]) -> bool:
    """Whether an address is one of those allowed, or below one: of the same scheme, host and port, and with its path first."""
    scheme, place, path = _address_parts(address)
    for prefix in allowed:
        above = _address_parts(prefix)
        if (scheme, place) == above[:2] and f"{path}/".startswith(f"{above[2].rstrip('/')}/"):
            return True
    return False


def refused_webhook(address: str, allowed: Sequence[str]) -> str:
    """What is said of an address that is not allowed."""
    return (
        f"{address} is below no address in rollouts.webhooks.allowed ({', '.join(allowed) or 'none is'}): choose another, "
        "or ask whoever runs Modelway to change that value of its chart"
    )


def _address_parts(address: str) -> tuple[str, str, str]:
    """Scheme, host with port, and path of an address, which has been held to the API's pattern."""
    parts = urlsplit(address)
    return parts.scheme, f"{parts.hostname}:{parts.port or _PORTS[parts.scheme]}", parts.path


def _pod_problems(deployment: ModelDeployment, settings: Settings) -> Iterator[Problem]:
    scheduling = deployment.spec.scheduling
    if scheduling is None:
        return
    priority, allowed = scheduling.priority_class_name, settings.policy_priority_classes
    if priority is not None and not _is_allowed(allowed, priority, by_full_name=SYSTEM_CLASSES):
        yield _problem("spec.scheduling.priorityClassName", priority, "priorityClasses", allowed)
    runtime, allowed = scheduling.runtime_class_name, settings.policy_runtime_classes
    if runtime is not None and not _is_allowed(allowed, runtime):
        yield _problem("spec.scheduling.runtimeClassName", runtime, "runtimeClasses", allowed)
    yield from _key_problems(scheduling.labels or (), "labels", settings.policy_labels)
    yield from _key_problems(scheduling.annotations or (), "annotations", settings.policy_annotations)
    for index, toleration in enumerate(scheduling.tolerations):
        field = f"spec.scheduling.tolerations[{index}]"
        yield from _toleration_problems(field, toleration, settings)


def _key_problems(keys: Iterable[str], field: str, allowed: Sequence[str]) -> Iterator[Problem]:
    """The forbidden keys of labels or annotations; by such keys, other controllers give pods sidecars, Secrets, identities and devices."""
    for key in keys:
        if not _matches(map(_key_pattern, allowed), key):
            yield _problem(f"spec.scheduling.{field}", key, field, allowed)


def _toleration_problems(field: str, toleration: Toleration, settings: Settings) -> Iterator[Problem]:
    allowed = settings.policy_tolerations
    if toleration.key is None:
        if not settings.policy_tolerate_everything:
            yield Problem(field, _EVERY_TAINT)
    elif not _is_allowed(allowed, toleration.key, by_full_name=NODE_ROLES):
        yield _problem(f"{field}.key", toleration.key, "tolerations", allowed)


def _problem(field: str, value: str, policy: str, allowed: Sequence[str]) -> Problem:
    return Problem(field, f"{value} is not allowed by policy.{policy} ({', '.join(allowed) or 'none is'}): {_REMEDY}")


def _is_allowed(patterns: Sequence[str], value: str, *, by_full_name: str | None = None) -> bool:
    """Whether one of the patterns allows the value; `*` in them stands for anything.

    Args:
        patterns: what is allowed.
        value: what is asked for.
        by_full_name: how values begin that only their full name allows.
    """
    if by_full_name is not None and value.startswith(by_full_name):
        return value in patterns
    return _matches((re.escape(pattern).replace(r"\*", ".*") for pattern in patterns), value)


def _matches(expressions: Iterator[str], value: str) -> bool:
    return any(re.fullmatch(expression, value) for expression in expressions)


def _key_pattern(pattern: str) -> str:
    """The expression for keys. `*` matches no dot and no slash; in a pattern with a slash, such as `example.com/*`, it matches dots."""
    domain, slash, name = pattern.rpartition("/")
    if not slash:
        return re.escape(name).replace(r"\*", "[^./]*")
    return "/".join((re.escape(domain).replace(r"\*", "[^/]*"), re.escape(name).replace(r"\*", "[^/]*")))


def _host_pattern(host: str) -> str:
    """The expression for `host:port`; an entry without a port allows all ports."""
    port = re.search(r":[0-9]+$", host)
    name = host.removesuffix(port[0]) if port else host
    return re.escape(name.strip("[]")).replace(r"\*", ".*") + (port[0] if port else ":[0-9]+")
