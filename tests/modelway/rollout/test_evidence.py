"""The evidence in counts: how often it is false, summed exactly, and how it stands to formulas of others."""

from math import exp, inf, log, log1p

import numpy as np
import pytest
from scipy import special, stats

from modelway.rollout import evidence


@pytest.mark.slow
@pytest.mark.parametrize("mixture", [evidence.WRONG, evidence.BROKEN], ids=["wrong", "broken"])
@pytest.mark.parametrize("alpha", [1e-2, 1e-3, 1e-4, 4.7e-5, 1.5e-5, 3e-6, 1e-6])
def test_false_alarms_of_a_rare_budget_are_within_alpha(alpha: float, mixture: evidence.Mixture) -> None:
    assert 0.6 * alpha <= false_alarms(1e-4, alpha, mixture) <= alpha


@pytest.mark.parametrize("budget", [0.02001, 0.05, 0.1, 0.3])
def test_each_alternative_of_a_budget_is_fair(budget: float) -> None:
    for line in evidence._alternatives(budget, evidence.WRONG):
        mean = (1 - budget) * exp(line.drift) + budget * exp(line.drift + line.gain)
        assert mean == pytest.approx(1)


@pytest.mark.parametrize("share", [0.0201, 0.12, 0.5])
def test_each_alternative_below_a_share_is_fair(share: float) -> None:
    for line in evidence._alternatives(share, evidence._BETTER):
        mean = (1 - share) * exp(line.drift) + (share * exp(line.drift + line.gain) if line.gain > -inf else 0)
        assert mean == pytest.approx(1)


@pytest.mark.parametrize("bad", [0, 1, 10, 49, 50])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.02, 0.1, 0.7])
def test_trials_until_is_where_the_evidence_reaches_the_goal(bad: int, share: float) -> None:
    trials = evidence.trials_until(log(100), bad / 1000, share + 0.02)
    if bad / 1000 >= share + 0.02:
        assert trials is None
    elif trials is not None:
        at = evidence.against_at_least(bad / 1000 * trials, trials, share + 0.02)
        assert at == pytest.approx(log(100), abs=1e-6)


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (200.0, 3800.0), (3.0, 1e6), (1e5, 2.0), (500.5, 1e4)])
def test_log_beta_is_scipys(a: float, b: float) -> None:
    assert evidence.log_beta(a, b) == pytest.approx(float(special.betaln(a, b)), rel=1e-9)


def false_alarms(budget: float, alpha: float, mixture: evidence.Mixture, events: int = 80) -> float:
    """The probability that a Poisson process of the budget's rate ever gives an alarm, or a little more.

    An alarm is an n-th bad event that comes before a time of its own, so the states between two such times follow exactly. What may still
    come after the last event is at most the mean evidence by then over the alarm's (Ville's inequality).
    """
    rate, alarm = -log1p(-budget), evidence.alarm(budget, alpha)
    states, total, before = np.ones(1), 0.0, 0.0
    for bad in range(1, events):
        latest = _latest(bad, budget, alarm, mixture) * rate
        if latest < 0:
            continue
        total += states @ stats.poisson.sf(bad - 1 - np.arange(len(states)), latest - before)
        states = np.convolve(states, stats.poisson.pmf(np.arange(bad + 1), latest - before))[:bad]
        before = latest
    means = [exp(evidence.against_at_most(bad, before / rate, budget, mixture) - alarm) for bad in range(len(states))]
    return float(total + states @ np.array(means))


def _latest(bad: int, budget: float, alarm: float, mixture: evidence.Mixture) -> float:
    """The number of trials, not an integer, up to which so many bad events are an alarm; negative if none."""
    if evidence.against_at_most(bad, 0, budget, mixture) < alarm:
        return -1
    low, high = 0.0, (bad + 20) / budget
    for _ in range(45):
        middle = (low + high) / 2
        low, high = (middle, high) if evidence.against_at_most(bad, middle, budget, mixture) >= alarm else (low, middle)
    return low
