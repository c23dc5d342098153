"""What is counted of a candidate, and what of it the judge is asked. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from modelway.api.analysis import Analysis
from modelway.api.duration import share_of
from modelway.rollout.judge import DISAGREEMENT, FAILED, REFUSED, SLOW, Counts, Measure

CANDIDATE = "candidate"
STABLE = "stable"

NOTHING = Counts(0, 0)


class Series(NamedTuple):
    """Names one pair of counters, as the servers' metrics do."""

    measure: str
    arm: str
    """Of whose answers: `CANDIDATE` or `STABLE`."""


Evidence = Mapping[Series, Counts]
"""All that was counted in a rollout."""


def requests_in(evidence: Evidence) -> int:
    """How many requests the candidate has got."""
    return evidence.get(Series(FAILED, CANDIDATE), NOTHING).trials


def measures_of(limits: Analysis, evidence: Evidence) -> tuple[Measure, ...]:
    """The questions to the judge: one for each thing that is counted, the same ones at every look.

    Args:
        limits: how much worse the candidate may be.
        evidence: what was counted.
    """
    tolerance = share_of(limits.tolerance)
    failed, disagreement = share_of(limits.max_failed), share_of(limits.max_disagreement)

    def counts(name: str, arm: str = CANDIDATE) -> Counts:
        return evidence.get(Series(name, arm), NOTHING)

    return (
        Measure(FAILED, counts(FAILED), None, failed, tolerance),
        Measure(REFUSED, counts(REFUSED), None, failed, tolerance),
        Measure(SLOW, counts(SLOW), counts(SLOW, STABLE), 0.0, tolerance),
        Measure(DISAGREEMENT, counts(DISAGREEMENT), None, disagreement, tolerance),
    )
