"""The `modelway` command."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from modelway.cli import add_commands
from modelway.errors import InvalidSettings, ModelwayError, NoCluster
from modelway.settings import Settings

EXIT_FAILED = 1
EXIT_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0 done, 1 failed, 2 used wrongly or in the wrong place."""
    parsed = _parser().parse_args(arguments)
    try:
        code: int | None = parsed.run(parsed)
    except (InvalidSettings, NoCluster) as error:
        print(f"modelway: {error}", file=sys.stderr)
        return EXIT_USAGE
    except (ModelwayError, OSError) as error:
        print(f"modelway: {error}", file=sys.stderr)
        return EXIT_FAILED
    return code or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="modelway", description="Take trained models to safe, fast, observed endpoints on Kubernetes."
    )
    parser.add_argument("--version", action="version", version=f"modelway {version('modelway')}")
    commands = parser.add_subparsers(required=True, metavar="command")
    operator = commands.add_parser("run", help="be the operator: follow every ModelDeployment of the cluster")
    operator.add_argument(
        "--kubeconfig",
        type=Path,
        help="how to reach the cluster; default: $KUBECONFIG, the pod's service account, ~/.kube/config",
    )
    operator.set_defaults(run=_run_operator)
    add_commands(commands)
    return parser


def _run_operator(parsed: argparse.Namespace) -> None:
    settings = Settings.from_environment(os.environ)
    # Imported here: the other commands work where no Kubernetes client is installed.
    from modelway import logs, run  # noqa: PLC0415

    logs.configure(settings.log_level)
    run.serve_forever(settings, os.environ, parsed.kubeconfig)


if __name__ == "__main__":
    sys.exit(main())
