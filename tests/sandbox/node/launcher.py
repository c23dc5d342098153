"""Puts one command into namespaces and a root of its own, then becomes it.

A program by itself, run by path with the standard library alone, because every container starts it: it must be quick
and must not import the sandbox. It reads JSON (process.py writes it) of argv[1] bytes from its standard input and
answers with lines of JSON on file descriptor `status`: {"pid": N}, then {"error": ...} or, on success, the end of
the file as the command takes over.

The command is process 1 of its PID namespace, so that its death ends everything it started, also what went into other
sessions. The root is a tmpfs with the machine's folders bound read-only, the pod's volumes over them, and a tmpfs over
each folder that lacks a mount point: any mount path works and the machine's file system is never touched. Without
readOnlyRootFilesystem a container can write to /, /tmp, /run and /var/tmp, which are its own and end with it; the
machine's folders stay read-only.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import struct
import sys
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
MS_RDONLY, MS_NOSUID, MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 1, 2, 4096, 16384, 1 << 18, 2
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = (
    0x00020000,
    0x04000000,
    0x08000000,
    0x10000000,
    0x20000000,
)
NAMESPACES = {"mnt": CLONE_NEWNS, "uts": CLONE_NEWUTS, "ipc": CLONE_NEWIPC, "pid": CLONE_NEWPID}
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
OLD = "/.machine"
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}
SHARED_MEMORY = "size=64m"


def kernel(name: str, *arguments: Any) -> None:
    """Call `name` of the C library; OSError with the arguments where it fails."""
    encoded = [os.fsencode(value) if isinstance(value, str) else value for value in arguments]
    if getattr(LIBC, name)(*encoded) < 0:
        code = ctypes.get_errno()
        raise OSError(
            code, f"{name}: {os.strerror(code)}", *[value for value in arguments if isinstance(value, str)][:1]
        )


def tmpfs(target: str, options: str = "mode=755") -> None:
    kernel("mount", "tmpfs", target, "tmpfs", MS_NOSUID, options)


def bind(source: str, target: str, *, readonly: bool = False) -> None:
    kernel("mount", source, target, None, MS_BIND | MS_REC, None)
    if readonly:
        make_readonly(target, AT_RECURSIVE)


def make_readonly(target: str, flags: int = 0) -> None:
    attributes = struct.pack("QQQQ", MOUNT_ATTR_RDONLY, 0, 0, 0)
    kernel("syscall", SYS_MOUNT_SETATTR, AT_FDCWD, target, flags, attributes, len(attributes))


def isolate(*, user_namespace: bool, user: int) -> None:
    """New namespaces for this process and its children; `user` stands for the caller's own identity in them."""
    uid, gid = os.geteuid(), os.getegid()
    LIBC.unshare.argtypes = [ctypes.c_int]
    flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID
    kernel("unshare", flags | (CLONE_NEWUSER if user_namespace else 0))
    if user_namespace:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {uid} 1"), ("gid_map", f"{user} {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)


