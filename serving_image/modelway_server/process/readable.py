"""The files that a process with a model must be able to read: the model, Python, the system's libraries, some of /proc."""

import os
import pwd
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

_WIDE = frozenset(map(Path, ("/", "/usr", "/usr/local")))
"""Prefixes of Python that hold more than Python."""
_OF_PREFIX = ("lib", "lib64", "share")
_LIBRARIES = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/locale", "/usr/share/zoneinfo",
    "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime", "/etc/timezone", "/etc/mime.types",
    "/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf",
)  # fmt: skip
_KERNEL = (
    "/proc/cpuinfo", "/proc/filesystems", "/proc/meminfo", "/proc/stat", "/proc/version", "/proc/sys/kernel",
    "/proc/sys/vm", "/sys/bus/pci", "/sys/class/drm", "/sys/devices", "/sys/fs/cgroup", "/sys/kernel/mm",
)  # fmt: skip
_RESOLVER = (
    "/etc/gai.conf", "/etc/host.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/services",
    "/etc/ssl", "/etc/pki", "/usr/share/ca-certificates",
)  # fmt: skip
DEVICES = tuple(map(Path, ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")))
"""Devices that hold nothing, and may be written to."""


def readable_paths(model_dir: Path, environ: Mapping[str, str] = os.environ, *, connects: bool = False) -> list[Path]:
    """Files and folders that may be read.

    Args:
        model_dir: the folder of the model, which may hold links to where the model is.
        environ: of this process.
        connects: whether names are looked up, and certificates read.
    """
    certificates = [value for name, value in environ.items() if name.endswith("_CERTIFICATE")] if connects else []
    more = (*(_RESOLVER if connects else ()), *certificates)
    return [*program_paths(environ), *map(Path, filter(None, more)), *_model(model_dir)]


def program_paths(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Files and folders that a process of this program without a model may read.

    Args:
        environ: of this process.
    """
    named = environ.get("LD_LIBRARY_PATH", "").split(":")
    return [*map(Path, filter(None, (*_LIBRARIES, *_KERNEL, *named))), *_python()]


def _python() -> list[Path]:
    """The folders that Python imports from.

    The home folder and its parents are left out unless PYTHONPATH names them: Python adds the folder that it starts in.
    """
    prefixes = {Path(each) for each in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)}
    roots = [
        path
        for prefix in prefixes
        for path in ([prefix / name for name in _OF_PREFIX] if prefix in _WIDE else [prefix])
    ]
    roots += [Path(each or ".").absolute() for each in sys.path]
    wished = [Path(each) for each in os.environ.get("PYTHONPATH", "").split(":") if each]
    return [*without_homes([*roots, Path(__file__).parents[2]], _homes()), *wished]


def without_homes(paths: Iterable[Path], homes: Iterable[Path]) -> list[Path]:
    """The paths that are neither a home folder nor above one."""
    real_paths = dict.fromkeys(path.resolve() for path in paths)
    return [path for path in real_paths if not any(home.resolve().is_relative_to(path) for home in homes)]


def _homes() -> list[Path]:
    homes = [os.environ.get("HOME", "")]
    with suppress(KeyError):  # an account without a name, as in most pods
        homes.append(pwd.getpwuid(os.getuid()).pw_dir)
    return [Path(home) for home in homes if home]


def _model(directory: Path) -> list[Path]:
    with suppress(OSError):
        return [directory, *(entry.resolve() for entry in directory.iterdir() if entry.is_symlink())]
    return [directory]
