"""The benchmark of replays tells what it measured, beside what is to be reached."""

from bench.replay.figures import Figures, table
from bench.replay.run import _verdict


def test_table_has_medians_beside_goals() -> None:
    machine = {"Linux": "6.1"}
    lines = table(
        Figures(machine=machine, load=(0.5, 2.0), requests=1000, promoted=[4.0, 6.0, 5.0], rolled_back=[4.0, 3.0])
    ).splitlines()
    assert "Load 0.5 at the beginning, 2.0 at the end" in lines[0]
    assert "| the same model is promoted | median 5.00 s, worst 6.00 s | 10 s |" in lines
    assert "| a model that answers otherwise is rolled back | median 3.50 s, worst 4.00 s | 10 s |" in lines


def test_verdict_of_the_rollout_before_is_none() -> None:
    model = {"status": {"rollout": {"id": "a-1", "phase": "Promoted"}}}
    assert (_verdict(model, "a-1"), _verdict(model, None), _verdict({}, None)) == ("", "promoted", "")
