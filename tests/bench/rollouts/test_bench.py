"""The benchmark of verdicts counts what it says, on few rollouts."""

import numpy as np
import pytest

from bench.rollouts.promises import ERRORS, SPEEDS, Error, Figure, Speed, _error, _speed, tables
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
