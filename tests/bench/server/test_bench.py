"""The benchmark of servers compares what it says, and measures nothing of a server that errs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.errors import BenchError
from bench.server.cases import ALONE, BARE_NATIVE, BULK, BULK_BINARY, CROWD, GOALS, NATIVE, NATIVE_PAIR, Case
from bench.server.contenders import EXACT, NAIVE, Place, bare, modelway
from bench.server.dialects import V2, V2Binary
from bench.server.figures import Figures, Load, Trial, verdicts
from bench.server.models import FOREST, LINEAR, train
from bench.server.process import Server, free_ports
from bench.server.report import tables
from bench.server.run import compare, distance, prepare
from bench.server.wrk import reading

SAID = {"requests": 100, "microseconds": 2_000_000, "p50": 1500.0, "p99": 9000.0, "refused": 0, "broken": 0}


def _trial(server: str, number: int, rates: dict[Case, float], *, peer: bool) -> Trial:
    loads = {case.name: Load(rate, 1 / rate, 2 / rate, 0.5 / rate, 0.1, 0.2) for case, rate in rates.items()}
    return Trial(LINEAR, server, number, peer, 1.0 + number, None if peer else 3.0, 1e8, loads)


def _figures() -> Figures:
    trials = [
        _trial(NAIVE, 0, {ALONE: 100, CROWD: 100, BULK: 10}, peer=True),
        _trial("other", 0, {ALONE: 50, CROWD: 200, BULK: 40}, peer=True),
        _trial(NATIVE, 0, {ALONE: 1000, CROWD: 2000, BULK: 80, BULK_BINARY: 400}, peer=False),
        _trial(NATIVE, 1, {ALONE: 1000, CROWD: 4000, BULK: 80, BULK_BINARY: 200}, peer=False),
        _trial("other", 1, {ALONE: 50, CROWD: 200, BULK: 40}, peer=True),
        _trial(NAIVE, 1, {ALONE: 100, CROWD: 500, BULK: 10}, peer=True),
    ]
    return Figures({"processor": "2 x Example"}, 2, 3, trials, 0.5, 60.0)


def test_a_ratio_is_to_the_best_peer_of_the_same_round() -> None:
    figures = _figures()
    assert figures.throughputs(LINEAR, NATIVE, CROWD) == [10, 8]
    assert figures.throughputs(LINEAR, NATIVE, CROWD, to=NAIVE) == [20, 8]
    assert figures.throughputs(LINEAR, "other", BULK_BINARY) == []


def test_binary_tensors_are_held_against_the_json_of_peers() -> None:
    assert _figures().throughputs(LINEAR, NATIVE, BULK_BINARY) == [10, 5]


def test_a_goal_is_judged_by_the_median_of_the_rounds() -> None:
    judged = {verdict.goal.case: verdict for verdict in verdicts(_figures(), GOALS, NAIVE)}
    assert {case: verdict.reached for case, verdict in judged.items()} == {CROWD: True, BULK: False, BULK_BINARY: False}


def test_limit_and_scaling_are_held_against_a_server_of_ours() -> None:
    figures = _figures()
    bare = [_trial(BARE_NATIVE, number, {CROWD: 5000}, peer=False) for number in range(2)]
    pair = [_trial(NATIVE_PAIR, number, {CROWD: 6000, BULK: 1}, peer=False) for number in range(2)]
    judged = verdicts(replace(figures, trials=[*figures.trials, *bare, *pair]), GOALS, NAIVE)
    values = {verdict.goal.measure: verdict.values for verdict in judged if verdict.goal.to}
    assert values == {"limit": [0.4, 0.8], "scaling": [1.5, 0.75]}
    assert all(verdict.reached for verdict in judged if verdict.goal.to)


def test_the_tables_hold_the_figures() -> None:
    text = tables(_figures())
    assert (
        "| linear, modelway, native, 1 row, 32 connections: times the best peer | 9.0 (8.0 to 10.0) | 9.00 | at least 6.0 | reached |"
        in text
    )
    assert "| modelway, native | 0.188 ms | 3,000 (2,000 to 4,000) | 14.00 | 9.00 |" in text
    assert "| linear | modelway, native | 1.50 s (1.00 to 2.00) | 3.00 s | 100 MB |" in text


def test_what_wrk_saw_is_no_figure_once_an_answer_failed() -> None:
    assert reading(SAID, 0.5).p50 == 0.0015
    for fault in ({"refused": 1}, {"broken": 1}, {"requests": 0}):
        with pytest.raises(BenchError, match="this is no figure"):
            reading(SAID | fault, 0.5)


def test_a_binary_answer_is_read() -> None:
    head = b'{"outputs": [{"name": "predict_proba", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}]}'
    body = head + np.array([0.25, 0.75], dtype="<f4").tobytes()
    answer = V2Binary().read(body, {"inference-header-content-length": str(len(head))})
    assert answer.tolist() == [[0.25, 0.75]]


def test_answers_of_another_shape_are_infinitely_far() -> None:
    assert distance(np.zeros((2, 2)), np.zeros((2, 3))) == np.inf
    assert distance(np.zeros((1, 2)), np.full((1, 2), 0.5)) == 0.5


def test_a_server_that_errs_is_not_measured(tmp_path: Path) -> None:
    trained = train(tmp_path / "models", trees=2, rows=500, question_rows=200)[FOREST]
    port, *spare = free_ports(3)
    ours = modelway(NATIVE, "native", EXACT)
    place = Place(trained.path, tmp_path, port, (spare[0], spare[1]))
    assert ours.binary is not None
    assert (prepare(ours, place) or 0) > 0
    probe = ours.json.ask(trained.rows[:1])
    with Server.start(ours.start(place), ours.environment(place), port, tmp_path / "log", probe) as server:
        assert 0 < server.ready < 60
        assert server.memory() > 10e6
        assert server.cpu_seconds() > 0
        for dialect in (ours.json, ours.binary):
            compare(ours, dialect, server, trained)
        with pytest.raises(BenchError, match="away from scikit-learn"):
            compare(ours, ours.json, server, replace(trained, expected=1 - trained.expected))


def test_bare_protocol_answers_as_scikit_learn_does(tmp_path: Path) -> None:
    trained = train(tmp_path / "models", trees=2, rows=500, question_rows=200)[LINEAR]
    port, *spare = free_ports(3)
    contender = bare(BARE_NATIVE, "native", EXACT)
    place = Place(trained.path, tmp_path, port, (spare[0], spare[1]))
    prepare(contender, place)
    probe = contender.json.ask(trained.rows[:1])
    with Server.start(contender.start(place), contender.environment(place), port, tmp_path / "log", probe) as server:
        compare(contender, contender.json, server, trained)


def test_a_server_that_ends_tells_why(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo no such model; exit 3"]
    probe = V2().ask(np.zeros((1, 1)))
    with (
        pytest.raises(BenchError, match="ended with 3: no such model"),
        Server.start(command, {}, free_ports(1)[0], tmp_path / "log", probe),
    ):
        pass
