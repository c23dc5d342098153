"""Judge a candidate by counts: a mixture likelihood ratio against "no worse than the budget", valid at every look. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import lgamma, log, log10


@dataclass(frozen=True, slots=True)
class Counts:
    """Trials, and the bad ones among them."""

    bad: int
    trials: int


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is counted, and how much of it is allowed."""

    name: str
    candidate: Counts
    stable: Counts | None
    budget: float
    tolerance: float


class Outcome(StrEnum):
    """What counts say by now."""

    UNDECIDED = "Undecided"
    WORSE = "Worse"
    NOT_WORSE = "NotWorse"


@dataclass(frozen=True, slots=True)
class Finding:
    """What the counts of one measure say."""

    name: str
    outcome: Outcome
    bad: int
    trials: int
    share: float | None
    bound: float
    evidence: float
    needed: int | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What all of them say together."""

    outcome: Outcome
    findings: tuple[Finding, ...]
    progress: float


_REQUIRED = frozenset({"failed", "disagreement"})


def judge(measures: Sequence[Measure], *, alpha: float = 1e-4, beta: float = 0.01) -> Judgement:
    """Judge all measures; a false alarm has the chance `alpha`, `beta` is that of a promotion of what is worse by the tolerance."""
    findings = tuple(_find(one, alpha / len(measures), beta) for one in measures)
    counting = [one for one in findings if one.trials or one.name in _REQUIRED]
    outcomes = {one.outcome for one in counting}
    progress = min((min(1.0, one.trials / one.needed) if one.needed else 0.0 for one in counting), default=0.0)
    if Outcome.WORSE in outcomes:
        return Judgement(Outcome.WORSE, findings, progress)
    if outcomes == {Outcome.NOT_WORSE}:
        return Judgement(Outcome.NOT_WORSE, findings, 1.0)
    return Judgement(Outcome.UNDECIDED, findings, progress)


def _find(measure: Measure, alpha: float, beta: float) -> Finding:
    bad, trials, stable = measure.candidate.bad, measure.candidate.trials, measure.stable
    beside = stable.bad / stable.trials if stable is not None and stable.trials else 0.0
    bound = measure.budget + beside
    share = bad / trials if trials else None
    # What the stable revision's own share will come to is not known yet: with the tolerance it is no less.
    allowed = bound + measure.tolerance if stable else bound
    evidence = _log_ratio(bad, trials, allowed)
    needed = round(-log(beta) / measure.tolerance * (1 + bound / measure.tolerance)) if trials else None
    outcome = Outcome.UNDECIDED
    if share is not None and share > allowed and evidence >= -log10(alpha):
        outcome = Outcome.WORSE
    elif share is not None and needed is not None and trials >= needed and share < bound + measure.tolerance:
        outcome = Outcome.NOT_WORSE
    return Finding(measure.name, outcome, bad, trials, share, bound, evidence, needed)


def _log_ratio(bad: int, trials: int, share: float) -> float:
    """The decimal logarithm of the likelihood of the counts under all shares alike, over that under one share."""
    share = min(max(share, 1e-9), 1 - 1e-9)
    mixture = lgamma(bad + 1) + lgamma(trials - bad + 1) - lgamma(trials + 2)
    return (mixture - bad * log(share) - (trials - bad) * log(1 - share)) / log(10)
