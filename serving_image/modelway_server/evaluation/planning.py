"""How many rows would tell."""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from modelway_server.evaluation.criteria import Question
from modelway_server.evaluation.estimates import MIN_UNITS, MIN_WHOLE_SAMPLE
from modelway_server.evaluation.tilting import lower_tilt
from modelway_server.evaluation.wish import Rule

POWER = 0.9
MOST_ROWS = 10**9
_MOST_EQUAL = 10**4
_NODES, _NODE_SHARES = np.polynomial.hermite_e.hermegauss(64)


def rows_needed(question: Question, level: float) -> int | None:
    """Rows that would tell in 90 % of cases, by two digits; None where nobody can say.

    A tolerance has a question of its own. Is the candidate as good as the stable revision, or worse by twice the tolerance?
    Where so many rows did not tell, and for other limits, the metric may be anything that the present rows allow. The number
    then tells in 90 % of all these cases.

    Args:
        question: one that the present rows do not answer.
        level: at which it is decided.
    """
    estimate = question.estimate
    if not np.isfinite(estimate.value) or not np.isfinite(estimate.of_units).all():
        return None
    if estimate.exact:
        return MIN_WHOLE_SAMPLE if estimate.rows < MIN_WHOLE_SAMPLE else None
    unseen = _by_unseen(question, level)
    if not estimate.is_known or estimate.variance <= 0:
        return None if unseen is None else _rounded(max(unseen, MIN_UNITS))
    varying = _by_variance(question, level)
    return None if varying is None else _rounded(max(varying, unseen or 0, estimate.rows + 1))


def _by_unseen(question: Question, level: float) -> float | None:
    """Rows among which a row of the worst kind would not be missing by chance, if it mattered; None where none would do."""
    sign = -1.0 if question.rule is Rule.MAX else 1.0
    estimate = question.estimate
    is_tolerance = question.rule is Rule.NOT_WORSE
    margin = -question.threshold if is_tolerance else sign * (estimate.value - question.threshold)
    worst = abs(estimate.extreme(sign))
    if margin <= 0 or worst <= 0:
        return None
    rows = float(MIN_UNITS)
    for _ in range(3):  # the product of rows and bound hardly depends on the rows
        count = int(min(max(rows, MIN_UNITS), _MOST_EQUAL))
        rows = -lower_tilt(np.zeros(count), -1.0, level).shift * count * worst / margin
    return rows + 1


def _by_variance(question: Question, level: float) -> float | None:
    estimate = question.estimate
    deviation = math.sqrt(_cautious_variance(question))
    reach = -float(ndtri(level))
    if question.rule is Rule.NOT_WORSE and question.threshold < 0:
        by_tolerance = ((reach + float(ndtri(POWER))) * deviation / -question.threshold) ** 2
        if by_tolerance > estimate.rows:
            return by_tolerance
    gap = estimate.value - question.threshold
    rows = _by_what_may_be(gap, deviation, estimate.rows, reach)
    return rows if rows < MOST_ROWS else None


def _cautious_variance(question: Question) -> float:
    """The variance of a row, and one standard error of it more."""
    squares = question.estimate.of_units**2
    mean = float(squares.sum()) / len(squares)
    error = math.sqrt(float(((squares - mean) ** 2).sum())) / len(squares)
    return question.estimate.variance * (1 + error / mean)


def _by_what_may_be(gap: float, deviation: float, rows: int, reach: float) -> float:
    """Rows that tell in 90 % of the cases which the present rows leave open."""
    gaps = np.abs(gap + _NODES * deviation / math.sqrt(rows))
    shares = _NODE_SHARES / _NODE_SHARES.sum()

    def lack(log_rows: float) -> float:
        return POWER - float((shares * ndtr(gaps * math.exp(log_rows / 2) / deviation - reach)).sum())

    low, high = math.log(rows), math.log(MOST_ROWS)
    if lack(low) <= 0:
        return float(rows)
    return MOST_ROWS if lack(high) > 0 else math.exp(float(brentq(lack, low, high, xtol=1e-9)))


def _rounded(rows: float) -> int | None:
    """Two digits, upwards; None beyond what anybody has."""
    if not rows < MOST_ROWS:
        return None
    step = int(10 ** max(math.floor(math.log10(max(rows, 1))) - 1, 0))
    return math.ceil(rows / step) * step
