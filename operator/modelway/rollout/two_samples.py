"""Evidence that the candidate's share of bad events is, or is not, larger than the stable revision's own share, which is an estimate too.

Universal inference (Wasserman, Ramdas and Balakrishnan, 2020, PNAS 117): the likelihood under a mixture of alternatives over the largest
likelihood that any pair of shares within the hypothesis gives. The latter is never less than that of the true pair, so the ratio is bounded
by an e-value, whatever the stable revision's share is.
"""

from dataclasses import dataclass
from math import expm1, inf, log, log1p
from typing import Final

from modelway.rollout.evidence import log_beta, log_sum

USUAL: Final = 0.05
"""The stable revision's share for which the mixture is made: slower than its own 95th percentile. It is valid for any other, and slower."""
_SURE: Final = ((0.85, 10_000.0), (0.1, 1000.0))
"""How sure the mixture is of that share, as numbers of trials, with weights; what remains is for any other share."""
_ANY: Final = 0.05
_WORSE: Final = ((1.65, 0.85), (3.0, 0.07), (20.0, 0.03))
"""How many times as frequent bad events of the candidate may be, with weights; what remains is for any share."""
_HALVINGS: Final = 28
"""An error of 2^-28 in a share changes the log likelihood of 1e12 counts by less than 0.0001, since the likelihood is flat there."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The counts of both arms; they may be scaled, and then are no integers."""

    bad: float
    trials: float
    stable_bad: float
    stable_trials: float

    def scaled(self, factor: float) -> "Pair":
        """The same shares with so many times the trials."""
        return Pair(self.bad * factor, self.trials * factor, self.stable_bad * factor, self.stable_trials * factor)

    def likelihood(self, share: float, stable: float) -> float:
        """The log of the probability of the counts."""
        return _likelihood(self.bad, self.trials, share) + _likelihood(self.stable_bad, self.stable_trials, stable)


def against_at_most(pair: Pair, beyond: float) -> float:
    """The log of the e-value against "the candidate's share is at most the stable one's plus `beyond`"."""
    alternatives = _usual(pair.stable_bad, pair.stable_trials) + _more_than_usual(pair.bad, pair.trials, beyond)
    return alternatives - _most_likely(pair, beyond, larger=False)


def against_at_least(pair: Pair, beyond: float) -> float:
    """The log of the e-value against "the candidate's share is at least the stable one's plus `beyond`"."""
    alternatives = _usual(pair.stable_bad, pair.stable_trials) + _usual(pair.bad, pair.trials)
    return alternatives - _most_likely(pair, beyond, larger=True)


def times_until(pair: Pair, goal: float, beyond: float) -> float | None:
    """By about how much the trials must grow, at the shares that they have, until the evidence against at least `beyond` more reaches a goal.

    Returns:
        None if the candidate's share is too large for that ever to be.
    """
    if not pair.trials or not pair.stable_trials:
        return None
    if _share(pair.bad, pair.trials) >= _share(pair.stable_bad, pair.stable_trials) + beyond:
        return None
    shares = _share(pair.bad, pair.trials), _share(pair.stable_bad, pair.stable_trials)
    gain = pair.likelihood(*shares) - _most_likely(pair, beyond, larger=True)
    if gain <= 0:
        return None
    times = 1.0
    for _ in range(4):  # the evidence grows by `gain` with each multiple, less a slowly growing price of the mixture
        step = (goal - against_at_least(pair.scaled(times), beyond)) / gain
        times = max(times + step, times / 50)
        if abs(step) <= 0.01 * times:
            break
    return times


def _usual(bad: float, trials: float) -> float:
    terms = [log(weight) + _beta_mixture(bad, trials, USUAL * sure, (1 - USUAL) * sure) for weight, sure in _SURE]
    return log_sum([*terms, log(_ANY) + _beta_mixture(bad, trials, 0.5, 0.5)])


def _more_than_usual(bad: float, trials: float, beyond: float) -> float:
    rate = -log1p(-min(USUAL + beyond, 0.9))
    terms = [log(weight) + _likelihood(bad, trials, -expm1(-factor * rate)) for factor, weight in _WORSE]
    return log_sum([*terms, log(_ANY) + _beta_mixture(bad, trials, 1.0, 1.0)])


def _beta_mixture(bad: float, trials: float, a: float, b: float) -> float:
    return log_beta(a + bad, b + trials - bad) - log_beta(a, b)


def _most_likely(pair: Pair, beyond: float, *, larger: bool) -> float:
    """The largest log likelihood of shares of which the candidate's is at most `beyond` more; or at least, if `larger`."""
    share, stable = _share(pair.bad, pair.trials), _share(pair.stable_bad, pair.stable_trials)
    if not pair.trials or not pair.stable_trials or (share >= stable + beyond if larger else share <= stable + beyond):
        return pair.likelihood(share, stable)
    if beyond == 0:
        pooled = (pair.bad + pair.stable_bad) / (pair.trials + pair.stable_trials)
        return pair.likelihood(pooled, pooled)
    low, high = sorted((min(max(share - beyond, 0.0), 1 - beyond), min(stable, 1 - beyond)))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _slope(pair, middle, beyond) > 0:
            low = middle
        else:
            high = middle
    return pair.likelihood(min((low + high) / 2 + beyond, 1.0), (low + high) / 2)


def _slope(pair: Pair, stable: float, beyond: float) -> float:
    share = stable + beyond
    good, stable_good = pair.trials - pair.bad, pair.stable_trials - pair.stable_bad
    rises = _over(pair.bad, share) + _over(pair.stable_bad, stable)
    return rises - _over(good, 1 - share) - _over(stable_good, 1 - stable)


def _over(count: float, share: float) -> float:
    return 0.0 if not count else count / share if share > 0 else inf


def _share(bad: float, trials: float) -> float:
    return bad / trials if trials else USUAL


def _likelihood(bad: float, trials: float, share: float) -> float:
    good = trials - bad
    of_bad = bad * log(share) if bad and share > 0 else -inf if bad else 0.0
    return of_bad + (good * log1p(-share) if good > 0 and share < 1 else -inf if good > 0 else 0.0)
