"""The control plane: what it enforces, and what its audit log tells."""

import pytest
from cryptography import x509

from sandbox import Sandbox
from support.cluster.audit import Audit, Write
from support.cluster.sandbox import Kubectl, KubectlError
from support.waiting import eventually

pytestmark = pytest.mark.cluster


def test_pod_security_restricted_is_enforced(kubectl: Kubectl) -> None:
    with pytest.raises(KubectlError, match="violates PodSecurity"):
        kubectl("run", "root", "--image=sandbox/python")


def test_audit_log_names_user_verb_and_object_of_a_write(sandbox: Sandbox, kubectl: Kubectl, namespace: str) -> None:
    everything = Audit(sandbox.audit_log, "sandbox-admin")
    kubectl("create", "configmap", "audited")
    kubectl("get", "configmap", "audited")

    def find_writes() -> list[Write]:
        return [one for one in everything.writes(namespace) if one.name == "audited"]

    eventually(find_writes)
    assert find_writes() == [Write("create", "configmaps", namespace, "audited", 201)]


def test_certificates_of_users_name_one_of_the_authorities(sandbox: Sandbox) -> None:
    """One that both might have signed is checked twice at each request."""
    pki = sandbox.directory / "pki"
    user, *authorities = (
        x509.load_pem_x509_certificate((pki / name).read_bytes())
        for name in ("admin.crt", "ca.crt", "front-proxy-ca.crt")
    )
    assert [one.subject == user.issuer for one in authorities] == [True, False]


def test_service_account_may_do_nothing_by_default(kubectl: Kubectl, namespace: str) -> None:
    with pytest.raises(KubectlError, match="cannot list resource"):
        kubectl("get", "pods", "--as", f"system:serviceaccount:{namespace}:default")


CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


def test_claim_and_volume_go_once_they_are_deleted(kubectl: Kubectl, namespace: str) -> None:
    kubectl.create(CLAIM)
    kubectl("delete", "pvc", "data", "--timeout=30s")
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/nowhere"}}
    kubectl.create({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": namespace}, "spec": spec})
    kubectl("delete", "pv", namespace, "--timeout=30s")


def test_deployment_gets_its_replica_set(kubectl: Kubectl) -> None:
    kubectl("create", "deployment", "web", "--image=sandbox/python")
    eventually(lambda: kubectl.list("replicasets", "app=web"))
