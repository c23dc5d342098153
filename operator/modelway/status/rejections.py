"""Why the API server's admission refuses pods or children, in words for the model's user. Pure.

Admission plugins, policies and webhooks answer in prose. The prose of the built-in ones is stable, and tests hold it against the real API
server. The same rules read the ReplicaSet controller's words about pods and the answers to our own requests. The name of a refused pod is
left out, because it changes with each try and would change status.
"""

import re
from typing import NamedTuple

from modelway.status.reasons import Reason
from modelway.status.verdict import Readiness

_LONGEST_QUOTE = 700
_UNPROCESSABLE = 422


class _Rule(NamedTuple):
    """One kind of refusal."""

    pattern: re.Pattern[str]
    reason: Reason
    statement: str
    """What happened; holds {who}, {namespace} and the pattern's groups."""
    remedy: str


def _rule(pattern: str, reason: Reason, statement: str, remedy: str) -> _Rule:
    return _Rule(re.compile(pattern, re.DOTALL), reason, statement, remedy)


_RULES = (
    _rule(
        r"unable to create new content in namespace \S+ because it is being terminated",
        Reason.NAMESPACE_TERMINATING,
        "Namespace {namespace} is being deleted, so {who} cannot be created",
        "Apply the model in another namespace",
    ),
    _rule(
        r"exceeded quota: (?P<name>[^,\s]+), (?P<detail>.+)",
        Reason.QUOTA_EXCEEDED,
        "Quota {name} of namespace {namespace} leaves no room for {who} ({detail})",
        "Lower spec.runtime.resources or spec.scaling, delete what is not needed, or ask for more quota. A rolling update needs room for one more pod",
    ),
    _rule(
        r"failed quota: (?P<name>[^:\s]+): must specify (?P<detail>.+)",
        Reason.RESOURCES_MISSING,
        "Quota {name} of namespace {namespace} admits {who} only with {detail}",
        "Set those amounts in spec.runtime.resources",
    ),
    _rule(
        r"(?P<detail>(?:(?:maximum|minimum) \S+ usage|\S+ max limit to request ratio) per \w+ is .+?)\]?$",
        Reason.LIMIT_RANGE_VIOLATED,
        "A LimitRange of namespace {namespace} refuses {who}: {detail}",
        "Set spec.runtime.resources within these bounds (kubectl describe limitrange -n {namespace}), or ask for other bounds",
    ),
    _rule(
        r'violates PodSecurity "(?P<level>[^"]+)": (?P<detail>.+)',
        Reason.POD_SECURITY_VIOLATED,
        "Namespace {namespace} enforces Pod Security {level}, which refuses {who}: {detail}",
        "Exempt the namespace from what changes the pods, a sidecar injector for example, or ask whoever runs the cluster. Modelway's own pods keep to restricted",
    ),
    _rule(
        r'service account [^:]*: serviceaccounts? "(?P<name>[^"]+)" not found',
        Reason.SERVICE_ACCOUNT_NOT_FOUND,
        "Namespace {namespace} has no service account {name}, without which {who} cannot be created",
        "Create it: kubectl create serviceaccount {name} -n {namespace}; Kubernetes creates `default` by itself, so find out what deletes it",
    ),
    _rule(
        r"no PriorityClass with name (?P<name>\S+) was found",
        Reason.PRIORITY_CLASS_NOT_FOUND,
        "spec.scheduling.priorityClassName is {name}, and the cluster has no such PriorityClass",
        "Name one of those that exist (kubectl get priorityclasses), or leave the field out",
    ),
    _rule(
        r'RuntimeClass "(?P<name>[^"]+)" not found',
        Reason.RUNTIME_CLASS_NOT_FOUND,
        "spec.scheduling.runtimeClassName is {name}, and the cluster has no such RuntimeClass",
        "Name one of those that exist (kubectl get runtimeclasses), or leave the field out",
    ),
    _rule(
        r'failed calling webhook "(?P<name>[^"]+)": (?P<detail>.+)',
        Reason.WEBHOOK_FAILED,
        "Webhook {name}, which the API server must ask about {who}, does not answer: {detail}",
        "Ask whoever runs the cluster to repair or remove it. The change is retried automatically",
    ),
    _rule(
        r'admission webhook "(?P<name>[^"]+)" denied the request(?:: (?P<detail>.+)|)',
        Reason.POLICY_VIOLATED,
        "Webhook {name} refuses {who}: {detail}",
        "Change what it names, or ask whoever runs the cluster for an exception",
    ),
    _rule(
        r"ValidatingAdmissionPolicy '(?P<name>[^']+)' with binding '[^']*' denied request: (?P<detail>.+)",
        Reason.POLICY_VIOLATED,
        "Policy {name} refuses {who}: {detail}",
        "Change what it names, or ask whoever runs the cluster for an exception",
    ),
    _rule(
        r'User "(?P<name>[^"]+)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)"',
        Reason.OPERATOR_FORBIDDEN,
        "The operator ({name}) may not {verb} {resource} in namespace {namespace}, so {who} cannot be brought up to date",
        "Ask whoever runs the cluster to give it that right back: the chart of Modelway installs it",
    ),
)


def explain_refused_pods(message: str, *, namespace: str) -> Readiness:
    """Explain why no pod is created.

    Args:
        message: of the Deployment's condition ReplicaFailure.
        namespace: of the model.
    """
    words = _without_name(message)
    return _explain(words, "pods of the model", namespace) or Readiness(
        Reason.POD_REFUSED,
        f"The cluster refuses the model's pods: {_quote(words)}. Change what it names, or ask whoever runs the cluster.",
    )


def gist(message: str) -> str:
    """Return the part of a refusal of pods whose change is news. It lacks the pod's name and the present use of a quota."""
    return re.sub(r", used: .*?, limited: ", ", limited: ", _without_name(message))


def explain_refused_child(message: str, status: int, *, child: str, namespace: str) -> Readiness:
    """Explain why a child is not created or changed.

    Args:
        message: the API server's words.
        status: its HTTP status.
        child: kind and name.
        namespace: of the model.
    """
    known = _explain(message, child, namespace)
    if known is not None:
        return known
    if status == _UNPROCESSABLE:
        verdict = (
            f"The API server finds {child} invalid: {_quote(message)}. Correct the field of the spec that this names."
        )
        return Readiness(Reason.CHILD_INVALID, verdict)
    verdict = (
        f"The API server refuses {child}: {_quote(message)}. Change what this names, or ask whoever runs the cluster."
    )
    return Readiness(Reason.APPLY_FAILED, verdict)


def _explain(message: str, who: str, namespace: str) -> Readiness | None:
    for rule in _RULES:
        if match := rule.pattern.search(message):
            parts = {name: _quote(value or "no reason given") for name, value in match.groupdict().items()}
            words = {**parts, "who": who, "namespace": namespace}
            return Readiness(rule.reason, f"{rule.statement.format_map(words)}. {rule.remedy.format_map(words)}.")
    return None


def _without_name(message: str) -> str:
    return re.sub(r'^pods "[^"]*" is forbidden: ', "", message.strip())


def _quote(text: str) -> str:
    return text.strip().rstrip(".")[:_LONGEST_QUOTE]
