"""The operator asks only where the platform says, since it reaches what an author does not."""

import pytest

from modelway import policy
from modelway.api.v1alpha1 import ModelDeployment
from modelway.errors import InvalidSpec, NotPermitted
from modelway.settings import Settings
from support.operator.specs import manifest

PROMETHEUS = {"name": "app", "prometheus": {"query": "v"}, "max": 1}
WEBHOOK = {"name": "app", "webhook": {"url": "https://checks.example.com/team/app"}, "max": 1}


def check(metric: dict[str, object], **settings: object) -> None:
    rollout = {"strategy": "Canary", "analysis": {"metrics": [metric]}}
    policy.check(ModelDeployment.parse(manifest(rollout=rollout)), Settings.model_validate(settings))


@pytest.mark.parametrize(
    ("metric", "field", "value"),
    [
        (PROMETHEUS, "metrics[0].prometheus", "rollouts.prometheus.url"),
        (WEBHOOK, "metrics[0].webhook.url", "rollouts.webhooks.allowed"),
    ],
)
def test_source_that_the_platform_lacks_is_refused(metric: dict[str, object], field: str, value: str) -> None:
    with pytest.raises(NotPermitted) as refusal:
        check(metric)
    [problem] = refusal.value.problems
    assert problem.field == f"spec.rollout.analysis.{field}"
    assert value in problem.message


def test_source_that_is_withdrawn_stops_no_rollout() -> None:
    rollout = {"strategy": "Canary", "analysis": {"metrics": [PROMETHEUS]}}
    policy.check(ModelDeployment.parse(manifest(rollout=rollout)), Settings(), is_on_trial=True)


def test_source_that_the_platform_names_is_allowed() -> None:
    check(PROMETHEUS, rollouts_prometheus_url="http://prometheus:9090")
    check(WEBHOOK, rollouts_webhooks_allowed="https://checks.example.com/team")


@pytest.mark.parametrize(
    ("address", "prefix", "is_allowed"),
    [
        ("https://a.example/b", "https://a.example", True),
        ("https://a.example/b", "https://a.example/", True),
        ("https://a.example/b/c?x=y", "https://a.example/b", True),
        ("https://a.example/b", "https://a.example/b/", True),
        ("https://a.example:443/b", "https://a.example/b", True),
        ("https://a.example/bc", "https://a.example/b", False),
        ("https://a.example/", "https://a.example/b", False),
        ("http://a.example/b", "https://a.example/b", False),
        ("https://a.example:8443/b", "https://a.example/b", False),
        ("https://a.example.evil/b", "https://a.example", False),
        ("https://b.a.example/b", "https://a.example", False),
    ],
)
def test_address_must_be_below_an_allowed_one(address: str, prefix: str, *, is_allowed: bool) -> None:
    assert policy.is_allowed_webhook(address, [prefix]) == is_allowed


@pytest.mark.parametrize(
    "url",
    [
        "https://user@checks.example.com/",
        "https://checks.example.com/../secret",
        "https://checks.example.com/%2e%2e/secret",
        "https://checks.example.com/a#b",
        "https://checks.example.com\\@evil/",
        "https://CHECKS.example.com/",
        "file:///etc/passwd",
        "https://checks.example.com/a\nb",
    ],
)
def test_address_that_could_be_read_in_two_ways_is_refused(url: str) -> None:
    rollout = {"strategy": "Canary", "analysis": {"metrics": [{**WEBHOOK, "webhook": {"url": url}}]}}
    with pytest.raises(InvalidSpec, match=r"must be a web address in lower case"):
        ModelDeployment.parse(manifest(rollout=rollout))
