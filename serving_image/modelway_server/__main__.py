"""`modelway-server`: the program of a serving pod."""

import argparse
import faulthandler
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from modelway_server import settings
from modelway_server.errors import LoadFailure, ServerIncomplete, StorageFull, describe
from modelway_server.process.exit_report import report_failure, termination_log
from modelway_server.process.readable import program_paths, readable_paths
from modelway_server.process.temporary import make_folder
from modelway_server.process.walls import Walls, own_folder
from modelway_server.telemetry import tracing
from modelway_server.telemetry.logs import configure_logging

if TYPE_CHECKING:
    import socket

    from modelway_server.traffic.broker import Rollouts

INTERRUPTED = 128 + signal.SIGINT


class _CommandParser(argparse.ArgumentParser):
    """The parser of one command. It adds its options, and so imports its code, only when the command is chosen."""

    def __init__(self, *, declare: Callable[[argparse.ArgumentParser], None] | None = None, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, **kwargs)
        self._declare = declare

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse, after the command has added its options."""
        if self._declare is not None:
            self._declare(self)
            self._declare = None
        return super().parse_known_args(args, namespace)


class _Version(argparse.Action):
    """Prints the version, which it takes a moment to find out, in every container of a pod."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print it, and end."""
        from importlib.metadata import version  # noqa: PLC0415  (as above)

        print(version("modelway"))
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; see `modelway-server --help`.

    Returns:
        The exit status: 0, 2 for a wrong command line, else that of the failure's reason.
    """
    parser = _CommandParser(
        prog="modelway-server", description="Fetch, prepare, prove, replay and serve a trained model."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_CommandParser)
    commands.add_parser("fetch", help="bring a model's file into a directory", declare=_declare_fetch)
    commands.add_parser("prepare", help="try the model in a directory and choose its engine", declare=_declare_prepare)
    commands.add_parser("prove", help="hold a prepared model against smoke tests and metrics", declare=_declare_prove)
    commands.add_parser("replay", help="ask both revisions of a rollout the same rows", declare=_declare_replay)
    commands.add_parser("serve", help="serve the model in a directory", declare=_declare_serve)
    arguments = parser.parse_args(argv)
    faulthandler.enable()  # a crash of native code then says where in the log
    configure_logging(os.environ.get("MODELWAY_LOG_LEVEL", "INFO"))
    return int(arguments.run(arguments))


def run() -> None:
    """Run one command and end the process, even if a prediction never returns."""
    try:
        status = main()
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except (ImportError, SyntaxError) as error:
        logging.getLogger(__name__).exception("the server cannot be imported")
        status = report_failure(ServerIncomplete(f"this image is incomplete: {describe(error)}"))
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _declare_fetch(parser: argparse.ArgumentParser) -> None:
    from modelway_server.artifacts import fetch  # noqa: PLC0415  (its store client costs `serve` time and memory)

    fetch.add_arguments(parser)
    parser.set_defaults(run=fetch.run)


def _declare_prepare(parser: argparse.ArgumentParser) -> None:
    from modelway_server import prepare  # noqa: PLC0415  (`fetch` needs none of it)

    prepare.add_arguments(parser)
    parser.set_defaults(run=prepare.run)


def _declare_prove(parser: argparse.ArgumentParser) -> None:
    from modelway_server import prove  # noqa: PLC0415  (as above)

    prove.add_arguments(parser)
    parser.set_defaults(run=prove.run)


def _declare_replay(parser: argparse.ArgumentParser) -> None:
    from modelway_server.replay import command  # noqa: PLC0415  (as above)

    command.add_arguments(parser)
    parser.set_defaults(run=command.run)


def _declare_serve(parser: argparse.ArgumentParser) -> None:
    settings.add_arguments(parser)
    parser.set_defaults(run=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    chosen = settings.ServeSettings.from_arguments(arguments)
    rollouts = _rollouts(chosen)
    try:
        walls = _wall_in(chosen)
    except LoadFailure as failure:
        return report_failure(failure)
    if chosen.workers > 1:  # read by prometheus_client when it is imported
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="modelway-metrics-")
    from modelway_server.serving import serve  # noqa: PLC0415  (`fetch` needs none of it)

    return serve(chosen, walls, rollouts)


def _rollouts(chosen: settings.ServeSettings) -> "Rollouts | None":
    """What the workers need for rollouts that walls refuse them; None where nobody orders any."""
    if not chosen.traffic_dir.is_dir():
        return None
    from modelway_server.traffic.broker import Rollouts, start_broker  # noqa: PLC0415  (`fetch` needs none of it)
    from modelway_server.traffic.shared import Shared  # noqa: PLC0415  (as above)

    shared = Shared(chosen.workers)

    def run_mirror(broker: "socket.socket", control: "socket.socket") -> None:
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read by NumPy when it is imported
        from modelway_server import mirror  # noqa: PLC0415  (only that process needs it)
        from modelway_server.traffic.mirrored import Task  # noqa: PLC0415  (as above)

        task = Task(
            folder=chosen.traffic_dir,
            revision=chosen.revision,
            workers=chosen.workers,
            shared=shared,
            max_request_bytes=chosen.max_request_bytes,
        )
        mirror.run(task, broker, control)

    return Rollouts(shared, start_broker(chosen.traffic_dir, chosen.workers, program_paths(), run_mirror))


def _wall_in(chosen: settings.ServeSettings) -> Walls:
    """Hide the files that the server does not need, before native libraries start threads, which would see them.

    Raises:
        LoadFailure: there is no place for temporary files, or walls are wished in a word that is none.
    """
    walls, report_path = Walls(), termination_log()
    with suppress(OSError, ValueError):
        report_path.touch()
    try:
        held, _ = make_folder()
        own = own_folder(held)
    except OSError as error:
        raise StorageFull(f"no temporary folder can be created: {error.strerror}") from error
    named = [path for path in (chosen.prepared_dir, chosen.samples, chosen.traffic_dir) if path]
    walls.hide_files([*readable_paths(chosen.model_dir, connects=tracing.is_wanted()), *named], [own, report_path])
    return walls


if __name__ == "__main__":
    run()
