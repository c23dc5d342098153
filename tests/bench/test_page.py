"""Each benchmark keeps its own part of the page."""

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.page import PAGE, refresh

BEGIN, END = "<!-- make bench-it WRITE=1: begin -->", "<!-- make bench-it WRITE=1: end -->"


def test_a_page_is_refreshed_between_its_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    refresh(page, "bench-it", "first")
    refresh(page, "bench-it", "second")
    assert page.read_text() == f"before\n{BEGIN}\n\nsecond\n{END}\nafter\n"


def test_a_page_without_markers_is_not_touched(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here\n")
    with pytest.raises(BenchError, match="has no lines"):
        refresh(page, "bench-it", "text")
    assert page.read_text() == "nothing here\n"


@pytest.mark.parametrize("target", ["bench-operator", "bench-server"])
def test_the_page_has_a_place_for_each_benchmark(target: str) -> None:
    assert PAGE.read_text().count(f"<!-- make {target} WRITE=1: begin -->") == 1
