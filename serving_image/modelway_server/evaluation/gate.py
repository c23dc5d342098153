"""Judge a candidate by its answers and those of the stable revision to the same rows."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from modelway_server.errors import InvalidDataset
from modelway_server.evaluation.answers import Answers
from modelway_server.evaluation.dataset import Dataset
from modelway_server.evaluation.report import Criterion, Outcome, Report
from modelway_server.evaluation.scorers import Score, score_of
from modelway_server.evaluation.targets import positive_of, targets_of
from modelway_server.evaluation.wish import Metric, Rule, Wish

GROUPS = 100


def judge(wish: Wish, dataset: Dataset, candidate: Answers, stable: Answers | None, seed: str) -> Report:  # noqa: ARG001
    """Judge a candidate.

    The same arguments give the same numbers to the last bit.

    Args:
        wish: what is asked of it.
        dataset: the rows and their right answers.
        candidate: its answers to all rows.
        stable: the answers of the stable revision to the same rows; None where there is none, which skips comparisons.
        seed: any text, such as the digests of the model and the dataset.

    Raises:
        InvalidDataset: a metric cannot be computed of these answers and targets.
    """
    criteria: list[Criterion] = []
    skipped: list[str] = []
    rows = np.arange(dataset.count)
    for metric in wish.metrics:
        score = _score(metric, wish, dataset, candidate)
        before = _score(metric, wish, dataset, stable) if stable is not None else None
        for rule, limit in metric.limits.items():
            if rule.compares and before is None:
                skipped.append(f"{metric.name}.{rule} is not judged: there is no stable revision.")
            else:
                criteria.append(
                    _criterion(
                        wish, metric, rule, limit, score, before if rule.compares else None, rows, dataset.weights
                    )
                )
    outcome = max(
        (one.outcome for one in criteria),
        key=[Outcome.PASSED, Outcome.INCONCLUSIVE, Outcome.FAILED].index,
        default=Outcome.PASSED,
    )
    return Report(
        outcome=outcome,
        criteria=tuple(criteria),
        rows=dataset.count,
        skipped=tuple(skipped),
        on_inconclusive=wish.on_inconclusive,
        message=f"{sum(one.outcome is outcome for one in criteria)} of {len(criteria)} limits {outcome}",
        remedy="Train the model again, or add rows to the dataset.",
    )


def _score(metric: Metric, wish: Wish, dataset: Dataset, answers: Answers) -> Score:
    if answers.count != dataset.count:
        raise InvalidDataset(f"the model gave {answers.count} answers to {dataset.count} rows")
    target = targets_of(dataset.target, answers, wish.target)
    return score_of(metric.name, answers, target, positive_of(wish.positive_label, answers))


def _criterion(  # noqa: PLR0917
    wish: Wish,
    metric: Metric,
    rule: Rule,
    limit: float,
    score: Score,
    before: Score | None,
    rows: NDArray[np.intp],
    weights: NDArray[np.float64] | None,
) -> Criterion:
    """The criterion by a jackknife of groups."""

    def both(chosen: NDArray[np.intp]) -> float:
        part = None if weights is None else weights[chosen]
        return score.at(chosen, part) - (before.at(chosen, part) if before is not None else 0.0)

    groups = min(GROUPS, len(rows))
    kept = np.array([both(np.delete(rows, np.s_[group::groups])) for group in range(groups)])
    value = both(rows)
    error = float(np.sqrt((groups - 1) / groups * ((kept - kept.mean()) ** 2).sum()))
    reach = float(norm.ppf(wish.confidence)) * error
    threshold = -limit if rule is Rule.NOT_WORSE else limit
    sign = -1.0 if rule is Rule.MAX else 1.0
    low, high = sorted((sign * (value - reach - threshold), sign * (value + reach - threshold)))
    outcome = Outcome.PASSED if low >= 0 else Outcome.FAILED if high < 0 else Outcome.INCONCLUSIVE
    weights_of = None if weights is None else weights[rows]
    return Criterion(
        metric=metric.name,
        rule=rule,
        threshold=threshold,
        slice=None,
        value=score.at(rows, weights_of),
        stable=before.at(rows, weights_of) if before is not None else None,
        difference=value if before is not None else None,
        low=value - reach,
        high=value + reach,
        outcome=outcome,
        rows=len(rows),
        rows_needed=None,
    )
