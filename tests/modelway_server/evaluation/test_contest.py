"""What is promised of one model holds for several together, on drawn datasets whose truth is known."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from modelway_server.errors import EvaluationFailed, InvalidDataset
from modelway_server.evaluation.answers import Answers
from modelway_server.evaluation.contest import Contest, hold_contest
from modelway_server.evaluation.dataset import Dataset
from modelway_server.evaluation.gate import judge
from modelway_server.evaluation.selection import Contestant, choose
from modelway_server.evaluation.wish import Wish

NAMES = ("model", "a", "b", "cheap")
CONFIDENCE = 0.9
"""Lower than anybody's, so that few draws count what is promised."""
DRAWS = 100


def wish_of(confidence: float = 0.999, max_loss: float | None = None, **limits: float) -> Wish:
    metric = {"name": "accuracy", "min": 0.01} | limits
    document = {"target": "y", "metrics": [metric], "confidence": confidence}
    return Wish.from_document(document | ({} if max_loss is None else {"maxQualityLoss": max_loss}))


def drawn(shares: Sequence[float], rows: int, seed: int, *, apart: float = 0.2) -> tuple[Dataset, dict[str, Answers]]:
    """Rows, and models of which each is right in its share of all rows.

    Args:
        shares: of each model.
        rows: how many.
        seed: of the draw.
        apart: the share of rows that are not as easy for one model as for the others.
    """
    draw = np.random.default_rng([rows, seed])
    target, ease = draw.integers(0, 2, rows), draw.random(rows)
    dataset = Dataset(columns={}, textual=False, target=target.tolist(), weights=None, slices={})
    answers = {}
    for name, share in zip(NAMES, shares, strict=False):
        right = np.where(draw.random(rows) < apart, draw.random(rows), ease) < share
        answers[name] = answers_of(np.where(right, target, 1 - target))
    return dataset, answers


def answers_of(predicted: Any) -> Answers:
    return Answers(outputs={"predict": (predicted,)}, classes=(0, 1), count=len(predicted))


def contest(wish: Wish, dataset: Dataset, answers: Mapping[str, Answers], count: int = len(NAMES)) -> Contest:
    return hold_contest(wish, dataset, answers, None, "seed", count=count)


def name_of_choice(wish: Wish, results: Contest) -> str:
    """The choice where the last model costs a tenth of the others."""
    field = [
        Contestant(name=name, value=one.value, cost=0.1 if name == "cheap" else 1.0, is_out=one.failure is not None)
        for name, one in results.judgements.items()
    ]
    choice = choose(field, "accuracy", max_loss=wish.max_loss, least=results.least)
    assert choice is not None
    return choice.name


@pytest.mark.slow
def test_of_several_bad_models_few_are_accepted() -> None:
    wish = wish_of(CONFIDENCE, min=0.85)
    accepted = 0
    for seed in range(DRAWS):
        judgements = contest(
            wish, *drawn([0.85] * 4, 400, seed, apart=1)
        ).judgements  # the limit itself: the worst case
        accepted += any(one.failure is None for one in judgements.values())
    assert accepted <= binom.ppf(0.999, DRAWS, 1 - CONFIDENCE)


@pytest.mark.slow
@pytest.mark.parametrize("shares", [(0.9, 0.9, 0.9, 0.87), (0.9, 0.87, 0.87, 0.87), (0.9, 0.5, 0.5, 0.87)])
def test_cheap_model_that_loses_too_much_rarely_serves(shares: Sequence[float]) -> None:
    wish = wish_of(CONFIDENCE, max_loss=0.03)
    wrong = sum(name_of_choice(wish, contest(wish, *drawn(shares, 400, seed))) == "cheap" for seed in range(DRAWS))
    assert wrong <= binom.ppf(0.999, DRAWS, 1 - CONFIDENCE)


@pytest.mark.slow
def test_cheap_model_that_is_as_good_mostly_serves() -> None:
    wish = wish_of(max_loss=0.03)
    names = [name_of_choice(wish, contest(wish, *drawn([0.9] * 4, 4000, seed))) for seed in range(20)]
    assert names.count("cheap") >= 18


def test_single_model_is_judged_as_ever() -> None:
    dataset, answers = drawn([0.9], 500, 0)
    wish = wish_of(min=0.8)
    results = contest(wish, dataset, answers, count=1)
    report = judge(wish, dataset, answers["model"], None, "seed")
    judgement = results.judgements["model"]
    assert (judgement.report, judgement.value, judgement.low) == (
        report,
        report.criteria[0].value,
        report.criteria[0].low,
    )
    assert results.least == {}


def test_each_model_more_widens_the_interval() -> None:
    dataset, answers = drawn([0.9, 0.8], 500, 0)
    lows = []
    for count in (2, 4, 8):
        judgement = contest(wish_of(), dataset, answers, count=count).judgements["model"]
        assert judgement.low is not None
        assert judgement.high is not None
        assert judgement.low < 0.9 < judgement.high
        lows.append(judgement.low)
    assert lows[0] > lows[1] > lows[2]


def test_pairs_hold_the_worse_model_against_the_better() -> None:
    results = contest(wish_of(max_loss=0.1, min=0.7), *drawn([0.9, 0.85, 0.95, 0.3], 500, 0))
    assert set(results.least) == {("a", "model"), ("a", "b"), ("model", "b")}, "the last one is refused"
    values = {name: one.value or 0.0 for name, one in results.judgements.items()}
    for (one, other), least in results.least.items():
        assert -1 < least < values[one] - values[other] <= 0


def test_without_a_loss_no_pair_is_computed() -> None:
    assert contest(wish_of(), *drawn([0.9] * 4, 500, 0)).least == {}


def test_model_that_cannot_be_judged_stops_no_other() -> None:
    dataset, answers = drawn([0.9] * 4, 500, 0)
    answers["a"] = answers_of(np.zeros(10, dtype=int))
    answers["b"] = Answers(outputs={"predict": (np.full(500, np.nan),)}, classes=None, count=500)
    judgements = contest(wish_of(max_loss=0.1), dataset, answers).judgements
    assert isinstance(judgements["a"].failure, InvalidDataset)
    assert isinstance(judgements["b"].failure, EvaluationFailed)
    assert (judgements["a"].value, judgements["b"].low) == (None, None)
    assert judgements["model"].failure is None


def test_models_that_are_all_unfit_have_no_pairs() -> None:
    dataset, _ = drawn([0.9], 500, 0)
    results = contest(wish_of(max_loss=0.1), dataset, {name: answers_of(np.zeros(3, dtype=int)) for name in NAMES})
    assert all(one.failure is not None for one in results.judgements.values())
    assert results.least == {}
