"""`modelway-server prepare`: try a model in a throwaway process, and write the findings for `serve`.

This process imports nothing of the model, so it reports the reason whatever the artifact does to the other process.
"""

import argparse
import logging
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from modelway_server import settings
from modelway_server.arguments import positive
from modelway_server.engines.failure_note import forget_failure, note_failure
from modelway_server.engines.folder import SEARCHING, WALLS
from modelway_server.errors import LoadCrashed, LoadFailure, LoadTimeout, OutOfMemory, StorageFull
from modelway_server.process.child import run_in_child
from modelway_server.process.exit_report import report_failure, write_termination_message
from modelway_server.process.readable import readable_paths
from modelway_server.process.temporary import temporary_folder
from modelway_server.process.walled import enclose

MAX_PART = 1024
"""Characters of one part of the report for the operator."""
ENGINE_SHARE = 6
"""One engine may take this fraction of the time: at most four are tried."""
_LOGGER = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `prepare`."""
    settings.add_model_arguments(parser)
    parser.add_argument("--prepared-dir", required=True, type=Path, help="directory to fill for `serve`")
    parser.add_argument("--timeout", type=positive, default=300.0, help="seconds to load and try the model")
    parser.add_argument(
        "--note-failure",
        action="store_true",
        help="write why the model cannot be served into the folder, and end with status 0, unless another try may succeed",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prepare the model in a directory; the exit status."""
    signal.signal(signal.SIGTERM, partial(_end, arguments.prepared_dir))
    chosen = settings.ModelSettings.from_arguments(arguments)
    forget_failure(arguments.prepared_dir)
    try:
        decided = prepare(chosen, arguments.prepared_dir, seconds=arguments.timeout)
    except LoadFailure as failure:
        status = report_failure(failure)
        if arguments.note_failure and not failure.may_pass:
            note_failure(failure, arguments.prepared_dir)
            return 0
        return status
    facts: dict[str, str | int] = {
        part: str(decided[part])[:MAX_PART]
        for part in ("format", "engine", "engine_reason", "caution")
        if part in decided
    }
    write_termination_message({"reason": "Prepared", **facts})
    return 0


def prepare(chosen: settings.ModelSettings, directory: Path, *, seconds: float) -> dict[str, Any]:
    """Fill the folder that `serve` starts from, in a child process; the decisions.

    If the search for a faster engine ends the process, a model that answers is served as it is, unless that engine is
    required.

    Raises:
        LoadFailure: the model cannot be served as wished.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFull(f"the folder {directory} cannot be created: {error.strerror}") from error
    with temporary_folder() as own:
        return _prepare_within(chosen, directory, own, seconds)


def _prepare_within(chosen: settings.ModelSettings, directory: Path, own: Path, seconds: float) -> dict[str, Any]:
    try:
        decided = run_in_child(lambda: _prepare(chosen, directory, own, seconds), seconds=seconds)
    except (LoadCrashed, LoadTimeout, OutOfMemory) as failure:
        if chosen.engine == "onnx" or not (directory / SEARCHING).exists():
            raise
        ended = failure.message
        _LOGGER.warning("no faster engine is looked for any more: %s", ended)
        decided = run_in_child(lambda: _prepare(chosen, directory, own, seconds, ended), seconds=seconds)
    _LOGGER.info("prepared", extra=decided)
    return decided


@contextmanager
def prepared_folder(chosen: settings.ModelSettings, directory: Path | None, *, seconds: float) -> Iterator[Path]:
    """A folder that `prepare` has filled: the given one, or a temporary one that is filled now.

    Raises:
        LoadFailure: the model cannot be served as wished.
    """
    if directory is not None:
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="modelway-prepared-") as own:
        prepare(chosen, Path(own), seconds=seconds)
        yield Path(own)


def _prepare(
    chosen: settings.ModelSettings, directory: Path, own: Path, seconds: float, ended: str = ""
) -> dict[str, Any]:
    read = [*readable_paths(chosen.model_dir), *([chosen.samples] if chosen.samples else [])]
    enclose(own, read=read, write=[directory], note=directory / WALLS)
    from modelway_server.engines.choose import prepare_model  # noqa: PLC0415  (in the child alone)

    return prepare_model(chosen, directory, seconds=seconds / ENGINE_SHARE, ended=ended)


def _end(directory: Path, signum: int, _: FrameType | None) -> None:
    """SIGTERM: the child ends with this process (and as process 1 no signal has a default)."""
    (directory / SEARCHING).unlink(missing_ok=True)  # it was no engine that ended it
    os._exit(128 + signum)
