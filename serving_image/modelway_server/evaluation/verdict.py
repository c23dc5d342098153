"""The verdict on all criteria, in words."""

from collections.abc import Sequence

from modelway_server.evaluation.report import Criterion, Outcome, Report
from modelway_server.evaluation.wish import OnInconclusive, Rule, Wish

_FIELD = "spec.preflight.evaluation"
_GRAVITY = (Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.PASSED)


def report_of(wish: Wish, criteria: Sequence[Criterion], rows: int, *, no_stable: str | None) -> Report:
    """The report.

    Args:
        wish: what was asked.
        criteria: what was found; empty where there was nothing to compare with.
        rows: of the dataset.
        no_stable: why there is no stable revision to compare with; None where there is one.
    """
    outcome = next((one for one in _GRAVITY if any(each.outcome is one for each in criteria)), Outcome.PASSED)
    decisive = [each for each in criteria if each.outcome is outcome]
    return Report(
        outcome=outcome,
        criteria=tuple(criteria),
        rows=rows,
        skipped=() if no_stable is None else _skipped(wish, no_stable),
        on_inconclusive=wish.on_inconclusive,
        message=_message(outcome, decisive, len(criteria), rows, no_stable),
        remedy=_remedy(outcome, decisive, wish),
    )


def _skipped(wish: Wish, no_stable: str) -> tuple[str, ...]:
    return tuple(
        f"{metric.name}: {rule} is not judged, because {no_stable}."
        for metric in wish.metrics
        for rule in metric.limits
        if rule.compares
    )


def _message(outcome: Outcome, decisive: Sequence[Criterion], count: int, rows: int, no_stable: str | None) -> str:
    if not count:
        return f"there is nothing to compare with, because {no_stable}, and no other limit"
    if outcome is Outcome.PASSED:
        return f"{_limits(count)} kept on {rows:,} rows"
    first = _foremost(decisive)
    others = f"; {len(decisive) - 1} more of {_limits(count)} {_end(outcome)}" if len(decisive) > 1 else ""
    return _sentence(first) + others


def _foremost(decisive: Sequence[Criterion]) -> Criterion:
    """The one that message and remedy speak of: that which takes the most rows, then one of all rows."""
    return min(decisive, key=lambda each: (-(each.rows_needed or 0), each.slice is not None))


def _limits(count: int) -> str:
    return "1 limit" if count == 1 else f"{count} limits"


def _end(outcome: Outcome) -> str:
    return "failed" if outcome is Outcome.FAILED else "cannot be decided"


def _sentence(one: Criterion) -> str:
    where = f" of {one.slice}" if one.slice else ""
    if one.value is None:
        return f"{one.metric}{where} is not defined for its {one.rows:,} rows"
    if one.rule.compares and one.stable is None:
        return f"{one.metric}{where} is not defined for the answers of the stable revision to its {one.rows:,} rows"
    if one.low is None or one.high is None:
        if one.rows_needed is None:
            return f"{one.metric}{where} is {one.value:.4g} on {one.rows:,} rows, which are too few or too much alike to tell more"
        return f"{one.metric}{where} is {one.value:.4g}, and {one.rows:,} {'row is' if one.rows == 1 else 'rows are'} too few to tell more{_rows_that_tell(one)}"
    finding = (
        f"{one.metric}{where} is {one.value:.4g} ({one.low:.4g} to {one.high:.4g})"
        if one.difference is None
        else f"{one.metric}{where} is {one.value:.4g} and {one.stable:.4g} in the stable revision, "
        f"a difference of {one.difference:+.4g} ({one.low:+.4g} to {one.high:+.4g})"
    )
    if one.outcome is Outcome.FAILED:
        return f"{finding}; {_limit(one)}"
    return f"{finding} on {one.rows:,} rows, which do not tell whether {_limit(one)}{_rows_that_tell(one)}"


def _limit(one: Criterion) -> str:
    match one.rule:
        case Rule.MIN:
            return (
                f"it is at least {one.threshold:g}, as min asks"
                if one.outcome is not Outcome.FAILED
                else f"min is {one.threshold:g}"
            )
        case Rule.MAX:
            return (
                f"it is at most {one.threshold:g}, as max asks"
                if one.outcome is not Outcome.FAILED
                else f"max is {one.threshold:g}"
            )
    if one.outcome is Outcome.FAILED:
        return f"{one.rule} is {abs(one.threshold):g}"
    return f"the difference is at least {one.threshold:+g}, as {one.rule} asks"


def _rows_that_tell(one: Criterion) -> str:
    return f"; about {one.rows_needed:,} would in 90 % of cases" if one.rows_needed else ""


def _remedy(outcome: Outcome, decisive: Sequence[Criterion], wish: Wish) -> str:
    if outcome is Outcome.PASSED or not decisive:
        return ""
    if outcome is Outcome.FAILED:
        return f"Train the model again, or change the limit in {_FIELD}.metrics."
    first = _foremost(decisive)
    where = f" with {first.slice}" if first.slice else ""
    more = f"about {first.rows_needed:,} rows{where} for {first.metric}" if first.rows_needed else f"more rows{where}"
    accepted = "" if wish.on_inconclusive is OnInconclusive.ACCEPT else f", or set {_FIELD}.onInconclusive to Accept"
    return f"Give the dataset {more}{accepted}."
