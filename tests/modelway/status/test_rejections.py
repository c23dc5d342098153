"""Refusals in the API server's own words, told to whoever asked for the model; the words were recorded from Kubernetes 1.34."""

import pytest

from modelway.status.rejections import explain_refused_child, explain_refused_pods

PODS = {
    "exceeded quota: team, requested: pods=1, used: pods=3, limited: pods=3": ("QuotaExceeded", "Quota team of namespace risk"),
    "failed quota: team: must specify limits.cpu for: fetch,prepare,serve": ("ResourcesMissing", "limits.cpu for: fetch,prepare,serve"),
    "maximum cpu usage per Container is 100m, but limit is 250m": ("LimitRangeViolated", "100m"),
    "[minimum memory usage per Pod is 4Gi, but request is 512Mi, maximum cpu usage per Pod is 1, but limit is 2]": ("LimitRangeViolated", "but limit is 2. Set"),
    "cpu max limit to request ratio per Container is 1, but provided ratio is 4.000000": ("LimitRangeViolated", "ratio is 4"),
    'violates PodSecurity "restricted:latest": host namespaces (hostNetwork=true)': ("PodSecurityViolated", "hostNetwork=true"),
    'error looking up service account risk/default: serviceaccount "default" not found': ("ServiceAccountNotFound", "kubectl create serviceaccount default -n risk"),
    "no PriorityClass with name gold was found": ("PriorityClassNotFound", "spec.scheduling.priorityClassName is gold"),
    'pod rejected: RuntimeClass "gvisor" not found': ("RuntimeClassNotFound", "spec.scheduling.runtimeClassName is gvisor"),
    "ValidatingAdmissionPolicy 'no-forests' with binding 'all' denied request: no forests here": ("PolicyViolated", "no forests here"),
    "something new": ("PodRefused", "something new"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "cause"), PODS.items(), ids=[reason for reason, _ in PODS.values()])
def test_refused_pods_get_their_reason_and_the_name_at_fault(words: str, cause: tuple[str, str]) -> None:
    verdict = explain_refused_pods(f'pods "fraud-7d9-x2x4z" is forbidden: {words}', namespace="risk")
    assert verdict.reason == cause[0]
    assert cause[1] in verdict.message


@pytest.mark.parametrize("words", PODS)
def test_name_of_a_refused_pod_is_left_out(words: str) -> None:
    first, second = (
        explain_refused_pods(f'pods "fraud-{name}" is forbidden: {words}', namespace="risk")
        for name in ("aaaaa", "bbbbb")
    )
    assert first == second


@pytest.mark.parametrize(
    ("words", "status", "reason", "says"),
    [
        ('deployments.apps "fraud" is forbidden: User "system:serviceaccount:s:modelway" cannot patch resource "deployments" in API group "apps" in the namespace "risk"', 403, "OperatorForbidden", "may not patch deployments in namespace risk"),
        ('services "fraud" is forbidden: exceeded quota: q, requested: services=1, used: services=0, limited: services=0', 403, "QuotaExceeded", "no room for Service fraud"),
        ('Internal error occurred: failed calling webhook "v.example.com": failed to call webhook: connection refused', 500, "WebhookFailed", "Webhook v.example.com"),
        ('admission webhook "v.example.com" denied the request: not on Fridays', 400, "PolicyViolated", "not on Fridays"),
        ('Deployment.apps "fraud" is invalid: spec.replicas: Invalid value: -1', 422, "ChildInvalid", "spec.replicas"),
        ("the body is too strange", 400, "ApplyFailed", "too strange"),
    ],
)  # fmt: skip
def test_a_refusal_of_a_child_names_the_child(words: str, status: int, reason: str, says: str) -> None:
    verdict = explain_refused_child(words, status, child="Service fraud", namespace="risk")
    assert verdict.reason == reason
    assert says in verdict.message
    assert "Service fraud" in verdict.message
