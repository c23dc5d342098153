"""Judge a candidate by its answers and those of the stable revision to the same rows."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from modelway_server.errors import InvalidDataset
from modelway_server.evaluation.answers import Answers
from modelway_server.evaluation.criteria import Decision, Question, decide
from modelway_server.evaluation.dataset import Dataset
from modelway_server.evaluation.definedness import why_undefined
from modelway_server.evaluation.estimates import estimate
from modelway_server.evaluation.influence import Influence, Part, part_of, unknown_influence
from modelway_server.evaluation.measure import influence_of
from modelway_server.evaluation.numberless import numberless_row, refuse_numberless
from modelway_server.evaluation.planning import rows_needed
from modelway_server.evaluation.report import Criterion, Outcome, Report
from modelway_server.evaluation.scorers import Score, score_of
from modelway_server.evaluation.targets import positive_of, targets_of
from modelway_server.evaluation.verdict import report_of
from modelway_server.evaluation.wish import Metric, Rule, Wish


def judge(wish: Wish, dataset: Dataset, candidate: Answers, stable: Answers | None, seed: str) -> Report:
    """Judge a candidate.

    The same arguments give the same numbers to the last bit, however many threads there are.

    Args:
        wish: what is asked of it.
        dataset: the rows and their right answers.
        candidate: its answers to all rows.
        stable: the answers of the stable revision to the same rows; None where there is none, which skips comparisons.
        seed: any text, such as the digests of the model and the dataset.

    Raises:
        InvalidDataset: a metric cannot be computed of these answers and targets.
        EvaluationFailed: the candidate answers with no number where it answers with numbers.
    """
    with threadpool_limits(limits=1):  # the order of a sum is then the same on every machine
        scored = [_Scored.of(metric, wish, dataset, candidate, stable) for metric in wish.metrics]
        refuse_numberless(candidate, {each.candidate.method for each in scored})
        numberless = _numberless_stable(scored, stable)
        if numberless:
            scored = [replace(each, stable=None) for each in scored]
        entries = [
            one
            for name, part in parts_of(dataset, scored[0].candidate.target, seed)
            for each in scored
            for one in each.ask(name, part)
        ]
        level = 1 - wish.confidence
        decisions = decide([each.question for each in entries], level)
    criteria = [
        _criterion(one, decision, level / len(entries)) for one, decision in zip(entries, decisions, strict=True)
    ]
    return report_of(
        wish, criteria, dataset.count, no_stable="no stable revision serves yet" if stable is None else numberless
    )


def _numberless_stable(scored: Sequence["_Scored"], stable: Answers | None) -> str | None:
    """Why the stable revision cannot be compared with: what it answers is no fault of the candidate."""
    if stable is None:
        return None
    answer = numberless_row(stable, {each.stable.method for each in scored if each.stable is not None})
    return None if answer is None else f"the stable revision answers {answer} of the dataset"


@dataclass(frozen=True, eq=False)
class _Asked:
    """A question about one part of the rows, and what it was asked of."""

    metric: str
    slice: str | None
    question: Question
    candidate: float
    stable: float | None


@dataclass(frozen=True, eq=False)
class _Scored:
    """One metric over the answers of both models."""

    metric: Metric
    candidate: Score
    stable: Score | None

    @classmethod
    def of(cls, metric: Metric, wish: Wish, dataset: Dataset, candidate: Answers, stable: Answers | None) -> "_Scored":
        """The scorers of both models.

        Raises:
            InvalidDataset: the metric, or the weights, are not for these models.
        """
        compares = stable is not None and any(rule.compares for rule in metric.limits)
        score = score_answers(metric, wish, dataset, candidate)
        if wish.weight is not None and not score.takes_weights:
            raise InvalidDataset(
                f"metric {metric.name} takes no weights; leave spec.preflight.evaluation.weight out, or choose another metric"
            )
        return cls(
            metric, score, score_answers(metric, wish, dataset, stable) if compares and stable is not None else None
        )

    def ask(self, slice: str | None, part: Part) -> Iterator[_Asked]:  # noqa: A002  (as the report calls it)
        """Ask each limit of the metric of one part of the rows."""
        influence = _influence(self.candidate, part, slice)
        before = None if self.stable is None else _influence(self.stable, part, slice, may_lack=True)
        for rule, limit in self.metric.limits.items():
            if rule.compares and before is None:
                continue
            compared = before if rule.compares else None
            question = Question(
                rule,
                -limit if rule is Rule.NOT_WORSE else limit,
                estimate(self.metric.name, influence, compared, part),
            )
            yield _Asked(
                self.metric.name, slice, question, influence.value, None if compared is None else compared.value
            )


def score_answers(metric: Metric, wish: Wish, dataset: Dataset, answers: Answers) -> Score:
    """The scorer of a metric over a model's answers.

    Raises:
        InvalidDataset: the metric is not for this model.
    """
    if answers.count != dataset.count:
        raise InvalidDataset(f"the model gave {answers.count} answers to {dataset.count} rows")
    target = targets_of(dataset.target, answers, wish.target)
    return score_of(metric.name, answers, target, positive_of(wish.positive_label, answers))


def parts_of(dataset: Dataset, target: NDArray[Any], seed: str) -> Iterator[tuple[str | None, Part]]:
    """All rows, then those of each value of each column of slices; rows of weight 0 are in none.

    Args:
        dataset: the rows.
        target: the right answers, as scores have them.
        seed: of the groups that chance draws.
    """
    draw = np.random.default_rng(list(hashlib.sha256(seed.encode()).digest()))
    counts = np.ones(dataset.count, dtype=bool) if dataset.weights is None else dataset.weights > 0
    yield None, part_of(np.flatnonzero(counts), dataset.weights, target, draw)
    for name, values in dataset.slices.items():
        for value in np.unique(values[counts]):
            yield f"{name}={value}", part_of(np.flatnonzero((values == value) & counts), dataset.weights, target, draw)


def _influence(score: Score, part: Part, slice: str | None, *, may_lack: bool = False) -> Influence:  # noqa: A002  (as above)
    """The influences on a score; unknown ones where it is not defined for a slice, or for the stable revision, which `may_lack` it.

    Raises:
        InvalidDataset: it is not defined for all rows together.
    """
    try:
        influence = influence_of(score, part)
    except InvalidDataset:
        if slice is None and not may_lack:
            raise
        return unknown_influence(part)
    if slice is None and not may_lack and not np.isfinite(influence.value):
        classes = len(np.unique(score.target[part.rows]))
        values = "value" if classes == 1 else "values"
        why = (
            why_undefined(score, part) or f"its {len(part.rows):,} rows have {classes} different {values} of the target"
        )
        raise InvalidDataset(f"metric {score.name} is not defined for this dataset: {why}")
    return influence


def _criterion(entry: _Asked, decision: Decision, level: float) -> Criterion:
    question = entry.question
    ends = (decision.good, decision.bad)
    low, high = ends[::-1] if question.rule is Rule.MAX else ends
    is_open = decision.outcome is Outcome.INCONCLUSIVE
    return Criterion(
        metric=entry.metric,
        rule=question.rule,
        threshold=question.threshold,
        slice=entry.slice,
        value=_finite(entry.candidate),
        stable=None if entry.stable is None else _finite(entry.stable),
        difference=None if entry.stable is None else _finite(question.estimate.value),
        low=None if low is None else _finite(low),
        high=None if high is None else _finite(high),
        outcome=decision.outcome,
        rows=question.estimate.rows,
        rows_needed=rows_needed(question, level) if is_open else None,
    )


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
