"""The judge of a rollout: whether counts show the candidate to be worse than it may be, or not worse.

It is one sequential test for every measure, a function of the counts since the rollout began and of nothing else. It may be asked after each
request, and again after a restart, without a wrong verdict becoming more likely:

- A candidate within every budget is ever judged worse with a probability of at most `alpha`. Each measure has its part of alpha.
- A candidate that is beyond budget and tolerance in one measure is ever judged not worse with a probability of at most `beta`. All
  measures must agree, so beta needs no parts.

A measure is required for `NotWorse`:

- `failed` and `disagreement` always, and what the spec asks for by name (`Measure.is_awaited`). Silence is no evidence, so a measure that
  cannot be taken is to be left out by whoever asks.
- Any other once it has trials. One with a stable arm is required while that arm has at least as many trials as the candidate: with fewer,
  as when all traffic goes to the candidate, more requests would tell little.

Each of them can say `Worse`. The trials are taken as independent: repeated requests tell less than they seem to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, log
from typing import Final

from modelway.rollout import evidence, two_samples
from modelway.rollout.two_samples import Pair

FAILED, REFUSED, SLOW, DISAGREEMENT = "failed", "refused", "slow", "disagreement"
ALWAYS_REQUIRED: Final = (FAILED, DISAGREEMENT)
_PARTS: Final = {DISAGREEMENT: 0.47, SLOW: 0.35, FAILED: 0.15, REFUSED: 0.01}
"""Of alpha. Wrong and slow answers have most, because they reach clients; the stable revision answers where the candidate fails."""
PART_OF_SERVERS: Final = 0.02
"""Of alpha: what is left for stable servers, which stop by themselves asking a candidate that fails."""
PART_OF_OTHERS: Final = 0.1
"""What measures of other names share equally where there are any; those above share the rest then. All parts together are alpha."""
_BROKEN: Final = (FAILED, REFUSED)
_LN_10: Final = log(10)


class Outcome(StrEnum):
    """What the counts show."""

    UNDECIDED = "Undecided"
    WORSE = "Worse"
    NOT_WORSE = "NotWorse"


@dataclass(frozen=True, slots=True)
class Counts:
    """Trials, and how many of them were bad; since the rollout began."""

    bad: int
    trials: int


@dataclass(frozen=True, slots=True)
class Measure:
    """One kind of bad event.

    Attributes:
        name: `failed`, `refused`, `slow`, `disagreement`, or any other.
        candidate: its counts.
        stable: the stable revision's own counts, where it is measured in the same way.
        budget: the share allowed, from 0 to 1; with `stable`, what is allowed beyond the stable revision's own share.
        tolerance: by how much more than the budget still counts as no worse.
        is_awaited: whether a promotion waits for it even without a trial, whatever its name.
    """

    name: str
    candidate: Counts
    stable: Counts | None
    budget: float
    tolerance: float
    is_awaited: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What one measure shows.

    Attributes:
        name: of the measure.
        outcome: of it alone.
        bad: events of the candidate.
        trials: of the candidate.
        share: of bad ones; None without trials.
        bound: the share allowed: the budget, and with it the stable revision's own share where there is one.
        evidence: the decimal logarithm of the e-value against "no worse than the budget".
        needed: about how many trials in all until `NotWorse`, if the shares stay; None where they must change for that.
        is_required: whether a promotion waits for it.
    """

    name: str
    outcome: Outcome
    bad: int
    trials: int
    share: float | None
    bound: float
    evidence: float
    needed: int | None
    is_required: bool

    @property
    def progress(self) -> float:
        """How much of what `NotWorse` takes is there, from 0 to 1."""
        if self.outcome is Outcome.NOT_WORSE:
            return 1.0
        return min(self.trials / self.needed, 0.999) if self.needed and self.outcome is Outcome.UNDECIDED else 0.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What all measures show together.

    Attributes:
        outcome: worse if any measure is; not worse if every required one is.
        findings: one for each measure, in their order.
        progress: of the required measure that is furthest behind, from 0 to 1.
        limiting: that one; None without a required measure.
    """

    outcome: Outcome
    findings: tuple[Finding, ...]
    progress: float
    limiting: Finding | None

    @property
    def worse(self) -> Finding | None:
        """The strongest of the findings that are worse."""
        worse = (finding for finding in self.findings if finding.outcome is Outcome.WORSE)
        return max(worse, key=lambda finding: finding.evidence, default=None)


def judge(measures: Sequence[Measure], *, alpha: float = 1e-4, beta: float = 0.01) -> Judgement:
    """Judge a candidate by all its counts since the rollout began.

    Args:
        measures: with the same names and budgets at each look.
        alpha: the probability that a candidate within all budgets is ever judged worse.
        beta: the probability that one beyond budget and tolerance is ever judged not worse.
    """
    parts = parts_of_alpha([measure.name for measure in measures])
    findings = tuple(_find(measure, alpha * parts[measure.name], beta) for measure in measures)
    required = [finding for finding in findings if finding.is_required]
    limiting = min(required, key=lambda finding: finding.progress, default=None)
    return Judgement(_together(findings), findings, limiting.progress if limiting else 0.0, limiting)


def parts_of_alpha(names: Sequence[str]) -> dict[str, float]:
    """The part of alpha that each measure has, by its name; together at most 1, whatever the names."""
    others = sum(name not in _PARTS for name in names)
    own = 1 - PART_OF_OTHERS / (1 - PART_OF_SERVERS) if others else 1.0
    return {name: _PARTS[name] * own if name in _PARTS else PART_OF_OTHERS / others for name in names}


def _together(findings: Sequence[Finding]) -> Outcome:
    if any(finding.outcome is Outcome.WORSE for finding in findings):
        return Outcome.WORSE
    required = [finding.outcome for finding in findings if finding.is_required]
    is_proved = bool(required) and all(outcome is Outcome.NOT_WORSE for outcome in required)
    return Outcome.NOT_WORSE if is_proved else Outcome.UNDECIDED


def _find(measure: Measure, alpha: float, beta: float) -> Finding:
    bad, trials = _counts(measure.candidate)
    against, needed, is_not_worse, bound = (
        _with_budget(measure, bad, trials, beta) if measure.stable is None else _with_stable(measure, bad, trials, beta)
    )
    alarm = evidence.alarm(measure.budget, alpha) if measure.stable is None else -log(alpha)
    worse = Outcome.WORSE if trials and against >= alarm else Outcome.UNDECIDED
    return Finding(
        name=measure.name,
        outcome=Outcome.NOT_WORSE if is_not_worse and worse is Outcome.UNDECIDED else worse,
        bad=bad,
        trials=trials,
        share=bad / trials if trials else None,
        bound=min(bound, 1.0),
        evidence=against / _LN_10,
        needed=None if needed is None else ceil(needed),
        is_required=_is_required(measure),
    )


def _with_budget(measure: Measure, bad: int, trials: int, beta: float) -> tuple[float, float | None, bool, float]:
    limit = measure.budget + measure.tolerance
    is_not_worse = trials > 0 and (limit >= 1 or evidence.against_at_least(bad, trials, limit) >= -log(beta))
    needed = 1.0 if limit >= 1 else evidence.trials_until(-log(beta), bad / trials if trials else 0.0, limit)
    mixture = evidence.BROKEN if measure.name in _BROKEN else evidence.WRONG
    against = 0.0 if measure.budget >= 1 else evidence.against_at_most(bad, trials, measure.budget, mixture)
    return against, needed, is_not_worse, measure.budget


def _with_stable(measure: Measure, bad: int, trials: int, beta: float) -> tuple[float, float | None, bool, float]:
    stable_bad, stable_trials = _counts(measure.stable or Counts(0, 0))
    pair = Pair(bad, trials, stable_bad, stable_trials)
    limit = measure.budget + measure.tolerance
    stable = stable_bad / stable_trials if stable_trials else 0.0
    if not trials or not stable_trials:
        return 0.0, None, False, stable + measure.budget
    is_not_worse = two_samples.against_at_least(pair, limit) >= -log(beta)
    times = 1.0 if is_not_worse else two_samples.times_until(pair, -log(beta), limit)
    needed = None if times is None else times * trials
    return two_samples.against_at_most(pair, measure.budget), needed, is_not_worse, stable + measure.budget


def _is_required(measure: Measure) -> bool:
    if measure.is_awaited or measure.name in ALWAYS_REQUIRED:
        return True
    if measure.stable is None:
        return measure.candidate.trials > 0
    return 0 < measure.candidate.trials <= measure.stable.trials


def _counts(counts: Counts) -> tuple[int, int]:
    """Counts of pods that were read one after the other may be apart by a request."""
    trials = max(counts.trials, 0)
    return min(max(counts.bad, 0), trials), trials
