"""The real Argo CD beside a sandbox: its controller and its repository server.

It reads repositories by git. Its cache, which is Redis elsewhere, lives in this process.
"""

import gzip
import json
import os
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Mapping
from typing import Any, Self

from fakeredis import FakeStrictRedis, TcpFakeServer

from sandbox import Sandbox, controlplane, processes
from sandbox.binaries import parts
from sandbox.layout import log_file
from sandbox.network import free_ports
from support.cluster.sandbox import Kubectl, Object
from support.waiting import eventually

NAMESPACE = "argocd"
START_SECONDS = 120.0
RESYNC_SECONDS = 10
ROLES = ("argocd", "argocd-repo-server", "argocd-application-controller")
CONFIG_MAPS = (
    "argocd-cm",
    "argocd-rbac-cm",
    "argocd-gpg-keys-cm",
    "argocd-tls-certs-cm",
    "argocd-ssh-known-hosts-cm",
)


class ArgoCD:
    """Runs in the sandbox as its administrator; its Applications are in namespace `argocd`.

    Args:
        sandbox: where it runs; its end ends Argo CD too.
        kubectl: administrator of the sandbox.
    """

    def __init__(self, sandbox: Sandbox, kubectl: Kubectl) -> None:
        self.kubectl = kubectl.in_namespace(NAMESPACE)
        self._sandbox = sandbox
        self._programs = parts.locate("argocd")
        self._folder = sandbox.directory / "argocd"
        self._cache = TcpFakeServer(("127.0.0.1", 0))
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._cache.serve_forever, daemon=True).start()
        try:
            self._install()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            process.kill()
        processes.reap(self._running)
        self._cache.shutdown()
        self._cache.server_close()

    def command(self, *arguments: str) -> str:
        """What Argo CD's own command line says; for its commands that need no server."""
        command = [str(self._folder / "bin" / "argocd"), *arguments]
        process = subprocess.run(command, env=self._environment(), capture_output=True, text=True, check=False)
        assert process.returncode == 0, process.stderr
        return process.stdout

    def tree(self, application: str) -> list[Object]:
        """Every object that Argo CD shows below an Application, the children of children too."""
        server: Any = FakeStrictRedis(server=self._cache.fake_server)
        [key] = [name for name in server.keys() if name.startswith(f"app|resources-tree|{application}|".encode())]  # noqa: SIM118 -- not a mapping
        return list(json.loads(gzip.decompress(server.get(key)))["nodes"])

    def _install(self) -> None:
        for kind in ("application", "applicationset", "appproject"):
            self.kubectl("apply", "--server-side", "-f", str(self._programs / f"{kind}-crd.yaml"))
        self._wait(lambda: self.kubectl("get", "applications,appprojects", "-A", "--ignore-not-found") == "")
        self.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        self.kubectl.apply([*(_part("ConfigMap", name) for name in CONFIG_MAPS), _secret(), _project()])

    def _start(self) -> None:
        for role in ROLES:
            link = self._folder / "bin" / role
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(self._programs / "cmd")
        (self._folder / "bin" / "helm").symlink_to(self._programs / "helm")
        repository, repository_metrics, metrics = free_ports(3)
        cache = f"127.0.0.1:{self._cache.server_address[1]}"
        self._spawn(
            "argocd-repo-server",
            {
                "address": "127.0.0.1",
                "port": repository,
                "metrics-address": "127.0.0.1",
                "metrics-port": repository_metrics,
                "redis": cache,
                "disable-tls": "true",
                "loglevel": "warn",
            },
        )
        self._wait(lambda: _listens(repository))
        self._spawn(
            "argocd-application-controller",
            {
                "namespace": NAMESPACE,
                "redis": cache,
                "repo-server": f"127.0.0.1:{repository}",
                "repo-server-plaintext": "true",
                "metrics-port": metrics,
                "app-resync": RESYNC_SECONDS,
                "persist-resource-health": "true",
                "loglevel": "warn",
            },
        )
        self._wait(lambda: _answers(f"http://127.0.0.1:{metrics}/healthz"))

    def _spawn(self, role: str, flags: Mapping[str, object]) -> None:
        command = [str(self._folder / "bin" / role), *(f"--{name}={value}" for name, value in flags.items())]
        process = processes.spawn(
            command,
            directory=self._sandbox.directory,
            log=log_file(self._sandbox.directory, role),
            environment=self._environment(),
        )
        self._running.append(process)

    def _environment(self) -> dict[str, str]:
        paths = {
            "HOME": "home",
            "TMPDIR": "tmp",
            "ARGOCD_TLS_DATA_PATH": "tls",
            "ARGOCD_SSH_DATA_PATH": "ssh",
            "ARGOCD_GPG_DATA_PATH": "gpg",
            "ARGOCD_GNUPGHOME": "gnupg",
            "ARGOCD_PLUGINSOCKFILEPATH": "plugins",
        }
        for name in paths.values():
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        return {
            **controlplane.GO_ENVIRONMENT,
            **{variable: str(self._folder / name) for variable, name in paths.items()},
            "PATH": f"{self._folder / 'bin'}:{os.environ['PATH']}",
            "KUBECONFIG": str(self._sandbox.kubeconfig),
            "ARGOCD_FAKE_IN_CLUSTER": "true",  # https://kubernetes.default.svc is the cluster of KUBECONFIG
            "ARGOCD_GPG_ENABLED": "false",
        }

    def _wait(self, ready: Any) -> None:
        eventually(ready, deadline=START_SECONDS, describe=self.logs)

    def logs(self) -> str:
        """The last lines of both programs."""
        files = [log_file(self._sandbox.directory, role) for role in ROLES[1:]]
        return "\n".join(line for file in files if file.exists() for line in file.read_text().splitlines()[-8:])


def _part(kind: str, name: str, **content: Any) -> Object:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "argocd"}}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **content}


def _secret() -> Object:
    return _part("Secret", "argocd-secret", stringData={"server.secretkey": "of-no-use-without-a-server"})


def _project() -> Object:
    everything = [{"group": "*", "kind": "*"}]
    spec = {
        "sourceRepos": ["*"],
        "destinations": [{"namespace": "*", "server": "*"}],
        "clusterResourceWhitelist": everything,
    }
    return {**_part("AppProject", "default", spec=spec), "apiVersion": "argoproj.io/v1alpha1"}


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
