"""The second wall around an untrusted model: what its process gives up before it loads the model.

The first wall is what a file may name (`runtimes`). Code that gets past it finds no files but the model's and Python's,
no programs, no other processes and no network, as far as the kernel offers that. A wall that does not stand is logged
with the reason. It ends the process only if MODELWAY_WALLS is `require`.
"""

import errno
import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from modelway_server.errors import ServerIncomplete
from modelway_server.process import landlock, seccomp
from modelway_server.process.capabilities import give_up_capabilities
from modelway_server.process.readable import DEVICES

VARIABLE: Final = "MODELWAY_WALLS"
"""`try`, the default; `require` loads no model unless every wall stands; `off` shows what a model is refused."""
NAMES: Final = ("files", "programs", "network")
_MODES: Final = ("try", "require", "off")
_SWITCHED_OFF = f"{VARIABLE} is off"
_REASONS: Final = {
    errno.ENOSYS: "the kernel or the container runtime does not offer it",
    errno.EOPNOTSUPP: "it is switched off in the kernel",
    errno.EPERM: "the container runtime does not let it be used",
    errno.EINVAL: "the kernel is too old for it",
}
_kept_open: list[int] = []
"""Folders of /proc that a wall lets through, kept open: the kernel would otherwise forget them and refuse new ones."""
_LOGGER = logging.getLogger(__name__)


class Walls:
    """The walls around this process, raised one after the other.

    Args:
        environ: its MODELWAY_WALLS chooses the mode.

    Attributes:
        fallen: why a wall does not stand, by its name; empty where it does.
        remarks: exceptions that a wall lets through.

    Raises:
        ServerIncomplete: MODELWAY_WALLS is no known mode.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._mode = environ.get(VARIABLE) or _MODES[0]
        if self._mode not in _MODES:
            remedy = f"Set {VARIABLE} to {', '.join(_MODES[:-1])} or {_MODES[-1]}."
            raise ServerIncomplete(f"{VARIABLE} is {self._mode!r}", remedy=remedy)
        self.fallen: dict[str, str] = {}
        self.remarks: list[str] = []
        self._read: list[Path] = []
        self._write: list[Path] = []

    def hide_files(self, read: Iterable[Path], write: Iterable[Path]) -> None:
        """Hide all files and folders but these from this thread and all that it starts; nothing may be executed.

        /proc stays readable until `hide_processes`, since a process can be named only once it exists.

        Args:
            read: what may be read.
            write: what may be written, too.
        """
        self._read, self._write = list(read), [*write, *DEVICES]
        self._raise("files", self._hide_files)

    def _hide_files(self) -> None:
        landlock.restrict_files([*self._read, Path("/proc")], self._write)
        give_up_capabilities()

    def hide_processes(self) -> None:
        """Hide all processes but its own from this thread; called after `hide_files`."""
        if not self.fallen.get("files", "not raised"):
            own = _pin(Path("/proc/self"))
            self._raise("files", lambda: landlock.restrict_files([*self._read, own], self._write))

    def refuse_calls(self, *, forks: bool = False, bind: Iterable[int] = (), connect: Iterable[int] = ()) -> None:
        """Refuse this process programs, other processes and new sockets.

        Args:
            forks: whether processes may be started, of this program.
            bind: TCP ports that may be bound.
            connect: TCP ports that may be connected to (names may then be looked up, too); none for no network.
        """
        binds, connects = tuple(bind), tuple(connect)
        calls = seccomp.Calls(forks=forks, binds=bool(binds), connects=bool(connects))
        self._raise("programs", lambda: seccomp.restrict(calls))
        self.fallen["network"] = self.fallen["programs"]
        if (binds or connects) and not self.fallen["network"]:
            self._raise("network", lambda: landlock.restrict_ports(binds, connects))
        if connects:
            self.remarks = [f"traces may be sent to ports {', '.join(map(str, connects))}"]

    def check(self) -> None:
        """Log which walls stand.

        Raises:
            ServerIncomplete: one does not, and they are required.
        """
        level = logging.INFO if self._mode == "off" or not any(self.fallen.values()) else logging.WARNING
        _LOGGER.log(level, "walls: %s", self)
        if self._mode == "require" and any(self.fallen.values()):
            raise ServerIncomplete(
                f"a wall does not stand, and {VARIABLE} is require: {self}",
                remedy=f"Run on nodes with Linux 6.7 or later and a container runtime that allows Landlock and seccomp, or set {VARIABLE} to try.",
            )

    @property
    def standing(self) -> dict[str, bool]:
        """Whether each wall stands."""
        return {name: not self.fallen.get(name, "not raised") for name in NAMES}

    def __str__(self) -> str:
        """The walls that stand, and why others do not."""
        standing = [name for name in NAMES if not self.fallen.get(name, "not raised")]
        reasons: dict[str, list[str]] = {}
        for name in NAMES:
            if reason := self.fallen.get(name, "not raised"):
                reasons.setdefault(reason, []).append(name)
        missing = [f"not {_enumerate(names)} ({reason})" for reason, names in reasons.items()]
        return "; ".join([_enumerate(standing) + " stand"] * bool(standing) + missing + self.remarks)

    def _raise(self, name: str, wall: Callable[[], None]) -> None:
        if self._mode == "off":
            self.fallen[name] = _SWITCHED_OFF
            return
        try:
            wall()
        except OSError as error:
            self.fallen[name] = _REASONS.get(error.errno or 0) or error.strerror or str(error)
        except AttributeError:  # the system has no such calls
            self.fallen[name] = "this system does not offer it"
        else:
            self.fallen[name] = ""


def own_folder(inside: Path) -> Path:
    """A new folder inside another one as the home of this process and the place of its temporary files.

    joblib is told to start no processes, since it would warn.

    Raises:
        OSError: the folder cannot be created.
    """
    folder = tempfile.mkdtemp(prefix="modelway-", dir=inside)
    os.environ.update(HOME=folder, TMPDIR=folder, JOBLIB_MULTIPROCESSING="0")
    tempfile.tempdir = folder
    return Path(folder)


def _pin(path: Path) -> Path:
    if hasattr(os, "O_PATH") and path.exists():
        _kept_open.append(os.open(path, os.O_PATH | os.O_CLOEXEC))
    return path


def _enumerate(names: Iterable[str]) -> str:
    names = list(names)
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
