"""Ask a prepared model in a throwaway process behind walls, as `serve` would evaluate it."""

import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelway_server.errors import LoadFailure, LoadTimeout
from modelway_server.process.child import run_in_child
from modelway_server.process.readable import readable_paths
from modelway_server.process.walled import enclose, temporary_folder

if TYPE_CHECKING:
    from modelway_server.dataplane.plane import DataPlane

NAME: Final = "model"
"""The model's name in answers."""
_SHORTEST: Final = 0.1


@dataclass(frozen=True, kw_only=True)
class PreparedModel:
    """A model that `prepare` has tried.

    Attributes:
        model_dir: folder of its artifact.
        prepared_dir: folder that `prepare` has filled.
        trusted_types: classes that the artifact may hold beside the known ones.
        title: what messages call it; empty for the candidate.
    """

    model_dir: Path
    prepared_dir: Path
    trusted_types: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a preflight has before it.

    Attributes:
        candidate: the model that is to serve.
        stable: the model that serves; None where there is none.
        dataset_dir: folder of the dataset's file; None where there is none.
    """

    candidate: PreparedModel
    stable: PreparedModel | None = None
    dataset_dir: Path | None = None


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


def ask(
    model: PreparedModel,
    work: Callable[["DataPlane"], dict[str, Any]],
    deadline: Deadline,
    *,
    read: Iterable[Path] = (),
    write: Iterable[Path] = (),
) -> dict[str, Any]:
    """The result of `work` on the model's data plane, in a child process that may only read the model.

    Args:
        model: to load.
        work: its result is a JSON document.
        deadline: until then the child must have ended.
        read: other files and folders that it may read.
        write: other folders that it may write to.

    Raises:
        LoadFailure: of the model or of `work`; the message names the model unless it is the candidate.
    """
    readable = [*readable_paths(model.model_dir), model.prepared_dir, *read]
    try:
        return run_walled(
            lambda: work(load_plane(model)),
            deadline,
            read=readable,
            write=write,
            late=f"{model.title or 'the model'} had not answered",
        )
    except LoadTimeout:
        raise
    except LoadFailure as failure:
        if not model.title:
            raise
        raise type(failure)(f"{model.title}: {failure.message}", remedy=failure.remedy) from failure


def run_walled(
    work: Callable[[], dict[str, Any]],
    deadline: Deadline,
    *,
    read: Iterable[Path],
    write: Iterable[Path] = (),
    late: str,
) -> dict[str, Any]:
    """The result of `work` in a child process behind walls.

    Args:
        work: its result is a JSON document.
        deadline: until then the child must have ended.
        read: what it may read.
        write: what it may write to, beside a folder of its own.
        late: what had not happened when the time was over, for the message.

    Raises:
        LoadFailure: of `work`, or for the end of the child.
    """
    try:
        with temporary_folder() as own:
            return run_in_child(lambda: _enclosed(work, own, list(read), list(write)), seconds=deadline.left())
    except LoadTimeout as error:
        message = f"{late} when the {deadline.seconds:g} s of the preflight were over"
        remedy = "Raise spec.preflight.timeoutSeconds, or give the pod more CPU in spec.runtime.resources."
        raise LoadTimeout(message, remedy=remedy) from error


def _enclosed(work: Callable[[], dict[str, Any]], own: Path, read: list[Path], write: list[Path]) -> dict[str, Any]:
    """In the child."""
    os.dup2(sys.stderr.fileno(), 1)  # what the model's code prints is no part of the report
    enclose(own, read=read, write=write)
    return work()


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
