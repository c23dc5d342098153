"""What a person does with a ModelDeployment without a cluster; one file per command."""

from typing import TYPE_CHECKING

from modelway.cli import render, serve

if TYPE_CHECKING:
    import argparse


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `render` and `serve`; each sets `run`, which takes the parsed arguments and returns the exit status."""
    for command in (render, serve):
        command.add_command(commands)
