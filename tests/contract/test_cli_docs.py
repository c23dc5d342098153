"""docs/cli.md keeps up with the command line."""

import argparse
import re
import shlex
from pathlib import Path

import pytest

from modelway.cli import commands

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text()
SECTIONS = dict(re.findall(r"^## modelway (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
EXAMPLES = re.findall(r"^    (?:source <\(|.*\| )?modelway ([^)#>\n]*)", PAGE, re.MULTILINE)


def subcommands() -> dict[str, argparse.ArgumentParser]:
    (action,) = [one for one in commands.parser()._actions if isinstance(one, argparse._SubParsersAction)]
    return dict(action.choices)


def test_every_command_has_its_section_and_no_other() -> None:
    assert set(SECTIONS) == set(subcommands())


@pytest.mark.parametrize("name", list(subcommands()))
def test_every_option_is_documented(name: str) -> None:
    options = {option for action in subcommands()[name]._actions for option in action.option_strings}
    untold = [option for option in options - {"-h", "--help"} if f"`{option}`" not in SECTIONS[name]]
    examples = " ".join(re.findall(r"^    (.*)", SECTIONS[name], re.MULTILINE)).split()
    assert [option for option in untold if option not in examples] == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_understood(example: str) -> None:
    commands.parser().parse_args(shlex.split(example))  # ends the process where it is not


def test_there_is_an_example_of_every_command() -> None:
    assert {example.split()[0] for example in EXAMPLES} == set(subcommands())
