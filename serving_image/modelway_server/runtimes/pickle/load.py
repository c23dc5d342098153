"""A file of pickle or joblib, to the object in it."""

from pathlib import Path
from typing import Any

from modelway_server.runtimes.pickle.build import build
from modelway_server.runtimes.pickle.classes import judge_classes
from modelway_server.runtimes.pickle.freeze import freeze
from modelway_server.runtimes.pickle.machine import read
from modelway_server.runtimes.pickle.resolve import resolve
from modelway_server.runtimes.pickle.rules import judge
from modelway_server.runtimes.pickle.streams import content_of
from modelway_server.runtimes.pickle.trace import Trace
from modelway_server.runtimes.trust import Trust


def load(path: Path, trust: Trust, *, compressed: bool) -> Any:
    """The object in a file.

    Args:
        path: the file.
        trust: what it may name beside the lists.
        compressed: whether one of joblib's compressors wrote it.

    Raises:
        UnsafeArtifact: a rule refuses the file; nothing that it names was called.
        InvalidArtifact: it is damaged.
        Exception: whatever a class of the model raises.
    """
    return make(read(content_of(path, compressed=compressed)), trust)


def make(trace: Trace, trust: Trust) -> Any:
    """The object that a trace says, of whichever format it was read.

    Raises:
        UnsafeArtifact: a rule refuses it.
        Exception: whatever a class of the model raises.
    """
    nodes = judge(trace, trust)
    resolve(nodes, trust)
    judge_classes(trace, nodes, trust)
    made = build(trace)
    freeze(trace, trust)
    return made
