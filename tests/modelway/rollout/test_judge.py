"""The judge: which outcome given counts have, and what a verdict takes."""

from math import isfinite

import pytest

from modelway.rollout.judge import PART_OF_SERVERS, Counts, Finding, Judgement, Measure, Outcome, judge, parts_of_alpha

BUDGET, TOLERANCE = 0.001, 0.02


def failed(bad: int, trials: int) -> Measure:
    return Measure("failed", Counts(bad, trials), None, BUDGET, TOLERANCE)


def disagreement(bad: int, trials: int, budget: float = 0.1) -> Measure:
    return Measure("disagreement", Counts(bad, trials), None, budget, TOLERANCE)


def slow(bad: int, trials: int, stable_bad: int, stable_trials: int) -> Measure:
    return Measure("slow", Counts(bad, trials), Counts(stable_bad, stable_trials), 0.0, TOLERANCE)


def finding(judgement: Judgement, name: str) -> Finding:
    return next(each for each in judgement.findings if each.name == name)


def test_without_trials_nothing_is_decided() -> None:
    judgement = judge([failed(0, 0), disagreement(0, 0), slow(0, 0, 0, 0)])
    assert (judgement.outcome, judgement.progress) == (Outcome.UNDECIDED, 0.0)
    assert {each.share for each in judgement.findings} == {None}


def test_three_failures_of_three_requests_are_worse() -> None:
    assert judge([failed(2, 2), disagreement(0, 0)]).outcome is Outcome.UNDECIDED
    judgement = judge([failed(3, 3), disagreement(0, 0)])
    assert judgement.outcome is Outcome.WORSE
    assert judgement.worse is not None
    assert judgement.worse.name == "failed"


def test_as_many_good_trials_as_needed_are_not_worse() -> None:
    needed = finding(judge([failed(0, 37), disagreement(0, 37)]), "failed").needed
    assert needed == 248
    assert judge([failed(0, needed - 1), disagreement(0, needed)]).outcome is Outcome.UNDECIDED
    assert judge([failed(0, needed), disagreement(0, needed)]).outcome is Outcome.NOT_WORSE


def test_a_rollout_without_comparisons_is_not_promoted() -> None:
    judgement = judge([failed(0, 10_000), disagreement(0, 0)])
    assert judgement.outcome is Outcome.UNDECIDED
    assert judgement.limiting is not None
    assert judgement.limiting.name == "disagreement"


def test_a_measure_that_is_left_out_is_not_required() -> None:
    assert judge([failed(0, 10_000)]).outcome is Outcome.NOT_WORSE


def test_a_measure_of_another_name_counts_from_its_first_trial() -> None:
    others = [Measure("drift", Counts(0, trials), None, 0.01, TOLERANCE) for trials in (0, 1)]
    assert judge([failed(0, 10_000), others[0]]).outcome is Outcome.NOT_WORSE
    assert judge([failed(0, 10_000), others[1]]).outcome is Outcome.UNDECIDED


def test_too_few_stable_trials_do_not_hold_a_promotion() -> None:
    assert judge([failed(0, 10_000), slow(500, 10_000, 5, 100)]).outcome is Outcome.NOT_WORSE
    assert judge([failed(0, 10_000), slow(50, 1000, 50, 1000)]).outcome is Outcome.UNDECIDED


def test_one_worse_measure_outweighs_all_good_ones() -> None:
    judgement = judge([failed(0, 10_000), disagreement(0, 10_000), slow(2000, 10_000, 5000, 100_000)])
    assert judgement.outcome is Outcome.WORSE
    assert judgement.worse is not None
    assert judgement.worse.name == "slow"
    assert judgement.worse.bound == pytest.approx(0.05)


def test_the_furthest_behind_sets_the_progress() -> None:
    judgement = judge([failed(0, 124), disagreement(0, 21)])
    assert judgement.progress == pytest.approx(0.5, abs=0.01)
    behind = judge([failed(0, 124), disagreement(0, 2)])
    assert behind.limiting is not None
    assert behind.limiting.name == "disagreement"


def test_shares_beyond_the_tolerance_need_a_change() -> None:
    judgement = judge([failed(3, 100)])
    assert finding(judgement, "failed").needed is None
    assert judgement.progress == 0


def test_counts_that_were_read_apart_are_borne() -> None:
    assert judge([failed(5, 3), disagreement(-1, -2)]).findings[0].share == 1.0


@pytest.mark.parametrize("budget", [0.0, 0.00001, 0.5, 1.0])
def test_every_budget_is_judged(budget: float) -> None:
    judgement = judge([disagreement(1, 3, budget), slow(3, 3, 0, 3)])
    assert all(isfinite(each.evidence) for each in judgement.findings)


@pytest.mark.parametrize("trials", [10**6, 10**9, 10**12])
def test_huge_counts_are_judged_as_their_shares_say(trials: int) -> None:
    stable = (trials // 20, trials)
    good = judge([failed(trials // 10_000, trials), slow(trials // 20, trials, *stable)])
    assert good.outcome is Outcome.NOT_WORSE
    assert finding(judge([slow(trials // 19, trials, *stable)]), "slow").outcome is Outcome.WORSE


@pytest.mark.parametrize("others", range(9))
def test_parts_of_alpha_have_one_sum_whatever_the_metrics(others: int) -> None:
    own = ["failed", "refused", "slow", "disagreement"]
    parts = parts_of_alpha([*own, *(f"metric-{number}" for number in range(others))])
    assert sum(parts.values()) == pytest.approx(1 - PART_OF_SERVERS)
    assert parts["disagreement"] == pytest.approx(0.47 if not others else 0.422, abs=1e-3)


def test_metric_of_the_spec_is_awaited_without_trials() -> None:
    metric = Measure("app", Counts(0, 0), None, 0.01, TOLERANCE, is_awaited=True)
    judgement = judge([failed(0, 10_000), metric])
    assert (judgement.outcome, judgement.limiting and judgement.limiting.name) == (Outcome.UNDECIDED, "app")
