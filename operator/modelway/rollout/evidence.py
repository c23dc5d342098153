"""Evidence in counts: how much they speak against a share, as the logarithm of an e-value.

An e-value is the likelihood of the counts under a mixture of alternatives over their likelihood under the hypothesis. If the hypothesis
holds, it is ever 1/alpha or more with a probability of at most alpha (Ville's inequality), however often one looks. It depends on nothing
but the counts, so they are the whole state.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import exp, expm1, inf, lgamma, log, log1p, pi
from typing import Final

LEAST_SHARE: Final = 1e-5
"""A budget below it counts as this: with a budget of nothing at all, one stray failure would be proof."""
MOST_SHARE: Final = 1 - 1e-9
RARE: Final = 0.02
"""Budgets up to it are held to a Poisson process, whose false alarms are known exactly; see OVERSHOOT."""
OVERSHOOT: Final = 0.5
"""By how much a rare bad event carries the e-value past 1/alpha, so that OVERSHOOT/alpha is enough for an alarm: the probability that a
Poisson process ever reaches it, summed exactly, is at most alpha (tests/modelway/rollout/test_evidence.py). A stream whose bad events have
the probability p is no more than a Poisson process of rate -ln(1 - p), so the sum holds for every rare budget."""

Mixture = tuple[tuple[float, float], ...]
"""How many times as frequent bad events may be, with weights."""
WRONG: Final[Mixture] = ((1.3, 0.05), (2.5, 0.5), (4.0, 0.45), (20.0, 1.6), (100.0, 0.5))
"""For what is wrong in a part of the cases."""
BROKEN: Final[Mixture] = ((1.3, 0.05), (3.0, 0.7), (12.0, 1.0), (100.0, 1.8))
"""For what hardly ever happens, or nearly always."""
_BETTER: Final[Mixture] = ((0.0, 2.0), (0.05, 1.0), (0.25, 1.0), (0.5, 1.0), (0.75, 1.0))
_HALF: Final = log(2)
"""The rate at which half of all trials are bad. Beyond RARE, no alternative above it: a few bad events on end, such as a request that a
client repeats, would be proof."""
_LEAST_WORSE: Final = 1.3
_STIRLING_FROM: Final = 100.0


@dataclass(frozen=True, slots=True)
class _Alternative:
    """A line of the mixture: its log likelihood ratio is `weight + bad * gain + trials * drift`."""

    weight: float
    gain: float
    drift: float

    def evidence(self, bad: float, trials: float) -> float:
        return self.weight + trials * self.drift + (bad * self.gain if bad else 0.0)


def against_at_most(bad: float, trials: float, share: float, mixture: Mixture = WRONG) -> float:
    """The log of the e-value against "bad events have at most this share"."""
    return log_sum(each.evidence(bad, trials) for each in _alternatives(_within(share), mixture))


def against_at_least(bad: float, trials: float, share: float) -> float:
    """The log of the e-value against "bad events have at least this share"."""
    return log_sum(each.evidence(bad, trials) for each in _alternatives(_within(share), _BETTER))


def alarm(share: float, alpha: float) -> float:
    """The log of the e-value against at most `share` from which on it is an alarm, false with a probability of at most alpha."""
    return log((OVERSHOOT if _within(share) <= RARE else 1.0) / alpha)


def trials_until(goal: float, observed: float, share: float) -> float | None:
    """About how many trials in all it takes until the log e-value against at least `share` reaches the goal.

    Args:
        goal: of the log of the e-value.
        observed: the share of bad events, taken to stay as it is.
        share: of the hypothesis.

    Returns:
        None if bad events are too frequent for that ever to be.
    """
    lines = _alternatives(_within(share), _BETTER)
    slopes = [line.drift + (observed * line.gain if observed else 0.0) for line in lines]
    if max(slopes) <= 0:
        return None
    trials = min((goal - line.weight) / slope for line, slope in zip(lines, slopes, strict=True) if slope > 0)
    for _ in range(8):  # Newton's method from above, on a convex function
        terms = [line.weight + trials * slope for line, slope in zip(lines, slopes, strict=True)]
        value = log_sum(terms)
        slope = sum(exp(term - value) * each for term, each in zip(terms, slopes, strict=True) if each > -inf)
        step = (value - goal) / slope
        trials -= step
        if step < 1e-6 * trials:
            break
    return trials


def log_sum(terms: Iterable[float]) -> float:
    """The log of the sum of numbers, which are given by their logs."""
    known = list(terms)
    most = max(known)
    return most if most == -inf else most + log(sum(exp(each - most) for each in known))


@lru_cache(maxsize=1024)
def _alternatives(share: float, times: Mixture) -> tuple[_Alternative, ...]:
    """Likelihood ratios of rates that are `times` as large; a rate r gives a bad event with the probability 1 - exp(-r)."""
    rate, total = -log1p(-share), sum(weight for _, weight in times)
    most = inf if share <= RARE else max(_HALF / rate, _LEAST_WORSE)
    factors = [(min(factor, most), weight) for factor, weight in times]
    return tuple(
        _Alternative(log(weight / total), _gain(factor, rate), (1 - factor) * rate) for factor, weight in factors
    )


def _gain(factor: float, rate: float) -> float:
    if factor == 0:
        return -inf
    if factor > 1 and -expm1(-rate) <= RARE:
        return log(factor)  # of a Poisson process; below what the trials themselves would give
    return (factor - 1) * rate + log(expm1(-factor * rate) / expm1(-rate))


def _within(share: float) -> float:
    return min(max(share, LEAST_SHARE), MOST_SHARE)


def log_beta(a: float, b: float) -> float:
    """The log of the beta function, without the cancellation that differences of `lgamma` have for large counts."""
    both = a + b
    first = log(a / both) if a < b else log1p(-b / both)
    second = log(b / both) if b <= a else log1p(-a / both)
    return (a - 0.5) * first + (b - 0.5) * second - 0.5 * log(both) + _rest(a) + _rest(b) - _rest(both)


def _rest(z: float) -> float:
    """What `lgamma` is beyond (z - 1/2) ln z - z."""
    if z < _STIRLING_FROM:
        return lgamma(z) - ((z - 0.5) * log(z) - z)
    return 0.5 * log(2 * pi) + 1 / (12 * z) - 1 / (360 * z**3)
