"""Draws of a simulation have the distribution that they say."""

from random import Random

import numpy as np
import pytest
from scipy import stats

from modelway.cli.simulation.draws import binomial, clustered


@pytest.mark.parametrize(("trials", "share"), [(5, 0.3), (31, 0.5), (400, 0.02), (10_000, 0.05)])
def test_a_binomial_draw_is_one(trials: int, share: float) -> None:
    random = Random(1)
    draws = np.array([binomial(random, trials, share) for _ in range(4000)])
    edges = np.unique(stats.binom.ppf(np.linspace(0.05, 0.95, 10), trials, share))
    counts = np.histogram(draws, np.concatenate(([-1], edges, [trials])) + 0.5)[0]
    expected = np.diff(np.concatenate(([0], stats.binom.cdf(edges, trials, share), [1]))) * len(draws)
    assert stats.chisquare(counts, expected).pvalue > 0.001


@pytest.mark.parametrize(("trials", "share", "bad"), [(0, 0.5, 0), (1000, 0.0, 0), (1000, 1.0, 1000), (7, 1.0, 7)])
def test_a_sure_draw_is_no_chance(trials: int, share: float, bad: int) -> None:
    assert binomial(Random(0), trials, share) == bad


def test_runs_keep_the_mean_and_spread_more() -> None:
    random = Random(2)
    draws = np.array([clustered(random, 1000, 0.03, 5) for _ in range(2000)])
    assert draws.mean() == pytest.approx(30, rel=0.05)
    assert draws.var() == pytest.approx(5 * 1000 * 0.03 * 0.97, rel=0.15)
