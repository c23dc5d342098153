"""Evidence on two shares is fair whatever the shares are, by a sum over all counts, and grows as it foresees."""

from math import exp, log

import pytest
from scipy import stats

from modelway.rollout import two_samples
from modelway.rollout.two_samples import Pair

TRIALS, STABLE = 25, 40
SHARES = (0.0, 0.01, 0.05, 0.2, 0.6)


def mean(evidence: dict[tuple[int, int], float], share: float, stable: float) -> float:
    """The mean e-value where these are the shares."""
    return float(
        sum(
            exp(log_e) * stats.binom.pmf(bad, TRIALS, share) * stats.binom.pmf(stable_bad, STABLE, stable)
            for (bad, stable_bad), log_e in evidence.items()
        )
    )


def pairs() -> dict[tuple[int, int], Pair]:
    return {(x, y): Pair(x, TRIALS, y, STABLE) for x in range(TRIALS + 1) for y in range(STABLE + 1)}


@pytest.mark.slow
@pytest.mark.parametrize("beyond", [0.0, 0.02, 0.3])
def test_mean_evidence_of_worse_is_at_most_one(beyond: float) -> None:
    evidence = {counts: two_samples.against_at_most(pair, beyond) for counts, pair in pairs().items()}
    for stable in SHARES:
        assert mean(evidence, min(stable + beyond, 1), stable) <= 1
        assert mean(evidence, min(stable + beyond, 1) / 2, stable) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("beyond", [0.02, 0.3])
def test_mean_evidence_of_no_worse_is_at_most_one(beyond: float) -> None:
    evidence = {counts: two_samples.against_at_least(pair, beyond) for counts, pair in pairs().items()}
    for stable in SHARES:
        assert mean(evidence, min(stable + beyond, 1), stable) <= 1
        assert mean(evidence, min(stable + beyond + 0.1, 1), stable) <= 1


@pytest.mark.parametrize("beyond", [0.0, 0.02])
@pytest.mark.parametrize(("bad", "stable_bad"), [(7, 50), (50, 50), (0, 0), (100, 1000)])
def test_no_pair_of_shares_is_likelier_than_the_most_likely(bad: int, stable_bad: int, beyond: float) -> None:
    pair = Pair(bad, 100, stable_bad, 1000)
    grid = [number / 500 for number in range(501)]
    likeliest = max(pair.likelihood(p, s) for s in grid for p in grid if p <= s + beyond)
    assert two_samples._most_likely(pair, beyond, larger=False) >= likeliest - 1e-9
    likeliest = max(pair.likelihood(p, s) for s in grid for p in grid if p >= s + beyond)
    assert two_samples._most_likely(pair, beyond, larger=True) >= likeliest - 1e-9


@pytest.mark.parametrize("trials", [100, 1000, 5000])
def test_so_many_times_the_trials_reach_the_goal(trials: int) -> None:
    pair = Pair(trials // 20, trials, trials, 20 * trials)
    times = two_samples.times_until(pair, log(100), 0.02)
    assert times is not None
    assert two_samples.against_at_least(pair.scaled(times), 0.02) == pytest.approx(log(100), rel=0.05)


def test_a_share_beyond_the_limit_never_reaches_the_goal() -> None:
    assert two_samples.times_until(Pair(80, 1000, 500, 10_000), log(100), 0.02) is None
    assert two_samples.times_until(Pair(0, 0, 500, 10_000), log(100), 0.02) is None
