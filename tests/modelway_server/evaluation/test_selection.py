"""Of several models one serves: the best, or the cheapest of those that are shown to be nearly as good."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway_server.evaluation.selection import SAME_COST, Choice, Contestant, choose

FIELD = (
    Contestant(name="model", value=0.90, cost=10.0),
    Contestant(name="large", value=0.92, cost=40.0),
    Contestant(name="small", value=0.915, cost=4.0),
    Contestant(name="int8", value=0.89, cost=1.0),
)
LEAST = {("small", "large"): -0.009, ("model", "large"): -0.03, ("int8", "large"): -0.05}


def select(*contestants: Contestant, max_loss: float | None = 0.01, least: Any = LEAST) -> Choice:
    choice = choose(contestants, "accuracy", max_loss=max_loss, least=least)
    assert choice is not None
    return choice


def test_without_a_loss_the_best_serves() -> None:
    choice = select(*FIELD, max_loss=None)
    assert choice == Choice(name="large", reason="large serves: its accuracy of 0.92 is the best of 4")


def test_cheapest_within_the_loss_serves() -> None:
    assert select(*FIELD) == Choice(
        name="small",
        reason="small serves: latency times memory is 0.1 of that of large, the best, and its accuracy is at most 0.009 less",
    )


def test_loss_that_is_not_shown_keeps_the_best() -> None:
    choice = select(*FIELD, max_loss=0.005)
    assert choice.name == "large"
    assert choice.reason.endswith("the best of 4, and none of the others is shown to be within maxQualityLoss of it")


def test_costlier_model_within_the_loss_does_not_serve() -> None:
    dear = Contestant(name="dear", value=0.9, cost=100.0)
    choice = select(dear, FIELD[1], least={("dear", "large"): -0.001})
    assert (choice.name, choice.reason.rpartition(", and ")[2]) == (
        "large",
        "none within maxQualityLoss of it costs less",
    )


def test_among_equal_costs_the_better_serves() -> None:
    least = {("a", "large"): -0.001, ("b", "large"): -0.001, ("c", "large"): -0.001}
    values = {"a": (0.90, 4.0), "b": (0.91, 4.3), "c": (0.915, 4.5)}
    field = [Contestant(name=name, value=value, cost=cost) for name, (value, cost) in values.items()]
    assert select(*field, FIELD[1], least=least).name == "b", "c costs more than a tenth more than a"


def test_one_that_is_left_serves_alone() -> None:
    out = [Contestant(name=str(place), value=1.0, cost=0.1, is_out=True) for place in range(3)]
    choice = select(*out, FIELD[0])
    assert choice == Choice(name="model", reason="model serves: it alone keeps what is demanded")
    assert choose(out, "accuracy", max_loss=0.5, least={}) is None


def test_first_of_equals_serves() -> None:
    equals = [Contestant(name=name, value=0.9, cost=1.0) for name in "ab"]
    assert select(*equals, max_loss=None).name == "a"
    assert select(*equals, least={("a", "b"): 0.0, ("b", "a"): 0.0}).name == "a"


def test_best_without_a_cost_serves() -> None:
    best = Contestant(name="large", value=0.92)
    assert select(FIELD[2], best).name == "large"
    assert select(Contestant(name="small", value=0.915), FIELD[1]).name == "large"


NUMBERS = st.one_of(st.none(), st.floats(0, 1))
CONTESTANTS = st.lists(st.tuples(NUMBERS, st.one_of(st.none(), st.floats(0.01, 100)), st.booleans()), max_size=8)


@given(CONTESTANTS, st.one_of(st.none(), st.floats(0, 0.5)), st.randoms(use_true_random=False))
def test_choice_is_never_out_nor_too_far_from_the_best(entries: Any, max_loss: float | None, chance: Any) -> None:
    field = [
        Contestant(name=str(place), value=value, cost=cost, is_out=is_out)
        for place, (value, cost, is_out) in enumerate(entries)
    ]
    least = {(a.name, b.name): chance.uniform(-1, 0.1) for a, b in permutations(field, 2) if chance.random() < 0.8}
    choice = choose(field, "accuracy", max_loss=max_loss, least=least)
    left = {each.name: each for each in field if not each.is_out}
    assert (choice is None) == (not left)
    if choice is None:
        return
    one = left[choice.name]
    best = max((each.value for each in left.values() if each.value is not None), default=None)
    if max_loss is None or one.value == best:
        assert one.value == best
        return
    of_best = [each for each in left.values() if each.value == best]
    assert any(least.get((one.name, each.name), -2.0) >= -max_loss for each in of_best)
    assert one.cost is not None
    assert any(each.cost is not None and one.cost <= SAME_COST * each.cost for each in of_best)


@pytest.mark.parametrize("place", range(4))
def test_one_that_is_out_changes_nothing_for_others(place: int) -> None:
    out = Contestant(name="out", value=1.0, cost=0.001, is_out=True)
    field = [*FIELD[:place], out, *FIELD[place:]]
    assert select(*field, least=LEAST | {("out", "large"): 1.0}) == select(*FIELD)
