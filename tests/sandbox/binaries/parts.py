"""Programs beside the control plane that tests run, each built once from a Go module of its own into the cache."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from sandbox.binaries import cache
from sandbox.binaries.build import build
from sandbox.binaries.progress import Progress
from sandbox.binaries.toolchain import find_go
from sandbox.binaries.versions import Module
from sandbox.errors import SandboxError


@dataclass(frozen=True)
class Part:
    """What is built together."""

    module: str
    """The Go module that names the version; the folder of this package with the part's name holds go.mod and go.sum."""
    programs: tuple[str, ...]
    copies: tuple[str, ...] = ()
    """Files of the module that come along."""


_CHART = "charts/gateway-crds-helm/templates"
GATEWAY_API = f"{_CHART}/standard-gatewayapi-crds.yaml"
"""The definitions of the Gateway API, as Envoy Gateway's chart brings them."""

ENVOY_KINDS = tuple(
    f"{_CHART}/generated/gateway.envoyproxy.io_{plural}.yaml"
    for plural in (
        "backends",
        "backendtrafficpolicies",
        "clienttrafficpolicies",
        "envoyextensionpolicies",
        "envoypatchpolicies",
        "envoyproxies",
        "httproutefilters",
        "securitypolicies",
    )
)
"""The definitions of Envoy Gateway's own kinds."""

PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "metrics-server": Part("sigs.k8s.io/metrics-server", ("metrics-server",)),
        "argocd": Part(
            "github.com/argoproj/argo-cd/v3",
            ("cmd", "helm"),  # cmd takes its role from the name by which it is called, and calls Helm 3 for charts
            tuple(f"manifests/crds/{kind}-crd.yaml" for kind in ("application", "applicationset", "appproject")),
        ),
        "kubelet": Part("k8s.io/kubernetes", ("kubelet", "kube-proxy")),
        "coredns": Part("github.com/coredns/coredns", ("coredns",)),
        "traefik": Part("github.com/traefik/traefik/v3", ("traefik",)),
        "envoygateway": Part("github.com/envoyproxy/gateway", ("envoy-gateway",), (GATEWAY_API, *ENVOY_KINDS)),
    }
)


def locate(name: str, progress: Progress | None = None) -> Path:
    """The folder that holds the programs of a part of `PARTS`; built, with progress, where this machine lacks them.

    Raises:
        SandboxError: a module could not be had or did not compile.
    """
    part, progress = PARTS[name], progress or Progress()
    module = Module(Path(__file__).parent / name, part.module)
    return cache.entry(f"{name}-{module.key()}", lambda entry: _fill(entry, name, part, module, progress), progress)


def _fill(entry: Path, name: str, part: Part, module: Module, progress: Progress) -> None:
    go = find_go(entry.parent, module.go(), progress)
    progress.say(f"{name} {module.version} is built once from Go modules with {go}: some minutes on 2 cores")
    with cache.draft(entry, lambda folder: _complete(folder, name, part)) as folder:
        build(folder, module, go, progress, part.copies)
    progress.say(f"built: {entry}")


def _complete(folder: Path, name: str, part: Part) -> None:
    missing = [program for program in part.programs if not os.access(folder / program, os.X_OK)]
    if missing:
        raise SandboxError(f"the build of {name} made no {', '.join(missing)}")
