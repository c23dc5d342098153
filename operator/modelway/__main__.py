"""The `modelway` command."""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence

from modelway.cli import commands, completion
from modelway.errors import ModelwayError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0 done, 1 failed, 2 used wrongly or in the wrong place, 130 interrupted."""
    parser = commands.parser()
    if completion.is_requested():
        completion.answer(parser)
    for stream in (sys.stdout, sys.stderr):
        # A file name or a message may hold what this terminal cannot show.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    parsed = parser.parse_args(arguments)
    try:
        code: int | None = getattr(parsed, "run", _run_operator)(parsed)
        sys.stdout.flush()
    except ModuleNotFoundError as error:
        if (remedy := commands.missing_package(error)) is None:
            raise
        print(f"{parser.prog}: {remedy}", file=sys.stderr)
        return EXIT_USAGE
    except BrokenPipeError:
        # Whoever read the output wants no more of it; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except ModelwayError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return error.exit_status
    except OSError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return code or 0


def _run_operator(parsed: Namespace) -> None:
    # Imported here: the other commands work where no Kubernetes client is installed, and start faster.
    from modelway import logs, run  # noqa: PLC0415
    from modelway.settings import Settings  # noqa: PLC0415

    settings = Settings.from_environment(os.environ)
    logs.configure(settings.log_level)
    run.serve_forever(settings, os.environ, parsed.kubeconfig)


if __name__ == "__main__":
    sys.exit(main())
