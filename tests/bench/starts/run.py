"""The benchmark: pods like that of a model that serves, made one after the other on a warm sandbox, half of them to begin by exec.

The first pod of each kind does not count: it finds no file in memory.
"""

import os
import time
from collections.abc import Callable, Mapping

import psutil

from bench.errors import BenchError
from bench.starts.figures import COLD, WAYS, Figures, Start
from bench.trial.world import world
from sandbox import Sandbox
from sandbox.node.templates import PREFORK, START
from support.cluster.sandbox import Kubectl, Object

NAME = "starts"
SECONDS = 100

Say = Callable[[str], None]


def measure(rounds: int, machine: Mapping[str, str], say: Say) -> Figures:
    """All figures.

    Args:
        rounds: starts of each kind.
        machine: what this runs on.
        say: tells how far it is.

    Raises:
        AssertionError: a pod did not become Ready.
        BenchError: no container began as a fork.
    """
    starts: dict[str, list[Start]] = {way: [] for way in WAYS}
    with world() as here, here.model(NAME, size=1, over_http=0, over_grpc=0, pause=1.0):
        [original] = here.kubectl.list("pods", f"modelway.dev/name={NAME}")
        load = os.getloadavg()[0]
        node = _node(here.sandbox)
        if not any(PREFORK.name in " ".join(child.cmdline()) for child in node.children()):
            raise BenchError("the node has no process to fork from")
        for number in range(rounds + 1):
            for way in WAYS:
                start = _start(here.kubectl, node, _copy(original, f"{way}-{number}", way))
                say(f"{way}: {start.seconds:.2f} s, {start.processor:.2f} s of a processor")
                starts[way] += [start] if number else []
        loads = (load, os.getloadavg()[0])
    return Figures(machine=machine, load=loads, starts=starts)


def _copy(original: Object, name: str, way: str) -> Object:
    """A pod like another one, which nobody owns and no Service leads to."""
    spec = {key: value for key, value in original["spec"].items() if key != "nodeName"}
    metadata = {"name": name, "annotations": {START: COLD} if way == COLD else {}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _start(kubectl: Kubectl, node: psutil.Process, pod: Object) -> Start:
    """Start a pod, and take it away again."""
    name = pod["metadata"]["name"]
    others = {process.pid for process in node.children(recursive=True)}
    before, begin = _spent(node), time.monotonic()
    kubectl.create(pod)
    kubectl("wait", "--for=condition=Ready", f"pod/{name}", f"--timeout={SECONDS}s")
    seconds = time.monotonic() - begin
    own = [process for process in node.children(recursive=True) if process.pid not in others]
    start = Start(seconds, _spent(node) - before + sum(map(_spent, own)))
    kubectl("delete", "pod", name, "--grace-period=1")
    return start


def _node(sandbox: Sandbox) -> psutil.Process:
    [node] = [part.pid for part in sandbox.parts() if part.name == "node"]
    return psutil.Process(node)


def _spent(process: psutil.Process) -> float:
    """Seconds of a processor that a process took, and those of its children that have ended."""
    return sum(process.cpu_times()[:4])
