"""The chart's policy as the operator enforces it: values in, verdicts out."""

import json
from functools import cache

import pytest

from modelway import policy
from modelway.api.v1alpha1 import ModelDeployment
from modelway.errors import NotPermitted
from modelway.settings import Settings
from support.cluster import helm
from support.operator.policies import CASES, STRICT, Case
from support.operator.specs import manifest


@cache
def settings_of(values: str) -> Settings:
    """The settings that the chart makes of its `policy`, a JSON document."""
    (deployment,) = (one for one in helm.render({"policy": json.loads(values)}) if one["kind"] == "Deployment")
    environment = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    return Settings.from_environment({entry["name"]: entry.get("value", "") for entry in environment})


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.spec} {case.field}")
def test_the_operator_allows_what_the_values_allow(case: Case) -> None:
    settings = settings_of(json.dumps(case.policy))
    deployment = ModelDeployment.parse(manifest(**case.spec))
    if not case.field:
        policy.check(deployment, settings)
        return
    with pytest.raises(NotPermitted) as refusal:
        policy.check(deployment, settings)
    (problem,) = refusal.value.problems
    assert problem.field.startswith(case.field)
    assert "policy." in problem.message
    assert "whoever runs Modelway" in problem.message


def test_a_pattern_must_name_the_whole_registry() -> None:
    with pytest.raises(helm.HelmError, match="/policy/images/0"):
        helm.render({"policy": {"images": ["registry.example.com*"]}})


@pytest.mark.parametrize("field", [name for name, values in STRICT.items() if isinstance(values, list)])
@pytest.mark.parametrize("text", ["a'b", "a\\b", 'a"b', "a{b}", "a b", "a,b", "-", "", "a$b"])
def test_a_pattern_holds_nothing_that_rules_read_otherwise(field: str, text: str) -> None:
    with pytest.raises(helm.HelmError, match=f"/policy/{field}/0"):
        helm.render({"policy": {field: [text]}})


def test_no_admission_policy_unless_asked_for() -> None:
    kinds = {one["kind"] for one in helm.render()}
    policy_kinds = {one["kind"] for one in helm.render({"policy": {"admission": True}})}
    assert policy_kinds - kinds == {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
