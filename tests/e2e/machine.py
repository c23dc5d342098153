"""Whether this machine can run a real node, and the Debian packages that it takes."""

import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from e2e.errors import E2eError

PACKAGES = {
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "buildah": "buildah",
    "conntrack": "conntrack",
    "containerd": "containerd",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "iptables": "iptables",
    "make": "make",
    "runc": "runc",
    "unshare": "util-linux",
}
"""Each program, and the package of Debian and Ubuntu that has it."""

NEEDED_MEMORY = 4 << 30


def obstacles() -> list[str]:
    """Why this machine cannot run a real node, each with what to do about it; empty where it can."""
    if platform.system() != "Linux":
        return [f"it needs Linux, and this is {platform.system()}: use a Debian 12 virtual machine"]
    faults = []
    if os.geteuid() != 0:
        faults.append("it needs root, for containers, mounts and a network of its own: run it as root")
    if release().get("ID") not in {"debian", "ubuntu"}:
        faults.append(f"it is made for Debian 12 and Ubuntu, and this is {release().get('NAME', 'another system')}")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if memory < NEEDED_MEMORY:
        faults.append(f"it needs {NEEDED_MEMORY >> 30} GiB of memory, and this machine has {memory / (1 << 30):.1f}")
    if not faults and not _isolates():
        faults.append("the kernel refuses namespaces of its own: in a container, start that one with --privileged")
    return faults


def release() -> dict[str, str]:
    """The fields of os-release, as ID or VERSION_CODENAME."""
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def missing_packages() -> list[str]:
    """The packages whose programs are not here."""
    return sorted({package for program, package in PACKAGES.items() if shutil.which(program) is None})


def install(packages: list[str]) -> None:
    """Install packages by apt; nothing is upgraded.

    Raises:
        E2eError: apt could not; its own words.
    """
    apt = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (apt, ["apt-get", "update", "-qq"], apt):
        process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if command is apt and process.returncode == 0:
            return
    raise E2eError(f"apt-get cannot install {' '.join(packages)}:\n{process.stderr.strip()}")


def overlay_works(folder: Path) -> bool:
    """Whether overlay file systems can be made in a folder; not where it is one itself, as in most containers."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        parts = {part: Path(name) / part for part in ("lower", "upper", "work", "merged")}
        for part in parts.values():
            part.mkdir()
        options = ",".join(f"{part}dir={parts[part]}" for part in ("lower", "upper", "work"))
        mount = ["mount", "-t", "overlay", "-o", options, "overlay", str(parts["merged"])]
        # In a mount namespace of its own, which takes the mount along when it ends.
        return subprocess.run(["unshare", "--mount", *mount], capture_output=True, check=False).returncode == 0


def _isolates() -> bool:
    command = [
        "unshare",
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--mount-proc",
        "mount",
        "-t",
        "tmpfs",
        "tmpfs",
        "/mnt",
    ]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
