"""Configuration files and command lines of what a node runs: containerd, the kubelet, kube-proxy and CoreDNS; pure.

What is not obvious was tried: see the comment beside it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from e2e.images import PAUSE
from e2e.place import DNS_ADDRESS, DOMAIN, INSIDE, LAYOUT, NODE_ADDRESS, NODE_NAME, POD_RANGE
from sandbox.credentials import key_files

SOCKET = Path("/run/containerd.sock")
CONFIG = INSIDE / "config"


def files(cgroup: str, snapshotter: str) -> dict[str, str]:
    """Content of every file in `CONFIG` by its name.

    Args:
        cgroup: below which the kubelet puts pods.
        snapshotter: of containerd: overlayfs, or native where overlays cannot be made.
    """
    return {
        "cni/10-bridge.conflist": json.dumps(_pod_network()),
        "containerd.toml": _containerd(snapshotter),
        "kubelet.json": json.dumps(_kubelet(cgroup)),
        "kube-proxy.json": json.dumps(_proxy()),
        "Corefile": _corefile(),
    }


def commands(kubelet: Path, coredns: Path) -> dict[str, list[str]]:
    """Name and command line of each program, given the folders of their builds."""
    config = str(LAYOUT.kubeconfig("node"))
    flags = [f"--config={CONFIG}/kubelet.json", f"--kubeconfig={config}", f"--root-dir={INSIDE}/kubelet"]
    flags += [f"--hostname-override={NODE_NAME}", f"--node-ip={NODE_ADDRESS}"]
    return {
        "containerd": ["containerd", "--config", f"{CONFIG}/containerd.toml"],
        "kubelet": [str(kubelet / "kubelet"), *flags],
        "kube-proxy": [str(kubelet / "kube-proxy"), f"--config={CONFIG}/kube-proxy.json"],
        "coredns": [str(coredns / "coredns"), "-conf", f"{CONFIG}/Corefile"],
    }


def dns_service() -> list[dict[str, Any]]:
    """The Service by which pods find CoreDNS, which is no pod itself."""
    metadata = {"name": "kube-dns", "namespace": "kube-system"}
    ports = [{"name": name, "port": 53, "protocol": name.upper()} for name in ("udp", "tcp")]
    labels = {"kubernetes.io/service-name": "kube-dns"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"clusterIP": DNS_ADDRESS, "ports": ports},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**metadata, "labels": labels},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [NODE_ADDRESS]}],
            "ports": ports,
        },
    ]


def _pod_network() -> Mapping[str, Any]:
    routes, ranges = [{"dst": "0.0.0.0/0"}], [[{"subnet": POD_RANGE}]]
    addresses = {"type": "host-local", "dataDir": "/run/addresses", "ranges": ranges, "routes": routes}
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "ipam": addresses}
    return {"cniVersion": "0.4.0", "name": "node", "plugins": [bridge]}


def _containerd(snapshotter: str) -> str:
    return f"""version = 2
root = "{INSIDE}/containerd"
state = "/run/containerd"
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{CONFIG}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
"""


def _kubelet(cgroup: str) -> Mapping[str, Any]:
    certificate, key = key_files(LAYOUT, "kubelet")
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(LAYOUT.authority)},
        },
        "authorization": {"mode": "AlwaysAllow"},  # whoever has a certificate of this cluster: the API server
        "tlsCertFile": str(certificate),
        "tlsPrivateKeyFile": str(key),
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup}",
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": DOMAIN,
        # The disk is the machine's: how full it is says nothing of this cluster.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    }


def _proxy() -> Mapping[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": {"kubeconfig": str(LAYOUT.kubeconfig("node"))},
        "hostnameOverride": NODE_NAME,
        "clusterCIDR": POD_RANGE,
        # Pods share a bridge: without it an answer between two of them could pass by the address translation.
        "iptables": {"masqueradeAll": True},
        "conntrack": {"maxPerCore": 0},  # the limit is the machine's
    }


def _corefile() -> str:
    return f""".:53 {{
    bind {NODE_ADDRESS}
    kubernetes {DOMAIN} in-addr.arpa {{
        kubeconfig {LAYOUT.kubeconfig("node")} sandbox
    }}
}}
"""
