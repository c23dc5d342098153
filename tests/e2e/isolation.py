"""The namespaces of the real node: how a program enters new ones, and how their first process furnishes them.

The kernel ends every process with the first one, and takes mounts and network along: nothing is left to be found and removed
but the cgroups and the one folder `RUN`.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from e2e.place import DNS_ADDRESS, DOMAIN, INSIDE, NODE_ADDRESS

# Programs of a node write below these, whatever they are told; inside, what they write is memory.
COVERED = ("/etc", "/opt", "/var")

# The kubelet would set these for the whole machine: inside it finds them as it wants them.
KERNEL_SETTINGS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}

CGROUPS = Path("/sys/fs/cgroup")


def isolate(command: Sequence[str]) -> list[str]:
    """The command line that runs a command as the first process of new namespaces, and kills it with itself."""
    kinds = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
    return ["unshare", *kinds, *command]


def be_first(work: Callable[[], int]) -> int:
    """Do the work in a child and collect orphans meanwhile, which the first process owes them; the work's exit status."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = work()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def furnish(directory: Path) -> None:
    """Mounts: `directory` at `INSIDE`, memory over what the node's programs write to, names by the cluster's DNS."""
    folder = os.open(directory, os.O_PATH)
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    INSIDE.mkdir()
    _run("mount", "--bind", f"/proc/self/fd/{folder}", str(INSIDE), pass_fds=(folder,))
    os.close(folder)
    for path in COVERED:
        layer = Path("/run/layers" + path)
        for part in ("upper", "work"):
            (layer / part).mkdir(parents=True)
        options = f"lowerdir={path},upperdir={layer}/upper,workdir={layer}/work"
        _run("mount", "-t", "overlay", "-o", options, "overlay", path)
    resolver = Path("/etc/resolv.conf")
    resolver.unlink(missing_ok=True)  # often a link to a service of the machine
    resolver.write_text(f"search svc.{DOMAIN} {DOMAIN}\nnameserver {DNS_ADDRESS}\noptions ndots:5\n")
    for name, value in KERNEL_SETTINGS.items():
        stand_in = Path("/run") / name.replace("/", ".")
        stand_in.write_text(f"{value}\n")
        _run("mount", "--bind", str(stand_in), f"/proc/sys/{name}")
    _run("mount", "--make-rshared", "/")


def connect() -> None:
    """A network with the node's address and nothing beyond it."""
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", "node0", "type", "veth", "peer", "name", "node0-peer")
    _run("ip", "address", "add", f"{NODE_ADDRESS}/24", "dev", "node0")
    for name in ("node0", "node0-peer"):
        _run("ip", "link", "set", name, "up")
    _run("ip", "route", "add", "default", "dev", "node0")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def make_cgroup(name: str) -> None:
    """A cgroup of that name in every hierarchy, for the kubelet to put its pods below."""
    if (CGROUPS / "cgroup.controllers").exists():
        for group in (CGROUPS, CGROUPS / name):
            group.mkdir(exist_ok=True)
            for controller in (group / "cgroup.controllers").read_text().split():
                (group / "cgroup.subtree_control").write_text(f"+{controller}")
        return
    for hierarchy in CGROUPS.iterdir():
        if hierarchy.is_symlink() or not (hierarchy / "cgroup.procs").exists():
            continue
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):  # a new cpuset holds nothing
            if (group / setting).exists():
                (group / setting).write_text((hierarchy / setting).read_text())


def _run(*command: str, pass_fds: Sequence[int] = ()) -> None:
    subprocess.run(command, check=True, pass_fds=pass_fds)
