"""A command whose module is imported when it is run, so that the command line itself is there at once."""

import argparse
from importlib import import_module
from typing import Any

Commands = Any
"""What `ArgumentParser.add_subparsers` returns; argparse gives its type no public name."""


def add_command(
    commands: Commands,
    name: str,
    help: str,  # noqa: A002 -- as in argparse
    description: str,
    *,
    module: str = "",
) -> argparse.ArgumentParser:
    """Declare a command.

    Args:
        commands: where it is added.
        name: how it is called.
        help: what it does, in a line.
        description: the same in full.
        module: whose function `run` does it; the one that is named like the command when empty.
    """
    command: argparse.ArgumentParser = commands.add_parser(name, help=help, description=description)
    command.set_defaults(run=lambda arguments: _run(module or name, arguments))
    return command


def _run(module: str, arguments: argparse.Namespace) -> int:
    status: int = import_module(f"modelway.cli.{module}").run(arguments)
    return status