class Root:
    """The file system a container sees."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.private: list[str] = []
        self.volumes: list[str] = []

    def build(self) -> None:
        """Enter a new root at the (empty) folder spec["root"], the machine's one below `OLD`; then forget that."""
        kernel("mount", "none", "/", None, MS_REC | MS_PRIVATE, None)
        tmpfs(self.spec["root"])
        os.mkdir(self.spec["root"] + OLD)
        kernel("pivot_root", self.spec["root"], self.spec["root"] + OLD)
        os.chdir("/")
        self._machine()
        self._devices()
        for folder in ("/tmp", "/run", "/var/tmp"):
            self._private(folder, "mode=1777")
        self._hide()
        for mount in sorted(self.spec["mounts"], key=lambda mount: len(mount["target"].split("/"))):
            self._volume(mount)
        for path in self.spec["visible"]:
            self._show(path)
        self.reach(self.spec["cwd"], directory=True)
        if self.spec["readonlyRoot"]:
            for folder in {"/", *self.private}.difference(self.volumes):
                make_readonly(folder)
        kernel("umount2", OLD, MNT_DETACH)

    def _machine(self) -> None:
        for entry in os.scandir(OLD):
            target = "/" + entry.name
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), target)
            elif entry.is_dir() and target not in {"/tmp", "/run", "/dev", "/proc"}:
                os.mkdir(target)
                bind(entry.path, target, readonly=True)
        os.mkdir("/proc")
        try:
            kernel("mount", "proc", "/proc", "proc", MS_NOSUID, None)
        except PermissionError:  # the machine itself sees only part of /proc, as in many containers
            bind(OLD + "/proc", "/proc")

    def _devices(self) -> None:
        os.mkdir("/dev")
        tmpfs("/dev")
        for name in DEVICES:
            open(f"/dev/{name}", "w").close()
            bind(f"{OLD}/dev/{name}", f"/dev/{name}")
        for name, destination in DEVICE_LINKS.items():
            os.symlink(destination, f"/dev/{name}")
        for name in ("shm", "pts"):
            os.mkdir(f"/dev/{name}")
        tmpfs("/dev/shm", "mode=1777," + SHARED_MEMORY)
        bind(OLD + "/dev/pts", "/dev/pts")

    def _private(self, folder: str, options: str) -> None:
        """An empty folder of the container's own, as an image has it."""
        os.makedirs(folder, exist_ok=True)
        tmpfs(folder, options)
        self.private.append(folder)

    def _hide(self) -> None:
        """The sandbox's own files hold keys and other pods' Secrets."""
        if os.path.isdir(self.spec["hidden"]):
            tmpfs(self.spec["hidden"], "mode=000")
            self.private.append(self.spec["hidden"])

    def _volume(self, mount: dict[str, Any]) -> None:
        source = OLD + mount["source"]
        target = self.reach(mount["target"], directory=os.path.isdir(source))
        bind(source, target, readonly=mount["readOnly"])
        self.volumes.append(target)

    def _show(self, path: str) -> None:
        """The machine's `path` again where a volume or an empty folder lies over it."""
        if os.path.exists(path) and os.path.samefile(path, OLD + path):
            return
        bind(OLD + path, self.reach(path, directory=os.path.isdir(OLD + path)), readonly=True)

    def reach(self, path: str, *, directory: bool) -> str:
        """The real path of mount point `path`, made where it is missing."""
        real = os.path.realpath(path)
        if os.path.exists(real):
            return real
        parent = self.reach(os.path.dirname(real), directory=True)
        try:
            self._create(real, directory=directory)
        except OSError:
            if any(parent == volume or parent.startswith(volume + "/") for volume in self.volumes):
                raise
            self._mirror(parent)
            self._create(real, directory=directory)
        return real

    def _create(self, path: str, *, directory: bool) -> None:
        if directory:
            os.mkdir(path)
        else:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))

    def _mirror(self, folder: str) -> None:
        """A tmpfs over `folder` that shows what `folder` held and takes new entries."""
        below = os.open(folder, os.O_PATH)
        entries = list(os.scandir(folder))
        tmpfs(folder)
        self.private.append(folder)
        for entry in entries:
            target = os.path.join(folder, entry.name)
            if entry.is_symlink():
                os.symlink(os.readlink(f"/proc/self/fd/{below}/{entry.name}"), target)
            elif entry.is_dir() or entry.is_file():
                self._create(target, directory=entry.is_dir())
                bind(f"/proc/self/fd/{below}/{entry.name}", target, readonly=True)
        os.close(below)


def settle(spec: dict[str, Any]) -> None:
    """Give this process what any command finds: its working directory, an empty input, no more rights to be had."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    kernel("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.chdir(spec["cwd"])


def become(spec: dict[str, Any]) -> None:
    """Take the command's place; OSError where it cannot be run."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    settle(spec)
    os.execvpe(spec["argv"][0], spec["argv"], spec["env"])


def launch(spec: dict[str, Any]) -> None:
    """In the new namespaces: build the root and wait for the node's word."""
    os.setsid()
    socket.sethostname(spec["hostname"])
    Root(spec).build()
    # The node is the parent only after the launcher is gone; a signal on the parent's death means the node's from then.
    if os.read(0, 1) != b"\n":
        os._exit(1)
    kernel("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def enter(spec: dict[str, Any]) -> None:
    """Join the namespaces of process spec["enter"], then run the command there as a child and hand on its exit code."""
    kernel("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    folder = f"/proc/{spec['enter']}/ns"
    kinds = {"user": CLONE_NEWUSER, **NAMESPACES} if spec["userNamespace"] else NAMESPACES
    descriptors = [(os.open(f"{folder}/{name}", os.O_RDONLY), kind) for name, kind in kinds.items()]
    for descriptor, kind in descriptors:
        kernel("setns", descriptor, kind)
    child = os.fork()
    if not child:
        kernel("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        become(spec)
    os.close(spec["status"])
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) % 256)


def read(size: int) -> dict[str, Any]:
    """The JSON of `size` bytes that the node writes."""
    text = b""
    while len(text) < size:
        part = os.read(0, size - len(text))
        if not part:  # the node is gone
            os._exit(1)
        text += part
    spec: dict[str, Any] = json.loads(text)
    return spec


def go_inside(spec: dict[str, Any]) -> None:
    """Return as the first process of a container, in its world; the caller's own process ends."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("500")  # a machine out of memory shall lose a pod, not the control plane
    isolate(user_namespace=spec["userNamespace"], user=spec["user"])
    child = os.fork()
    if child:
        os.write(spec["status"], json.dumps({"pid": child}).encode() + b"\n")
        os._exit(0)
    launch(spec)


def fail(spec: dict[str, Any], error: OSError) -> None:
    """Tell the node why the command does not run, and end."""
    answer = {"error": error.strerror, "file": os.fsdecode(error.filename or ""), "errno": error.errno}
    os.write(spec["status"], json.dumps(answer).encode() + b"\n")
    os._exit(128)


def main() -> None:
    spec = read(int(sys.argv[1]))
    os.set_inheritable(spec["status"], False)  # noqa: FBT003 - it takes no keyword
    try:
        if "enter" in spec:
            enter(spec)
        go_inside(spec)
        become(spec)
    except OSError as error:
        fail(spec, error)


if __name__ == "__main__":
    main()
