"""Envoy Gateway and the Envoy that it starts, as programs of the node.

It looks for its certificates in /certs, whatever it is told: so it has a root of its own, which holds that folder and what Envoy needs.
"""

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from e2e.place import LAYOUT
from gateways import envoy
from gateways.gateway import NAMESPACE, Gateway, objects
from gateways.programs import Program, run
from modelway.yaml_text import yaml_text
from sandbox.binaries import parts
from support.cluster.sandbox import Kubectl
from support.waiting import eventually

NAME = "envoy"
PORT = 9180
DEVICES = ("null", "urandom")
GROUP = "gateway.envoyproxy.io"
CONTROLLER = f"{GROUP}/gatewayclass-controller"
SYSTEM = "envoy-gateway-system"
CERTIFICATES = Path("/certs")
HOME = Path("/home")
KUBECONFIG = HOME / "kubeconfig"
PROGRAM = HOME / "envoy-gateway"
SETTINGS = HOME / "settings.yaml"
"""Paths as it sees them."""


@contextmanager
def envoy_gateway(kubectl: Kubectl) -> Iterator[Gateway]:
    """Envoy Gateway with a Gateway of its name, which sends requests to the addresses of pods; ended with the block."""
    kubectl.apply([_namespace(), _proxy(), *objects(NAME, PORT, CONTROLLER, _PARAMETERS)])
    root = _root()
    for arguments in (["--disable-topology-injector"], ["--local", "--config-home", str(HOME)]):
        subprocess.run(_inside(root, "certgen", *arguments), check=True, capture_output=True)
    shutil.copytree(_outside(root, HOME) / "certs" / "envoy-gateway", _outside(root, CERTIFICATES))
    with run(NAME, _inside(root, "server", "--config-path", str(SETTINGS))) as program:
        eventually(lambda: _is_accepted(kubectl, program), deadline=60, describe=program.last_words)
        yield Gateway(NAME, PORT, program)


def _root() -> Path:
    """A new root for it, in memory: nothing of it is removed before the node ends."""
    root = Path(tempfile.mkdtemp(dir="/run", prefix="envoy-gateway-"))
    proxy = HOME / "data" / "envoy-versions" / envoy.VERSION / "bin" / "envoy"
    for folder in (proxy.parent, *map(Path, ("/tmp", "/usr", "/dev/shm", "/proc", "/var/lib/eg"))):
        _outside(root, folder).mkdir(parents=True)
    for name in ("lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    for name in DEVICES:
        (root / "dev" / name).touch()
    shutil.copy(envoy.locate(print), _outside(root, proxy))
    shutil.copy(parts.locate("envoygateway") / PROGRAM.name, _outside(root, PROGRAM))
    shutil.copy(LAYOUT.kubeconfig("admin"), _outside(root, KUBECONFIG))
    _outside(root, SETTINGS).write_text(yaml_text(_settings()))
    return root


def _outside(root: Path, path: Path) -> Path:
    """Where others find what it sees at a path."""
    return root / path.relative_to("/")


def _inside(root: Path, *arguments: str) -> list[str]:
    """The command line that runs it in its root, with mounts that end with it."""
    mounts = [f"mount --bind /dev/{name} {root}/dev/{name}" for name in DEVICES]
    mounts += [f"mount --bind -o ro /usr {root}/usr", f"mount -t proc proc {root}/proc"]
    command = ["chroot", str(root), "/usr/bin/env", "-i", "USER=root", f"HOME={HOME}", f"KUBECONFIG={KUBECONFIG}"]
    command += [str(PROGRAM), *arguments]
    script = " && ".join([*mounts, f"exec {shlex.join(command)}"])
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]


def _settings() -> dict[str, Any]:
    """Where it reads its routes from, and where its Envoy runs."""
    folders = {"configHome": "", "dataHome": "data", "stateHome": "state", "runtimeDir": "runtime"}
    host = {name: str(HOME / folder) for name, folder in folders.items()}
    custom = {
        "resource": {"type": "Kubernetes", "kubernetes": {"leaderElection": {"disable": True}}},
        "infrastructure": {"type": "Host", "host": host},
    }
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "EnvoyGateway",
        "gateway": {"controllerName": CONTROLLER},
        "provider": {"type": "Custom", "custom": custom},
    }


_PARAMETERS = {"group": GROUP, "kind": "EnvoyProxy", "name": NAME, "namespace": SYSTEM}


def _proxy() -> dict[str, Any]:
    """The Envoy that it is to start."""
    provider = {"type": "Host", "host": {"envoyVersion": envoy.VERSION}}
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "EnvoyProxy",
        "metadata": {"name": NAME, "namespace": SYSTEM},
        "spec": {"provider": provider},
    }


def _namespace() -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}}


def _is_accepted(kubectl: Kubectl, program: Program) -> bool:
    """Whether it has taken the Gateway. It never calls one of this kind Programmed, since that has no address."""
    program.require()
    status = kubectl.in_namespace(NAMESPACE).get("gateway", NAME).get("status", {})
    return any(one["type"] == "Accepted" and one["status"] == "True" for one in status.get("conditions", []))
