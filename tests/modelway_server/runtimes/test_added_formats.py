"""A package in the image adds a format by an entry point; the one that docs/formats.md shows is taken from that page."""

import sys
import textwrap
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from itertools import takewhile
from pathlib import Path

import pytest

from modelway_server.errors import LoadFailed, LoadFailure
from modelway_server.runtimes import load_runtime, plugins

PAGE = Path(__file__).resolve().parents[3] / "docs" / "formats.md"
MODULE = "    # acme_ml/lookup.py\n"
"""Begins the block of the page."""
PRICES = b'{"prices": {"7": 2.5}}'


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page's package, installed."""
    block = takewhile(lambda line: not line or line.startswith("    "), PAGE.read_text().split(MODULE)[1].splitlines())
    shown = textwrap.dedent("\n".join(block))
    (tmp_path / "acme_ml").mkdir()
    (tmp_path / "acme_ml" / "lookup.py").write_text(shown)
    monkeypatch.syspath_prepend(tmp_path)
    install(monkeypatch, "acme_ml.lookup")
    (tmp_path / "model").write_bytes(PRICES)
    yield tmp_path / "model"
    sys.modules.pop("acme_ml.lookup", None)


def install(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    point = EntryPoint("lookup", value, plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda **_: (point,))


@pytest.mark.parametrize("format_name", ["auto", "lookup"])
def test_package_of_the_docs_serves_its_format(package: Path, format_name: str) -> None:
    runtime = load_runtime(package, format=format_name, method="auto")
    runtime.warm_up()
    assert runtime.call("predict", runtime.example().values * 7, 1)["predict"].tolist() == [2.5]


def test_file_unknown_to_a_package_goes_to_the_others(package: Path) -> None:
    package.write_bytes(b"neither")
    with pytest.raises(LoadFailure, match="no model that is known"):
        load_runtime(package, format="auto", method="auto")


@pytest.mark.parametrize("value", ["acme_absent.module", "json.decoder"])
def test_package_that_adds_no_format_is_named(package: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    install(monkeypatch, value)
    with pytest.raises(LoadFailed, match=f"'lookup' of modelway.runtimes \\({value}\\)"):
        load_runtime(package, format="auto", method="auto")


def test_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(PRICES)
    with pytest.raises(LoadFailure, match="no format 'lookup'") as error:
        load_runtime(tmp_path / "model", format="lookup", method="auto")
    assert "sklearn" in error.value.remedy
