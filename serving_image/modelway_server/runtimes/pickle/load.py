"""Load the object in a file of pickle or joblib."""

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
    """Load the object in a file.

    Args:
        path: the file.
        trust: names that it may use beside the lists.
        compressed: whether one of joblib's compressors wrote it.

    Raises:
        UnsafeArtifact: a rule refuses the file; nothing that it names was called.
        InvalidArtifact: the file is damaged.
        Exception: whatever a class of the model raises.
    """
    return make(read(content_of(path, compressed=compressed)), trust)


def make(trace: Trace, trust: Trust) -> Any:
    """Make the object of a trace, whatever the format of its file.

    Raises:
        UnsafeArtifact: a rule refuses the trace.
        Exception: whatever a class of the model raises.
    """
    nodes = judge(trace, trust)
    resolve(nodes, trust)
    judge_classes(trace, nodes, trust)
    content = build(trace)
    freeze(trace, trust)
    return content
