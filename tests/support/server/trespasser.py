"""What a model would do that got past the first wall: each attempt leaves the machine, the file system or the process."""

import ctypes
import fcntl
import os
import resource
import socket
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

_PTRACE_ATTACH, _TIOCSTI, _MPTCP = 16, 0x5412, 262


def _fork() -> None:
    if not os.fork():
        os._exit(0)


def _call(function: str, *arguments: Any) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, function)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), function)


def _tell_daemons(path: Path) -> None:
    socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b"x", str(path))


def _connect_by_sending(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.sendto(b"x", socket.MSG_FASTOPEN, ("127.0.0.1", port))


def attempts(secret: Path, port: int) -> dict[str, Callable[[], Any]]:
    """One of each kind, by what it is.

    Args:
        secret: a file that the model must not read, in a folder that it must not write to.
        port: where somebody listens on loopback.
    """
    return {
        "read a file": secret.read_bytes,
        "list a folder": lambda: list(secret.parent.iterdir()),
        "make a file": (secret.parent / "made").touch,
        "delete a file": secret.unlink,
        "move a file": lambda: secret.rename(secret.with_suffix(".moved")),
        "cut a file": lambda: os.truncate(secret, 0),
        "change who may read a file": lambda: secret.chmod(0o777),
        "read of another process": Path(f"/proc/{os.getppid()}/environ").read_bytes,
        "read the command of another process": Path(f"/proc/{os.getppid()}/cmdline").read_bytes,
        "run a program": lambda: subprocess.run(["/bin/true"], check=True),
        "become a program": lambda: os.execv("/bin/true", ["true"]),
        "start a process": _fork,
        "trace its parent": lambda: _call("ptrace", _PTRACE_ATTACH, os.getppid(), 0, 0),
        "signal its parent": lambda: os.kill(os.getppid(), 0),
        "limit its parent": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CORE),
        "type what its shell runs": lambda: fcntl.ioctl(0, _TIOCSTI, b"x"),
        "reach the memory of others": lambda: _call("shmat", 1 << 30, None, 0),
        "change when a file was written": lambda: os.utime(secret),
        "connect": lambda: socket.create_connection(("127.0.0.1", port), 5),
        "listen": lambda: socket.create_server(("127.0.0.1", 0)),
        "send a datagram": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", port)),
        "ask the local daemons": lambda: socket.socket(socket.AF_UNIX),
        "tell the local daemons": lambda: _tell_daemons(secret),
        "connect by sending": lambda: _connect_by_sending(port),
        "speak another protocol": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, _MPTCP),
    }


def successes(secret: Path, port: int) -> list[str]:
    """The attempts that were not refused."""
    deeds = []
    for name, attempt in attempts(secret, port).items():
        try:
            attempt()
        except PermissionError:
            continue
        except OSError as error:  # refused for another reason than a wall
            deeds.append(f"{name}: {error}")
        else:
            deeds.append(name)
    return deeds


class Trespasser(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Tries everything, when it is loaded and at each prediction; answers with what it could do each time."""

    def __init__(self, secret: str = "", port: int = 0) -> None:
        self.secret = secret
        self.port = port

    def fit(self) -> "Trespasser":
        """Take one number a row."""
        self.n_features_in_ = 1
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.loading_ = successes(Path(self.secret), self.port)

    def predict(self, rows: Any) -> Any:
        """What was possible while loading, and what is now; it fails where it cannot work in a folder of its own."""
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
        Path.home().joinpath("cache").touch()
        now = successes(Path(self.secret), self.port)
        return np.array([f"loading: {', '.join(self.loading_)}; answering: {', '.join(now)}"] * len(rows))
