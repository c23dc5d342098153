"""`runtimes/formats.py` is the one list of formats; whatever else names them names the same."""

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from modelway.api.model import Model
from modelway_server.artifacts.manifest import MODEL_FILES
from modelway_server.runtimes.formats import FORMATS, SERVER
from support.make import lock

ROOT = Path(__file__).resolve().parents[2]
IN_EVERY_IMAGE = {SERVER, "skops"}
"""Extras that requirements/server.lock holds."""
OTHER_EXTRAS = {"all", "cli", "operator", "tracing"}
"""Extras that no model needs."""


def in_every_image() -> list[str]:
    return [each.name for each in FORMATS.values() if each.extra in IN_EVERY_IMAGE]


def test_api_offers_the_same_formats() -> None:
    assert {"auto", *FORMATS} == {*get_args(Model.model_fields["format"].annotation)}


def test_crd_enum_names_the_same_formats() -> None:
    document = yaml.safe_load((ROOT / "crds" / "modeldeployments.yaml").read_text())
    node: Any = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for name in ("spec", "model", "format"):
        node = node["properties"][name]
    assert {"auto", *FORMATS} == set(node["enum"])


def test_each_format_needs_an_extra_and_each_extra_a_format() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {each.extra for each in FORMATS.values()} == set(extras) - OTHER_EXTRAS


def test_formats_beyond_the_image_have_locks() -> None:
    locks = {name.removeprefix("formats/") for name in lock.SELECTIONS if name.startswith("formats/")}
    assert locks == set(FORMATS) - set(in_every_image())


def test_server_lock_holds_the_extras_of_the_others() -> None:
    assert set(lock.SELECTIONS["server"]) >= IN_EVERY_IMAGE


def test_extra_is_named_as_its_format() -> None:
    assert all(each.extra in {SERVER, each.name} for each in FORMATS.values())  # make image FORMATS= takes either


def test_dockerfile_knows_what_every_image_holds() -> None:
    dockerfile = (ROOT / "serving_image" / "Dockerfile").read_text()
    skipped = re.search(r"case \$\{format\} in ([\w| ]+)\) continue", dockerfile)
    label = re.search(r'dev\.modelway\.formats="([\w ]+) \$\{FORMATS\}"', dockerfile)
    assert skipped is not None
    assert label is not None
    assert skipped[1].split(" | ") == label[1].split() == in_every_image()


def test_docs_list_the_same_formats() -> None:
    table = (ROOT / "docs" / "formats.md").read_text().partition("| format |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(FORMATS)


def test_artifacts_unpack_what_makes_a_folder_a_model() -> None:
    assert set(MODEL_FILES) == {mark for each in FORMATS.values() for mark in each.folder_marks}


@pytest.mark.parametrize("each", FORMATS.values(), ids=lambda each: each.name)
def test_format_has_a_loader_and_its_judge(each: Any) -> None:
    runtimes = "modelway_server.runtimes"
    assert find_spec(f"{runtimes}.{each.name}")
    assert not each.judge or find_spec(f"{runtimes}.file_checks.{each.judge}")
