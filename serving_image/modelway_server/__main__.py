"""`modelway-server`: what runs in a serving pod."""

import argparse
import sys
from collections.abc import Sequence

from modelway_server.artifacts import fetch
from modelway_server.report import configure_logging


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; see `modelway-server --help`.

    Returns:
        The exit status: 0, 2 for a wrong command line, else that of the failure's reason.
    """
    parser = argparse.ArgumentParser(prog="modelway-server", description="Fetch and serve a trained model.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    fetch_parser = commands.add_parser("fetch", help="bring a model's file into a directory")
    fetch.add_arguments(fetch_parser)
    fetch_parser.set_defaults(run=fetch.run)
    arguments = parser.parse_args(argv)
    configure_logging()
    return int(arguments.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
