"""What the pages show is tried: every block is read, run, or tried elsewhere; the commands run in tests/cluster/test_pages.py."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from modelway.__main__ import main
from support.cluster import helm
from support.pages.blocks import PAGES, ROOT, Block, all_blocks
from support.pages.trials import ELSEWHERE, RUN, Entry, is_read, manifest, matches, values

BLOCKS = all_blocks()
ENTRIES: list[Entry] = [*RUN, *ELSEWHERE]


def _name(block: Block) -> str:
    return f"{block.page}:{block.line}"


@pytest.mark.parametrize("block", BLOCKS, ids=_name)
def test_a_block_is_read_or_tried(block: Block) -> None:
    tried = any(matches(block, entry) for entry in ENTRIES)
    assert tried or is_read(block), "add it to RUN, or with its reason to ELSEWHERE, of tests/support/pages/trials.py"


@pytest.mark.parametrize("entry", ENTRIES, ids=" ".join)
def test_an_entry_names_a_block(entry: Entry) -> None:
    assert any(matches(block, entry) for block in BLOCKS)


@pytest.mark.parametrize("block", [block for block in BLOCKS if manifest(block)], ids=_name)
def test_a_manifest_is_accepted(block: Block, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "model.json"
    file.write_text(json.dumps(manifest(block)))
    assert main(["validate", "-f", str(file)]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("block", [block for block in BLOCKS if values(block)], ids=_name)
def test_values_of_the_chart_are_accepted(block: Block) -> None:
    defaults = yaml.safe_load((helm.CHART / "values.yaml").read_text())
    jsonschema_rs.validate(json.loads((helm.CHART / "values.schema.json").read_text()), merge(defaults, values(block)))


def merge(defaults: Any, values: Any) -> Any:
    """Values over their defaults, as Helm puts them together."""
    if not isinstance(defaults, dict) or not isinstance(values, dict):
        return values
    return defaults | {name: merge(defaults.get(name), value) for name, value in values.items()}


def test_every_extra_that_a_page_installs_is_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = re.findall(r"pip install '\.\[([\w,]+)\]'", "".join(page.read_text() for page in PAGES))
    assert named
    assert {extra for names in named for extra in names.split(",")} <= extras.keys()
