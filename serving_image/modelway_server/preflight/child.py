"""Ask a prepared model in a throwaway process behind walls, as `serve` would evaluate it."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelway_server.errors import LoadFailure, LoadTimeout
from modelway_server.process.child import Child, Steps, start_child
from modelway_server.process.readable import readable_paths
from modelway_server.process.temporary import temporary_folder
from modelway_server.process.walled import enclose

if TYPE_CHECKING:
    from modelway_server.dataplane.plane import DataPlane

NAME: Final = "model"
"""The model's name in answers."""
MODEL: Final = "model"
"""What the candidate is called among several that compete."""
_SHORTEST: Final = 0.1


@dataclass(frozen=True, kw_only=True)
class PreparedModel:
    """A model that `prepare` has tried.

    Attributes:
        model_dir: folder of its artifact.
        prepared_dir: folder that `prepare` has filled.
        trusted_types: classes that the artifact may hold beside the known ones.
        title: what messages call it; empty for the candidate.
        name: among several that compete.
    """

    model_dir: Path
    prepared_dir: Path
    trusted_types: tuple[str, ...] = ()
    title: str = ""
    name: str = MODEL


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a preflight has before it.

    Attributes:
        candidate: the model that is to serve.
        others: models that compete with it.
        stable: the model that serves; None where there is none.
        dataset_dir: folder of the dataset's file; None where there is none.
    """

    candidate: PreparedModel
    stable: PreparedModel | None = None
    dataset_dir: Path | None = None
    others: tuple[PreparedModel, ...] = ()

    @property
    def contestants(self) -> tuple[PreparedModel, ...]:
        """All of which one is to serve."""
        return (self.candidate, *self.others)


class Deadline:
    """The end of the time for a whole preflight.

    Args:
        seconds: from now.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left, and a moment where there are none."""
        return max(self._at - time.monotonic(), _SHORTEST)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a loaded model is asked to do.

    Attributes:
        work: on its data plane, in the child process; the result is a JSON document.
        read: files and folders that this takes, beside the model.
        write: folders that this writes to.
        prepare: what it does before the model is loaded.
    """

    work: Callable[["DataPlane"], dict[str, Any]]
    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    prepare: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class WalledChild:
    """A child process behind walls, which does each step of its work when it is asked to.

    Attributes:
        child: the process.
        deadline: until then it must have ended.
        late: what has not happened if the time is over, for the message.
        title: what other messages begin with; empty for the candidate.
    """

    child: Child
    deadline: Deadline
    late: str
    title: str

    def begin(self) -> None:
        """Let it begin its next step."""
        self.child.begin()

    def wait(self) -> None:
        """Wait until the step that was begun has ended in one way or another."""
        self.child.wait()

    def result(self) -> dict[str, Any]:
        """The result of the step that was begun.

        Raises:
            LoadFailure: of the step, or for the end of the child.
        """
        try:
            return self.child.result()
        except LoadTimeout as error:
            message = f"{self.late} when the {self.deadline.seconds:g} s of the preflight were over"
            remedy = "Raise spec.preflight.timeoutSeconds, or give the pod more CPU in spec.runtime.resources."
            raise LoadTimeout(message, remedy=remedy) from error
        except LoadFailure as failure:
            if not self.title:
                raise
            raise type(failure)(f"{self.title}: {failure.message}", remedy=failure.remedy) from failure

    def step(self) -> dict[str, Any]:
        """The result of its next step.

        Raises:
            LoadFailure: as `result`.
        """
        self.begin()
        return self.result()


@contextmanager
def start_walled(
    steps: Steps, deadline: Deadline, *, read: Iterable[Path], write: Iterable[Path], late: str, title: str = ""
) -> Iterator[WalledChild]:
    """Start a child process behind walls.

    Args:
        steps: what it does.
        deadline: until then it must have ended.
        read: what it may read.
        write: what it may write to, beside a folder of its own.
        late: what has not happened if the time is over, for the message.
        title: what other messages begin with.
    """
    with temporary_folder() as own:
        enclosed = partial(_enclosed, steps, own, list(read), list(write))
        with start_child(enclosed, seconds=deadline.left()) as child:
            yield WalledChild(child, deadline, late, title)


@contextmanager
def load_walled(model: PreparedModel, tasks: Sequence[Task], deadline: Deadline) -> Iterator[WalledChild]:
    """Load a model in a child process that may read the model alone, and what the tasks take.

    Each step is a task; the model is loaded in the first.

    Args:
        model: to load.
        tasks: to be done with it.
        deadline: until then the child must have ended.
    """

    def steps() -> Iterator[dict[str, Any]]:
        for task in tasks:
            task.prepare()
        plane = load_plane(model)
        for task in tasks:
            yield task.work(plane)

    read = [*readable_paths(model.model_dir), model.prepared_dir, *(path for task in tasks for path in task.read)]
    write = [path for task in tasks for path in task.write]
    late = f"{model.title or 'the model'} had not answered"
    with start_walled(steps, deadline, read=read, write=write, late=late, title=model.title) as child:
        yield child


def _enclosed(steps: Steps, own: Path, read: list[Path], write: list[Path]) -> Iterator[dict[str, Any]]:
    """In the child."""
    os.dup2(sys.stderr.fileno(), 1)  # what the model's code prints is no part of the report
    enclose(own, read=read, write=write)
    yield from steps()


def load_plane(model: PreparedModel) -> "DataPlane":
    """The model behind its protocols, warmed up.

    Raises:
        LoadFailure: it does not load, or does not answer.
    """
    from modelway_server.dataplane.identity import Identity  # noqa: PLC0415  (libraries of models: in the child alone)
    from modelway_server.dataplane.plane import DataPlane  # noqa: PLC0415  (as above)
    from modelway_server.engines.load import load_prepared  # noqa: PLC0415  (as above)

    runtime = load_prepared(model.model_dir, model.prepared_dir, trusted_types=model.trusted_types)
    runtime.warm_up()
    return DataPlane(runtime, Identity(name=NAME))
