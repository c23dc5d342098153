"""A process that has imported the libraries of models, and becomes a model server at each order, by a fork.

`python -m support.server.template FD`, as `support.server.warm` starts it. It imports nothing of the server, whose modules
look at its command line, its environment and its walls when they are imported: a fork finds them as a new process would.
An order is JSON with two descriptors: the server's log, and one that gets the exit status. A message without descriptors is the
process id of a fork whose status was read: until then it stays a zombie, so that its id is nobody else's.
"""

import ctypes
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import tempfile
from typing import Any

MODULES = (
    "onnxruntime",
    "pandas",
    "skl2onnx",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.impute",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "sklearn.preprocessing",
)
ORDER_BYTES = 1 << 18
PR_SET_PDEATHSIG = 1


def serve_forks(control: socket.socket) -> dict[str, Any]:
    """Fork at each order until nobody is left to give one; returns in each fork, with its order."""
    wake, waker = socket.socketpair()
    wake.settimeout(0)
    waker.settimeout(0)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    status_of: dict[int, int] = {}
    control.send(b"ready")
    while True:
        ready, _, _ = select.select([control, wake], [], [])
        if wake in ready:
            wake.recv(4096)
            report_ends(status_of)
        if control not in ready:
            continue
        content, descriptors, _, _ = socket.recv_fds(control, ORDER_BYTES, 2)
        if not content:
            sys.exit(0)
        if not descriptors:
            os.waitpid(int(content), 0)
            continue
        log, status = descriptors
        child = os.fork()
        if not child:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for own in (control, wake, waker):
                own.close()
            for descriptor in (status, *status_of.values()):
                os.close(descriptor)
            return {**json.loads(content), "log": log}
        status_of[child] = status
        os.close(log)
        control.send(str(child).encode())


def report_ends(status_of: dict[int, int]) -> None:
    """Tell of each fork that ended how it did, as `subprocess` does."""
    for child in list(status_of):
        end = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if end is not None:
            descriptor = status_of.pop(child)
            os.write(descriptor, str(end.si_status if end.si_code == os.CLD_EXITED else -end.si_status).encode())
            os.close(descriptor)


def become_server(order: dict[str, Any]) -> None:
    """Make of a fork what a start would have made: its session, its streams, its environment, its command line."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for stream, source in ((0, nothing), (1, order["log"]), (2, order["log"])):
        os.dup2(source, stream)
    os.close(nothing)
    os.close(order["log"])
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = ["", *order["arguments"]]
    tempfile.tempdir = None
    sys.modules["numpy"].random.seed()  # the only generator that Python does not seed again at a fork


def main() -> None:
    """Import, then become a server in each fork."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    control = socket.socket(fileno=int(sys.argv[1]))
    for module in MODULES:
        importlib.import_module(module)
    order = serve_forks(control)
    become_server(order)
    if order["program"]:
        exec(order["program"], {"__name__": "__main__"})  # as python -c does
    else:
        runpy.run_module("modelway_server", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
