"""The benchmark of preflights tells what it measured, beside what is to be reached."""

import pytest

from bench.preflight.figures import Figures, table

FIGURES = Figures(
    machine={"Linux": "6.1"},
    load=(0.5, 2.0),
    megabytes=51.4,
    rows=10_000,
    accepted=[5.0, 7.0, 6.0],
    processor=[5.5, 5.0],
    reverted=[0.2, 0.4],
    revert_jobs=0,
    pinned=[4.0, 9.0, 3.0],
    plain=[4.0, 6.0, 6.0],
    seconds=100.0,
)


def test_ratio_of_starts_is_the_median_of_pairs() -> None:
    assert FIGURES.start_ratio == pytest.approx(1.0)


def test_table_has_medians_beside_goals() -> None:
    lines = table(FIGURES).splitlines()
    assert "Load 0.5 at the beginning, 2.0 at the end" in lines[0]
    assert "a random forest of 51 MB, 10,000 rows of evaluation" in lines[2]
    assert "| accepted after it was applied | median 6.00 s, worst 7.00 s | 6 s |" in lines
    assert "| processor time of its Job | median 5.25 s, worst 5.50 s | |" in lines
    assert "| decided after going back to an accepted revision | median 0.30 s, worst 0.40 s | 1 s |" in lines
    assert "| Jobs for 2 such ways back | 0 | 0 |" in lines
    assert "| the ratio of the two, median of 3 pairs | 1.00 | 1 |" in lines
