"""The benchmark of the gate counts what it says, on few datasets."""

import pytest

from bench.gate.promises import PROMISES, Figure, measure, tables


def test_shares_of_a_promise_add_up_to_one() -> None:
    for figure in measure(2, lambda _: None):
        assert sum(figure.shares.values()) == pytest.approx(1)


def test_table_says_what_falls_short() -> None:
    figure = Figure(PROMISES[0], 2000, {"passed": 0.9, "failed": 0.1, "inconclusive": 0.0})
    assert "| 10.00% |" in tables([figure], 10)
    assert "falls short" in tables([figure], 10)
