"""Draws from distributions that Python 3.11 does not have."""

from random import Random
from typing import Final

_FEW: Final = 30


def binomial(random: Random, trials: int, share: float) -> int:
    """How many of so many independent trials are bad, each with the same probability.

    It splits the trials at the middle one of their order statistics, which has a beta distribution, until few are left (Relles, 1972,
    JASA 67): exact, and in a time that grows with the logarithm of the number.
    """
    bad = 0
    while trials > _FEW and 0 < share < 1:
        middle = (trials + 1) // 2
        point = random.betavariate(middle, trials + 1 - middle)
        if point <= share:
            bad += middle
            trials, share = trials - middle, (share - point) / (1 - point)
        else:
            trials, share = middle - 1, share / point
    if share >= 1:
        return bad + trials
    return bad + (sum(random.random() < share for _ in range(trials)) if share > 0 else 0)


def clustered(random: Random, trials: int, share: float, length: int) -> int:
    """The same of trials that are bad or good in runs of a length, as requests that are repeated."""
    runs, rest = divmod(trials, length)
    return length * binomial(random, runs, share) + rest * binomial(random, 1, share)
