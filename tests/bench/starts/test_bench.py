"""The benchmark of starts tells medians, and what warm ones take of cold ones."""

from bench.page import PAGE
from bench.starts.figures import COLD, WARM, Figures, Start, table


def test_table_has_medians_of_both_and_their_shares() -> None:
    starts = {COLD: [Start(4.0, 2.0), Start(9.0, 9.0), Start(3.0, 1.0)], WARM: [Start(1.0, 0.5)] * 3}
    lines = table(Figures(machine={"Linux": "6.1"}, load=(0.5, 2.0), starts=starts)).splitlines()
    assert lines[0].endswith("Load 0.5 at the beginning, 2.0 at the end. Medians of 3 starts of each, by turns.")
    assert lines[4:7] == [
        "| as new programs | 4.00 s | 2.00 s |",
        "| as forks (`--warm`) | 1.00 s | 0.50 s |",
        "| as forks, to new programs | 25% | 25% |",
    ]


def test_page_has_a_place_for_the_figures() -> None:
    assert PAGE.with_name("sandbox.md").read_text().count("<!-- make bench-starts WRITE=1: begin -->") == 1
