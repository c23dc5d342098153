"""Requests of which a share is bad, and when the judge first says something of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import xlog1py, xlogy

from modelway.rollout.judge import Counts, Measure, Outcome, judge, parts_of_alpha

TOLERANCE = 0.02
ALPHA, BETA = 1e-4, 0.01
LOOKS = 10
"""Evidence that the candidate is no slower is looked at every so many requests; all else whenever it can have grown."""


@dataclass(frozen=True)
class Stream:
    """Drawn requests of one measure.

    Attributes:
        name: of the measure.
        budget: the share that is allowed.
        share: that is bad.
        stable: the share of the stable revision that is bad, where it is compared.
        weight: the percent of requests that the candidate answers, where the stable revision is compared.
        run: how many requests come one after the other that are bad or good alike.
        metrics: how many metrics of a spec are judged in all; where there are any, they share a part of alpha.
    """

    name: str
    budget: float
    share: float
    stable: float | None = None
    weight: int = 5
    run: int = 1
    metrics: int = 0

    @property
    def alpha(self) -> float:
        """What the judge is given, so that this measure alone gets the part that it has among all of them."""
        own = ("failed", "refused", "slow", "disagreement")
        others = [f"metric-{number}" for number in range(self.metrics - (self.name not in own))]
        return ALPHA * parts_of_alpha([self.name, *others])[self.name] / parts_of_alpha([self.name])[self.name]

    def first(self, outcome: Outcome, most: int, seed: int) -> int | None:
        """After how many requests the judge first says so; None if it does not within the first `most`."""
        draws = np.random.default_rng([seed, int(self.share * 1e6), self.run])
        bad = np.repeat(draws.random(-(-most // self.run)) < self.share, self.run)[:most]
        if self.stable is None:
            return self._first_alone(np.flatnonzero(bad) + 1, outcome, most)
        others = draws.binomial(round((100 - self.weight) / self.weight), self.stable, most)
        return self._first_beside(np.cumsum(bad), np.cumsum(others), bad, outcome)

    def _first_alone(self, bad: np.ndarray, outcome: Outcome, most: int) -> int | None:
        if outcome is Outcome.WORSE:  # a bad event alone is evidence for it
            return next((int(n) for number, n in enumerate(bad, 1) if self._judge(number, int(n)) is outcome), None)
        for number, (begin, end) in enumerate(_between(bad, most)):
            if end >= begin and self._judge(number, end) is outcome:
                return self._search(number, begin, end)
        return None

    def _search(self, bad: int, begin: int, end: int) -> int:
        """Good requests between two bad events only add to the evidence."""
        while begin < end:
            middle = (begin + end) // 2
            if self._judge(bad, middle) is Outcome.NOT_WORSE:
                end = middle
            else:
                begin = middle + 1
        return end

    def _first_beside(self, bad: np.ndarray, others: np.ndarray, is_bad: np.ndarray, outcome: Outcome) -> int | None:
        beside = round((100 - self.weight) / self.weight)
        numbers = np.arange(1, len(bad) + 1)
        looks = is_bad if outcome is Outcome.WORSE else numbers % LOOKS == 0
        for number in numbers[looks & self._is_possible(bad, others, numbers, beside, outcome)]:
            stable = Counts(int(others[number - 1]), int(number) * beside)
            if self._judge(int(bad[number - 1]), int(number), stable) is outcome:
                return int(number)
        return None

    def _is_possible(
        self, bad: np.ndarray, others: np.ndarray, numbers: np.ndarray, beside: int, outcome: Outcome
    ) -> np.ndarray:
        """Where the likelihood ratio of the best alternative would be enough: that of a mixture is never larger."""
        beyond = self.budget + (0 if outcome is Outcome.WORSE else TOLERANCE)
        shares, stable = bad / numbers, others / (numbers * beside)
        pooled = np.clip((bad + others - beyond * numbers) / (numbers * (1 + beside)), 1e-9, 1 - beyond - 1e-9)
        best = _likelihood(bad, numbers, shares) + _likelihood(others, numbers * beside, stable)
        null = _likelihood(bad, numbers, pooled + beyond) + _likelihood(others, numbers * beside, pooled)
        is_on_that_side = (shares > stable + beyond) == (outcome is Outcome.WORSE)
        enough = -np.log(ALPHA if outcome is Outcome.WORSE else BETA)
        possible: np.ndarray = is_on_that_side & (best - null >= enough)
        return possible

    def _judge(self, bad: int, trials: int, stable: Counts | None = None) -> Outcome:
        measure = Measure(self.name, Counts(bad, trials), stable, self.budget, TOLERANCE)
        return judge([measure], alpha=self.alpha, beta=BETA).findings[0].outcome


def _between(bad: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """The first and the last number of requests for each number of bad events, from none on."""
    ends = [*(int(n) - 1 for n in bad), most]
    begin = 1
    for end in ends:
        yield begin, end
        begin = end + 1


def _likelihood(bad: np.ndarray, trials: np.ndarray, share: np.ndarray) -> np.ndarray:
    logs: np.ndarray = xlogy(bad, share) + xlog1py(trials - bad, -share)
    return logs
