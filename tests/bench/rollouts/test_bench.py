"""The benchmark of verdicts counts what it says, on few rollouts."""

import numpy as np
import pytest

from bench.rollouts.promises import ERRORS, SPEEDS, Error, Figure, Speed, _error, _speed, interval, tables
from bench.rollouts.streams import Stream
from modelway.rollout.judge import Outcome


@pytest.mark.parametrize("outcome", [Outcome.WORSE, Outcome.NOT_WORSE])
@pytest.mark.parametrize("share", [0.005, 0.03])
def test_the_first_verdict_is_found_without_looking_each_time(outcome: Outcome, share: float) -> None:
    stream = Stream("disagreement", 0.01, share)
    first = stream.first(outcome, 2000, seed=1)
    draws = np.random.default_rng([1, int(share * 1e6), 1]).random(2000) < share
    every = [n for n in range(1, 2001) if stream._judge(int(draws[:n].sum()), n) is outcome]
    assert first == (every[0] if every else None)


@pytest.mark.slow
@pytest.mark.parametrize("speed", [one for one in SPEEDS if one.median], ids=lambda one: one.candidate)
def test_verdicts_take_as_few_requests_as_promised(speed: Speed) -> None:
    figure = _speed(speed, 100)
    assert figure.median <= 1.15 * (speed.median or 0)
    assert speed.p95 is None or figure.p95 <= 1.2 * speed.p95


@pytest.mark.slow
@pytest.mark.parametrize("error", [one for one in ERRORS if one.limit], ids=lambda one: one.candidate)
def test_wrong_verdicts_are_as_rare_as_promised(error: Error) -> None:
    assert _error(error, 40).wrong <= 1


def test_table_says_what_falls_short() -> None:
    text = tables([Figure(SPEEDS[0], 4, 5, rollouts=10), Figure(ERRORS[0], wrong=1, rollouts=10)], 10)
    assert text.count("falls short") == 2
    assert "| 1 of 10 (10.00%) | 0.25% to 44.50% | at most 0.01% | falls short |" in text


@pytest.mark.parametrize(
    ("wrong", "rollouts", "mark"), [(0, 1000, "the limit is inside"), (0, 40_000, "reached"), (9, 1000, "falls short")]
)
def test_share_reaches_its_limit_if_its_interval_does(wrong: int, rollouts: int, mark: str) -> None:
    assert f"| at most 0.01% | {mark} |" in tables([Figure(ERRORS[0], wrong=wrong, rollouts=rollouts)], 1000)


def test_table_says_how_many_rollouts_each_row_has() -> None:
    assert "each kind: 1,000; 4,000 where at most 1% may be wrong." in tables([], 1000)


def test_interval_holds_the_share_in_95_of_100_counts() -> None:
    counts = np.random.default_rng(0).binomial(4000, 0.01, 2000)
    ends = {int(wrong): interval(int(wrong), 4000) for wrong in set(counts)}
    assert np.mean([ends[wrong][0] <= 0.01 <= ends[wrong][1] for wrong in counts]) >= 0.94
