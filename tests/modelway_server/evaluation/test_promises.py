"""The rates of wrong verdicts that docs/evaluation.md promises, on drawn datasets; `make bench-gate` draws 2,000 of each."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import binom

from modelway_server.evaluation.report import Outcome
from modelway_server.evaluation.tilting import lower_tilt
from support.evaluation.pairs import EQUAL, TWO_POINTS_WORSE, Pair

DATASETS = 80
LEVEL = 0.001


def outcomes(pair: Pair, rows: int, tolerance: float) -> Counter[Outcome]:
    return Counter(pair.judge(rows, tolerance, seed).outcome for seed in range(DATASETS))


@pytest.mark.slow
@pytest.mark.parametrize("tolerance", [0.0, 0.01])
def test_equal_model_is_never_refused(tolerance: float) -> None:
    assert outcomes(EQUAL, 2000, tolerance)[Outcome.FAILED] == 0


@pytest.mark.slow
def test_worse_model_is_never_accepted() -> None:
    assert outcomes(TWO_POINTS_WORSE, 2000, 0.01)[Outcome.PASSED] == 0


@pytest.mark.slow
def test_worse_model_is_refused_from_2000_rows_on() -> None:
    assert outcomes(TWO_POINTS_WORSE, 2000, 0.0)[Outcome.FAILED] >= 0.85 * DATASETS


@pytest.mark.slow
@pytest.mark.parametrize(("pair", "end"), [(EQUAL, Outcome.PASSED), (TWO_POINTS_WORSE, Outcome.FAILED)])
def test_rows_needed_suffice_in_most_cases(pair: Pair, end: Outcome) -> None:
    criteria = [report.criteria[0] for seed in range(DATASETS // 2) for report in [pair.judge(2000, 0.01, seed)]]
    needed = [one.rows_needed for one in criteria if one.outcome is Outcome.INCONCLUSIVE and one.rows_needed]
    ends = [pair.judge(rows, 0.01, DATASETS + seed).outcome for seed, rows in enumerate(needed)]
    assert ends.count(end) >= 0.8 * len(needed)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [20, 100, 400])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.3, 0.5, 0.9, 0.98])
def test_bound_of_a_share_keeps_its_level_exactly(rows: int, share: float) -> None:
    hits = np.arange(rows + 1)
    chances = binom.pmf(hits, rows, share)
    wrong = sum(
        chance
        for count, chance in zip(hits, chances, strict=True)
        if chance > 1e-7 and lower_tilt((np.arange(rows) < count).astype(float), 0.0, LEVEL).shift > share
    )
    assert wrong <= 1.01 * LEVEL


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "differing", "difference"), [(500, 0.04, 0.0), (500, 0.04, -0.01), (2000, 0.011, -0.01)]
)
def test_bound_of_a_paired_difference_keeps_its_level(rows: int, differing: float, difference: float) -> None:
    wrong = 0.0
    for discordant in range(int(2 * differing * rows) + 15):
        gained = np.arange(discordant + 1)
        chances = binom.pmf(discordant, rows, differing) * binom.pmf(
            gained, discordant, (differing + difference) / 2 / differing
        )
        for count, chance in zip(gained, chances, strict=True):
            if chance > 1e-8 and _bound(rows, int(count), discordant - int(count)) > difference:
                wrong += chance
    assert wrong <= LEVEL


def _bound(rows: int, gained: int, lost: int) -> float:
    return lower_tilt(np.repeat([-1.0, 0.0, 1.0], [lost, rows - lost - gained, gained]), -1.0, LEVEL).shift
