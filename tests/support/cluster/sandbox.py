"""The sandbox as pytest fixtures: one control plane a session, one namespace a test.

`sandbox` starts when the first test asks for it and ends with the last test marked `cluster`, also when pytest is killed. `namespace` is
fresh, enforces Pod Security `restricted` and is deleted afterwards without waiting. `kubectl` runs as administrator.
"""

import itertools
import json
import os
import subprocess
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from modelway.yaml_text import yaml_text
from sandbox import Sandbox
from support.cluster import writes
from support.cluster.reads import NotRead, NotThere, Reads, reads
from support.waiting import eventually

Object = dict[str, Any]
Manifest = str | Mapping[str, Any] | Sequence[Mapping[str, Any]]

ENDPOINT_LAG = 2.0
COMMAND_SECONDS = 120
_numbers = itertools.count(1)


class KubectlError(AssertionError):
    """kubectl failed; as an AssertionError it counts as "not yet" inside `eventually`.

    Attributes:
        stderr: what kubectl said.
    """

    def __init__(self, arguments: Sequence[str], stderr: str) -> None:
        super().__init__(f"kubectl {' '.join(arguments)}: {stderr.strip()}")
        self.stderr = stderr


class Kubectl:
    """Runs kubectl with the kubeconfig at `kubeconfig`, in `namespace` where one is given."""

    def __init__(self, program: Path, kubeconfig: Path, namespace: str | None = None) -> None:
        self._program = program
        self._kubeconfig = kubeconfig
        self._namespace = namespace

    @property
    def namespace(self) -> str | None:
        """Where it works unless a call names another namespace."""
        return self._namespace

    def in_namespace(self, namespace: str) -> "Kubectl":
        """The same, in `namespace` unless a call names another."""
        return Kubectl(self._program, self._kubeconfig, namespace)

    def command(self, *arguments: str) -> list[str]:
        """The whole command line, to be started by hand where a test needs the process itself."""
        scope = [] if self._namespace is None else ["--namespace", self._namespace]
        return [str(self._program), "--kubeconfig", str(self._kubeconfig), *scope, *arguments]

    def __call__(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002 - as in subprocess.run
        """Standard output of `kubectl <arguments>`.

        Raises:
            KubectlError: the exit code is not 0.
        """
        command = self.command(*arguments)
        process = subprocess.run(
            command, input=input, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
        if process.returncode != 0:
            raise KubectlError(arguments, process.stderr)
        return process.stdout

    def apply(self, manifest: Manifest, *options: str) -> None:
        """Server-side apply of YAML text, one object or several."""
        known = reads(self._kubeconfig)
        if isinstance(manifest, str) or not writes.apply(known, _documents(manifest), options, self._namespace):
            self("apply", "--server-side", "-f", "-", *options, input=_text(manifest))

    def create(self, manifest: Manifest, *options: str) -> None:
        """Create what `manifest` holds."""
        known = reads(self._kubeconfig)
        if isinstance(manifest, str) or not writes.create(known, _documents(manifest), options, self._namespace):
            self("create", "-f", "-", *options, input=_text(manifest))

    def discard(self, kind: str, name: str) -> None:
        """Delete `kind/name` without waiting for its end."""
        if not writes.delete(reads(self._kubeconfig), kind, name, self._namespace):
            self("delete", kind, name, "--wait=false")

    def get(self, kind: str, name: str) -> Object:
        """The object `kind/name`; KubectlError where there is none."""
        return self._read(lambda known: known.one(kind, name, self._namespace), kind, name)

    def list(self, kind: str, selector: str = "") -> list[Object]:
        """All objects of a kind that match the label selector."""
        answer = self._read(lambda known: known.all(kind, selector, self._namespace), kind, "-l", selector)
        objects: list[Object] = answer["items"]
        return objects

    def exists(self, kind: str, name: str) -> bool:
        """Whether `kind/name` is there."""
        try:
            self.get(kind, name)
        except KubectlError as error:
            if "(NotFound)" in error.stderr:
                return False
            raise
        return True

    def _read(self, look: Callable[[Reads], Object], *arguments: str) -> Object:
        """The answer of a look, which starts no process; that of `kubectl get` where only kubectl can tell."""
        try:
            return look(reads(self._kubeconfig))
        except NotThere as error:
            raise KubectlError(("get", *arguments), str(error)) from error
        except NotRead:
            objects: Object = json.loads(self("get", *arguments, "-o", "json"))
            return objects


def _text(manifest: Manifest) -> str:
    return manifest if isinstance(manifest, str) else yaml_text(*_documents(manifest))


def _documents(manifest: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> list[Object]:
    return list(map(dict, [manifest] if isinstance(manifest, Mapping) else manifest))


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The session's control plane with its node; Services learn of pods 2 s late."""
    with Sandbox.start(tmp_path_factory.mktemp("sandbox"), endpoint_lag=ENDPOINT_LAG, warm=True) as started:
        yield started


_ends: list[Callable[[], None]] = []
"""What ends the session's sandbox, while it runs."""


def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: Any) -> None:
    """Know how to end the sandbox, with all that stands on it, before the session ends."""
    if fixturedef.argname == "sandbox" and fixturedef.scope == "session":
        _ends.append(partial(fixturedef.finish, request))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Generator[None]:
    """End the sandbox once no test of the cluster comes: at rest it takes a twentieth of a processor. Whoever asks for it later gets a new one."""
    yield
    if _ends and nextitem is not None and not _comes(nextitem):
        _ends.pop()()


def _comes(item: pytest.Item) -> bool:
    """Whether a test of the cluster is this one or comes later."""
    items = item.session.items
    return any(one.get_closest_marker("cluster") for one in items[items.index(item) :])


@pytest.fixture(scope="session")
def cluster_kubectl(sandbox: Sandbox) -> Kubectl:
    """Kubectl as administrator, in no particular namespace."""
    return Kubectl(sandbox.kubectl, sandbox.kubeconfig)


@pytest.fixture
def namespace(cluster_kubectl: Kubectl) -> Iterator[str]:
    """Name of a fresh namespace in which pods must meet Pod Security `restricted`."""
    name = f"test-{os.getpid()}-{next(_numbers)}"
    cluster_kubectl.create(namespace_manifest(name))
    # A pod is refused until the controllers have put both in.
    inside = cluster_kubectl.in_namespace(name)
    eventually(lambda: inside.exists("serviceaccount", "default"))
    eventually(lambda: inside.exists("configmap", "kube-root-ca.crt"))
    yield name
    cluster_kubectl.discard("namespace", name)


@pytest.fixture
def kubectl(cluster_kubectl: Kubectl, namespace: str) -> Kubectl:
    """Kubectl as administrator in the test's own namespace."""
    return cluster_kubectl.in_namespace(namespace)


def namespace_manifest(name: str) -> Object:
    """A namespace that enforces Pod Security `restricted`."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
