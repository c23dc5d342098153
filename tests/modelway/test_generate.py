"""The generated files: fresh in this checkout, and a stale one is named."""

import json
from pathlib import Path

import pytest
import yaml

from modelway.api.crd import custom_resource_definition
from modelway.generate import crd_yaml, main
from modelway.yaml_text import yaml_text

CHECKOUT = Path(__file__).parents[2]


def test_committed_definitions_match_the_types() -> None:
    assert main(["--check", "--root", str(CHECKOUT)]) == 0


@pytest.mark.slow
def test_the_text_is_the_definition_without_anchors() -> None:
    assert yaml.safe_load(crd_yaml()) == custom_resource_definition()
    assert "&id" not in crd_yaml()
    document = json.dumps(custom_resource_definition(), separators=(",", ":"))
    assert len(document) < 100_000, "less than half of what an annotation of `kubectl apply` may hold, which is JSON"


@pytest.mark.slow
def test_a_stale_file_is_named_and_then_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--root", str(tmp_path)])
    stale = tmp_path / "crds" / "modeldeployments.yaml"
    stale.write_text("edited by hand")
    assert main(["--check", "--root", str(tmp_path)]) == 1
    assert f"{stale} is not what the API types say" in capsys.readouterr().err
    assert stale.read_text() == "edited by hand"
    main(["--root", str(tmp_path)])
    assert main(["--check", "--root", str(tmp_path)]) == 0


@pytest.mark.parametrize("number", ["1e-5", "2.5e-3", "1E9", "12", "0.5", ".5"])
def test_a_text_that_some_reader_takes_for_a_number_is_quoted(number: str) -> None:
    assert yaml_text({"tolerance": number}) == f"tolerance: '{number}'\n"
    assert yaml_text({"version": f"{number}v"}) == f"version: {number}v\n"
