"""Every option of both programs, with values that are none: what is said names the option, the value and what it takes."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli import commands
from modelway.cli.file_deployment import deployment_of_file, name_of_file
from modelway.errors import WrongUsage
from modelway_server import prepare, prove, settings
from modelway_server.artifacts import fetch

BAD = ("x", "", "-1", "1.5x", "nan", "inf", "1e999", "²", "0x10", "9" * 400, "1_0", "None", "{}")
SERVER = {
    "fetch": fetch.add_arguments,
    "prepare": prepare.add_arguments,
    "prove": prove.add_arguments,
    "serve": settings.add_arguments,
}


def parsers() -> Iterator[argparse.ArgumentParser]:
    for name, declare in SERVER.items():
        parser = argparse.ArgumentParser(prog=name)
        declare(parser)
        yield parser
    (action,) = [one for one in commands.parser()._actions if isinstance(one, argparse._SubParsersAction)]
    yield from action.choices.values()


TYPED = [
    (parser, action)
    for parser in parsers()
    for action in parser._actions
    if action.option_strings and action.nargs is None and (action.choices or action.type not in {None, Path})
]


def said_of(parser: argparse.ArgumentParser, action: argparse.Action, text: str) -> str:
    """The error for a value of an option; empty where it is taken."""
    try:
        parser._get_values(action, [text])
    except argparse.ArgumentError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("parser", "action"),
    TYPED,
    ids=[f"{parser.prog.split()[-1]} {action.option_strings[0]}" for parser, action in TYPED],
)
def test_bad_value_is_reported_with_its_option(parser: argparse.ArgumentParser, action: argparse.Action) -> None:
    words_of = {text: said_of(parser, action, text) for text in BAD}
    refused = {text: words for text, words in words_of.items() if words}
    assert refused or getattr(action.type, "__name__", "") == "names", words_of
    for text, words in refused.items():
        assert words.startswith(f"argument {action.option_strings[-1]}") or action.option_strings[0] in words, words
        assert repr(text) in words, words
        assert re.search(r"invalid \w*_\w* value|invalid \w+ value:", words) is None, words
        assert re.search(
            r"is no (whole )?(number|port|name|time|digest|version|preflight|list)|choose from|is none of", words
        ), words


@pytest.mark.parametrize(
    ("option", "value"),
    [("method", "nonsense"), ("engine", "fast"), ("format", "a b"), ("trusted_types", "a b"), ("trusted_types", "")],
)
def test_an_option_that_a_deployment_refuses_is_named(option: str, value: str) -> None:
    with pytest.raises(WrongUsage, match=f"^--{option.replace('_', '-')}: ") as refusal:
        deployment_of_file(Path(__file__), name=None, namespace="default", options={option: value})
    assert "spec." not in str(refusal.value)


@pytest.mark.parametrize(
    "name",
    ["2024-model", "a" * 60, "x-canary", "canary", "...", "ü", "Of Applicants.v2", "a" * 33 + "-canary", "-", "9" * 50],
)
def test_every_file_has_a_name_that_a_deployment_takes(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.joblib"
    path.touch()
    deployment = deployment_of_file(path, name=None, namespace="default", options={})
    assert isinstance(deployment, ModelDeployment)
    assert deployment.metadata.name == name_of_file(path)
