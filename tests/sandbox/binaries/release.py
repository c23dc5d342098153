"""The official builds: from the release sites of Kubernetes and etcd, checked against the checksums published there."""

import hashlib
import platform
import tarfile
import urllib.request
from pathlib import Path

from sandbox.binaries import versions
from sandbox.binaries.progress import Progress
from sandbox.errors import SandboxError

KUBERNETES_SITE = "https://dl.k8s.io"
ETCD_SITE = "https://github.com/etcd-io/etcd/releases/download"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
QUIET_SECONDS = 5.0
"""How long a site may stay silent: where it cannot be reached, the build is to begin soon."""

CHUNK_BYTES = 1 << 20


def download(
    folder: Path, progress: Progress, *, kubernetes_site: str = KUBERNETES_SITE, etcd_site: str = ETCD_SITE
) -> None:
    """Put the official programs of this machine's architecture into `folder`; one attempt.

    Raises:
        SandboxError: a site cannot be reached, lacks the version, or sent something else than it published.
    """
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is None:
        raise SandboxError(f"no official build for {platform.machine()}")
    _download_etcd(folder, progress, etcd_site, architecture)
    for name in versions.KUBERNETES_PROGRAMS:
        url = f"{kubernetes_site}/{versions.kubernetes()}/bin/linux/{architecture}/{name}"
        _save(url, folder / name, _text(f"{url}.sha256").split()[0], progress)
        (folder / name).chmod(0o755)


def _download_etcd(folder: Path, progress: Progress, site: str, architecture: str) -> None:
    release = f"etcd-{versions.etcd()}-linux-{architecture}"
    base = f"{site}/{versions.etcd()}"
    lines = [line.split() for line in _text(f"{base}/SHA256SUMS").splitlines()]
    sums = {words[1]: words[0] for words in lines if len(words) == 2}
    archive = folder / f"{release}.tar.gz"
    if archive.name not in sums:
        raise SandboxError(f"{base}/SHA256SUMS does not list {archive.name}")
    _save(f"{base}/{archive.name}", archive, sums[archive.name], progress)
    with tarfile.open(archive) as content:
        member = content.extractfile(f"{release}/etcd")
        assert member is not None
        (folder / "etcd").write_bytes(member.read())
    (folder / "etcd").chmod(0o755)
    archive.unlink()


def _text(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=QUIET_SECONDS) as response:
            content: bytes = response.read()
            return content.decode()
    except OSError as error:
        raise SandboxError(f"cannot get {url}: {error}") from error


def _save(url: str, path: Path, checksum: str, progress: Progress) -> None:
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=QUIET_SECONDS) as response, path.open("wb") as file:
            total = int(response.headers.get("Content-Length", 0))
            while chunk := response.read(CHUNK_BYTES):
                file.write(chunk)
                digest.update(chunk)
                progress.update(f"downloading {path.name}: {file.tell() >> 20} of {total >> 20} MB")
    except OSError as error:
        raise SandboxError(f"cannot get {url}: {error}") from error
    if digest.hexdigest() != checksum:
        raise SandboxError(f"{url} has SHA-256 {digest.hexdigest()}, its site publishes {checksum}")
