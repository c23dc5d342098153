"""Command lines of the four control-plane programs; pure but for the audit policy that `write_audit_policy` writes.

The flags that are not obvious were tried: see the comment beside each.
"""

from collections.abc import Mapping
from pathlib import Path

import yaml

from sandbox.credentials import FRONT_PROXY, key_files
from sandbox.layout import Layout, audit_log

ISSUER = "https://kubernetes.default.svc.cluster.local"
AUDITED_VERBS = ("create", "update", "patch", "delete", "deletecollection")
# EndpointSlices refuse loopback addresses, so these would retry for ever and fill the events with warnings; the
# forwarder selects ready pods itself. The next four want a cloud, the next six are for persistent volumes, of which the
# node mounts none, and the last one keeps an older kind of ReplicaSet. What takes away the finalizers of volumes and claims
# is among them, so the API server puts none there: see `UNUSED_PLUGINS`.
DISABLED_CONTROLLERS = (
    "endpoints-controller",
    "endpointslice-controller",
    "endpointslice-mirroring-controller",
    "nodeipam",
    "route",
    "service-lb-controller",
    "cloud-node-lifecycle-controller",
    "persistentvolume-attach-detach-controller",
    "persistentvolume-binder-controller",
    "persistentvolume-expander-controller",
    "persistentvolume-protection-controller",
    "persistentvolumeclaim-protection-controller",
    "ephemeral-volume-controller",
    "replicationcontroller-controller",
)
# It protects volumes and claims that are in use by a finalizer; without its controllers, their deletion would never end.
UNUSED_PLUGINS = "StorageObjectInUseProtection"

# With the default of 20 requests a second pods appear slowly.
CLIENT_RATE = {"kube-api-qps": "500", "kube-api-burst": "1000"}

# The start is bound by the processor: collecting garbage less often makes it a second shorter.
GO_ENVIRONMENT = {"GOGC": "400", "GOMEMLIMIT": "512MiB"}


def write_audit_policy(layout: Layout) -> None:
    """Who changed what, never the content: one line a mutating request, reads left out."""
    rules = [{"level": "Metadata", "verbs": list(AUDITED_VERBS)}, {"level": "None"}]
    policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": rules}
    layout.audit_policy.write_text(yaml.safe_dump(policy, sort_keys=False))


def etcd(program: Path, layout: Layout) -> list[str]:
    peer = f"http://127.0.0.1:{layout.ports.etcd_peer}"
    return _command(
        program,
        {
            "name": "sandbox",
            "data-dir": layout.directory / "etcd",
            "listen-client-urls": layout.etcd_url,
            "advertise-client-urls": layout.etcd_url,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"sandbox={peer}",
            "unsafe-no-fsync": "true",  # nothing in it outlives the sandbox
            "log-level": "warn",
        },
    )


def api_server(program: Path, layout: Layout) -> list[str]:
    certificate, key = key_files(layout, "api-server")
    kubelet_certificate, kubelet_key = key_files(layout, "kubelet-client")
    proxy_certificate, proxy_key = key_files(layout, FRONT_PROXY)
    service_accounts = layout.pki / "service-accounts.key"
    return _command(
        program,
        {
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "secure-port": layout.ports.api_server,
            "endpoint-reconciler-type": "none",
            "etcd-servers": layout.etcd_url,
            "authorization-mode": "RBAC",
            "client-ca-file": layout.authority,
            "tls-cert-file": certificate,
            "tls-private-key-file": key,
            "service-account-issuer": ISSUER,
            "service-account-key-file": service_accounts,
            "service-account-signing-key-file": service_accounts,
            # Loopback, so that the forwarder can listen on the real ClusterIP of every Service.
            "service-cluster-ip-range": layout.network.service_range,
            # Beside the default ones, to which PodSecurity belongs.
            "enable-admission-plugins": "OwnerReferencesPermissionEnforcement",
            "disable-admission-plugins": UNUSED_PLUGINS,
            "kubelet-client-certificate": kubelet_certificate,
            "kubelet-client-key": kubelet_key,
            "kubelet-certificate-authority": layout.authority,
            "kubelet-preferred-address-types": "InternalIP",
            # How it passes requests for metrics.k8s.io on to metrics-server, and says who asks.
            "requestheader-client-ca-file": layout.front_proxy_authority,
            "requestheader-allowed-names": FRONT_PROXY,
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "proxy-client-cert-file": proxy_certificate,
            "proxy-client-key-file": proxy_key,
            "audit-policy-file": layout.audit_policy,
            "audit-log-path": audit_log(layout.directory),
            "audit-log-maxsize": "2000",  # megabytes: a reader must not lose lines to rotation
            "allow-privileged": "true",
            "profiling": "false",
        },
    )


def controller_manager(program: Path, layout: Layout) -> list[str]:
    config = layout.kubeconfig("controller-manager")
    return _command(
        program,
        {
            "kubeconfig": config,
            "use-service-account-credentials": "true",
            "service-account-private-key-file": layout.pki / "service-accounts.key",
            "root-ca-file": layout.authority,
            "controllers": ",".join(["*", *(f"-{name}" for name in DISABLED_CONTROLLERS)]),
            "leader-elect": "false",
            "secure-port": "0",
            "horizontal-pod-autoscaler-sync-period": "2s",
            **CLIENT_RATE,
        },
    )


def scheduler(program: Path, layout: Layout) -> list[str]:
    config = layout.kubeconfig("scheduler")
    return _command(program, {"kubeconfig": config, "leader-elect": "false", "secure-port": "0", **CLIENT_RATE})


def _command(program: Path, flags: Mapping[str, object]) -> list[str]:
    return [str(program), *(f"--{name}={value}" for name, value in flags.items())]
