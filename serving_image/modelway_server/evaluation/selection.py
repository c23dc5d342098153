"""Choose one of several models that keep the gate: the best, or the cheapest that is shown to be nearly as good."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

SAME_COST: Final = 1.1
"""Costs within this ratio are one: measuring the same model twice differs by as much."""


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """One of the models.

    Attributes:
        name: in messages.
        value: of the first metric; None where there is none.
        cost: of serving it, in any unit; None where nobody measured it.
        is_out: whether something is held against it.
    """

    name: str
    value: float | None = None
    cost: float | None = None
    is_out: bool = False


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The model that serves.

    Attributes:
        name: of it.
        reason: in one sentence, without a full stop.
    """

    name: str
    reason: str


def choose(
    contestants: Sequence[Contestant], metric: str, *, max_loss: float | None, least: Mapping[tuple[str, str], float]
) -> Choice | None:
    """The choice; None where all are out.

    Args:
        contestants: in the order that decides where nothing else does.
        metric: the first one, for the reason.
        max_loss: how much less of it the cheapest may have than the best; None takes the best.
        least: of a model and a better one, the least difference that their answers allow; missing where nobody can say.
    """
    left = [each for each in contestants if not each.is_out]
    if not left:
        return None
    best = find_best(left)
    if max_loss is None or len(left) == 1:
        return Choice(name=best.name, reason=_reason_of_best(best, metric, len(left)))
    near = [each for each in left if each is best or least.get((each.name, best.name), -inf) >= -max_loss]
    choice = _find_cheapest(near, best)
    if choice is not best:
        return Choice(name=choice.name, reason=_reason_of_cheapest(choice, best, metric, least))
    others = "none of the others is shown to be within maxQualityLoss of it"
    if len(near) > 1:
        others = "none within maxQualityLoss of it costs less"
    return Choice(name=best.name, reason=f"{_reason_of_best(best, metric, len(left))}, and {others}")


def find_best(contestants: Sequence[Contestant]) -> Contestant:
    """The one with the best value; the first of equals, and the first of all where none has a value.

    Args:
        contestants: at least one.
    """
    return max(contestants, key=lambda each: -inf if each.value is None else each.value)


def _find_cheapest(near: Sequence[Contestant], best: Contestant) -> Contestant:
    """The best of those that cost the least; `best` itself where nobody knows what it costs."""
    if best.cost is None:
        return best
    least = min(each.cost for each in near if each.cost is not None)
    return find_best([each for each in near if each.cost is not None and each.cost <= SAME_COST * least])


def _reason_of_best(best: Contestant, metric: str, count: int) -> str:
    if count == 1 or best.value is None:
        return f"{best.name} serves: it alone keeps what is demanded"
    return f"{best.name} serves: its {metric} of {best.value:.4g} is the best of {count}"


def _reason_of_cheapest(
    choice: Contestant, best: Contestant, metric: str, least: Mapping[tuple[str, str], float]
) -> str:
    assert choice.cost is not None
    assert best.cost is not None
    share, loss = choice.cost / best.cost, max(-least[choice.name, best.name], 0.0)
    return (
        f"{choice.name} serves: latency times memory is {share:.2g} of that of {best.name}, the best, "
        f"and its {metric} is at most {loss:.4g} less"
    )
