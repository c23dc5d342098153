"""When a server stops sending requests to a candidate that fails them, by itself and at once.

A mixture of likelihood ratios weighs "the candidate fails more than it may" against "it fails as often as it may". It
mixes several rates of failing, and all the requests at which the failing may have begun. Its expectation stays 1 while
the candidate fails no more than it may. So it reaches EVIDENCE in one of as many rollouts at most, however often one
looks. Where all stable pods have stopped, the operator ends the rollout: its judge leaves that much of its own alpha of
1e-4 to this.

Source: Ville's inequality; Shafer and Vovk, "Test martingales, Bayes factors and p-values" (2011), for mixtures.
"""

from typing import Final, NamedTuple

EVIDENCE: Final = 5e5
RATES: Final = (2.0, 4.0, 8.0, 20.0, 60.0, 200.0)
"""How many times more often than it may a candidate fails, in the alternatives."""
LEAST: Final = 1e-6
"""The least share of failures that can be told from none."""
MOST: Final = 0.99
"""The highest rate of an alternative."""


class Weighed(NamedTuple):
    """The evidence so far.

    Attributes:
        trials: requests that were judged.
        ratios: of each alternative, over all beginnings up to now.
    """

    trials: int = 0
    ratios: tuple[float, ...] = (0.0,) * len(RATES)

    @property
    def is_enough(self) -> bool:
        """Whether the candidate fails more than it may."""
        not_begun = 1.0 / (self.trials + 1)
        return sum(self.ratios) / len(RATES) + not_begun >= EVIDENCE


def weigh(weighed: Weighed, max_failed: float, *, failed: bool) -> Weighed:
    """The evidence with one more request.

    Args:
        weighed: before.
        max_failed: the share of requests that the candidate may fail.
        failed: whether it failed this one.
    """
    allowed = min(max(max_failed, LEAST), MOST)
    trials = weighed.trials + 1
    begins = 1.0 / (trials * (trials + 1))  # all of these are 1 in sum, and half of it is for the first request
    ratios = []
    for ratio, rate in zip(weighed.ratios, RATES, strict=True):
        higher = min(allowed * rate, MOST)
        step = higher / allowed if failed else (1.0 - higher) / (1.0 - allowed)
        ratios.append(min((ratio + begins) * step, 1e100))
    return Weighed(trials, tuple(ratios))
