"""What docs/security.md says of rights and traffic, at a real API server."""

import shlex

import pytest
import yaml

from support.cluster.sandbox import Kubectl, KubectlError
from support.pages.blocks import ROOT, blocks
from support.waiting import eventually

pytestmark = pytest.mark.cluster

PAGE = ROOT / "docs" / "security.md"


def block(beginning: str) -> str:
    return next(one.text for one in blocks(PAGE) if one.text.startswith(beginning))


def may(kubectl: Kubectl, verb: str, resource: str) -> bool:
    kind, _, part = resource.partition("/")
    question = ["auth", "can-i", verb, kind, f"--subresource={part}", "--as=ann", "--as-group=data-science"]
    try:
        return kubectl(*question).strip() == "yes"
    except KubectlError:  # kubectl ends with 1 on a "no"
        return False


def test_the_network_policy_for_models_is_one(kubectl: Kubectl) -> None:
    policy = yaml.safe_load(block("apiVersion: networking"))
    kubectl.apply(policy)
    assert kubectl.get("networkpolicy", "models")["spec"]["policyTypes"] == ["Egress"]


def test_right_to_model_deployments_alone_gives_nothing_else(installed: str, kubectl: Kubectl) -> None:
    program, _, _, *command = shlex.split(block("kubectl -n risk create rolebinding"))
    assert program == "kubectl"
    kubectl(*command)
    eventually(
        lambda: may(kubectl, "create", "modeldeployments.modelway.dev")
    )  # the authorizer learns of it a little later
    for verb, resource in (
        ("get", "secrets"),
        ("create", "pods"),
        ("create", "pods/exec"),
        ("create", "deployments.apps"),
    ):
        assert not may(kubectl, verb, resource)
