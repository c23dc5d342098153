"""A process that has imported what the model server imports, and forks on the node's word: each fork becomes a container.

A program by itself, run by path with the options of the server's Python (templates.py does it). It runs none of the
server, so a fork begins as a fresh start would, but for the imports. Each message on the socket of argv[1] carries the
size of the JSON that launcher.py reads, and five descriptors: that JSON's pipe, standard output and error, `status`,
and one that is written to when the fork's parent has ended, so that the node is the parent from then on.
"""

import ctypes
import gc
import importlib
import importlib.util
import os
import runpy
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

MODULES = (
    "modelway_server.artifacts.fetch",
    "modelway_server.prepare",
    "modelway_server.serving",
    "modelway_server.grpc.server",
    "modelway_server.engines.choose",
    "modelway_server.engines.candidates",
    "modelway_server.runtimes.estimators.runtime",
    "onnxruntime",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.impute",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "sklearn.preprocessing",
)
"""What most containers import sooner or later."""

MESSAGE_BYTES, DESCRIPTORS = 64, 5
ARGUMENTS = slice(45, 47)
"""Behind the name in /proc/PID/stat: where the command line begins and ends in memory."""
CAPABILITIES_VERSION_3 = 0x20080522


def load_launcher() -> Any:
    """The launcher beside this file, unknown to the server: it shall find no modules that a fresh start lacks."""
    spec = importlib.util.spec_from_file_location("launcher", Path(__file__).with_name("launcher.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def serve_forks(control: socket.socket) -> tuple[int, int]:
    """Fork at each message, for ever; returns in each fork, with its descriptors in place: size of its JSON, and `status`."""
    control.send(b"\n")
    while True:
        size, descriptors, _, _ = socket.recv_fds(control, MESSAGE_BYTES, DESCRIPTORS)
        if not descriptors:  # the node is gone
            os._exit(0)
        *streams, status, end = descriptors
        child = os.fork()
        if not child:
            control.close()
            os.close(end)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            return int(size), status
        os.waitpid(child, 0)
        os.write(end, b"\n")
        for descriptor in descriptors:
            os.close(descriptor)


def show_command(words: list[str]) -> None:
    """Show `words` as the command line of this process, where the template's own was; that has a long last word for it."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    begin, end = map(int, fields[ARGUMENTS])
    text = "\0".join(words).encode()[: max(0, end - begin - 1)]
    ctypes.memset(begin, 0, end - begin)
    ctypes.memmove(begin, text, len(text))


def become_program(launcher: Any, spec: dict[str, Any]) -> None:
    """Make of this process what exec would have made: nothing of the template but its imports stays.

    A user other than root has no capabilities after exec.
    """
    launcher.settle(spec)
    if os.geteuid() != 0:
        header = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION_3, 0)
        launcher.kernel("capset", header, (ctypes.c_uint32 * 6)())
    environment = {**os.environ, **spec["env"]}  # imports set some, as they would have done in a fresh start
    os.environ.clear()
    os.environ.update(environment)
    show_command(spec["argv"])
    sys.orig_argv = list(spec["argv"])
    sys.argv = ["", *spec["argv"][spec["argv"].index("-m") + 2 :]]
    tempfile.tempdir = None
    sys.modules["numpy"].random.seed()  # the only generator that Python does not seed again at a fork
    os.closerange(3, max(int(entry.name) for entry in Path("/proc/self/fd").iterdir()) + 1)


def main() -> str:
    """Import, then return in each fork: the module that it is to run."""
    launcher = load_launcher()
    launcher.kernel("prctl", launcher.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    control = socket.socket(fileno=int(sys.argv[1]))
    for module in MODULES:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    size, status = serve_forks(control)
    spec = launcher.read(size) | {"status": status}
    try:
        launcher.go_inside(spec)
        become_program(launcher, spec)
    except OSError as error:
        launcher.fail(spec, error)
    return str(spec["argv"][spec["argv"].index("-m") + 1])


if __name__ == "__main__":
    runpy.run_module(main(), run_name="__main__", alter_sys=True)
