"""The control plane: what it enforces, and what its audit log tells."""

import json

import pytest

from sandbox import Sandbox
from support.cluster import Kubectl, KubectlError
from support.waiting import eventually

pytestmark = pytest.mark.cluster


def test_pod_security_restricted_is_enforced(kubectl: Kubectl) -> None:
    with pytest.raises(KubectlError, match="violates PodSecurity"):
        kubectl("run", "root", "--image=sandbox/python")


def test_audit_log_names_user_verb_and_object_of_a_write(sandbox: Sandbox, kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "configmap", "audited")
    kubectl("get", "configmap", "audited")
    lines = [json.loads(line) for line in sandbox.audit_log.read_text().splitlines()]
    mine = [line for line in lines if line["objectRef"].get("namespace") == namespace]
    (write,) = [line for line in mine if line["objectRef"].get("name") == "audited"]
    assert (write["verb"], write["user"]["username"], write["responseStatus"]["code"]) == (
        "create",
        "sandbox-admin",
        201,
    )


def test_service_account_may_do_nothing_by_default(kubectl: Kubectl, namespace: str) -> None:
    with pytest.raises(KubectlError, match="cannot list resource"):
        kubectl("get", "pods", "--as", f"system:serviceaccount:{namespace}:default")


def test_deployment_gets_its_replica_set(kubectl: Kubectl) -> None:
    kubectl("create", "deployment", "web", "--image=sandbox/python")
    eventually(lambda: kubectl.list("replicasets", "app=web"))
