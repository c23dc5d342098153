"""Contests over a child: a few repairs at once, then fewer and fewer, never none; over when a repair lasts."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from modelway.cluster.repairs.backoff import FIRST_PAUSE, LONGEST_PAUSE, QUICK_REPAIRS, SHORTEST_CALM, RepairBackoff

steps = st.lists(st.floats(0.01, 400), min_size=1, max_size=200)


def _repair_times(backoff: RepairBackoff, times: list[float]) -> list[float]:
    """When repairs were made, the other side undoing each before the next look."""
    repairs = []
    for now in times:
        if backoff.pause(now) == 0:
            backoff.note_repair(now)
            repairs.append(now)
    return repairs


def _every(seconds: float, until: float) -> list[float]:
    return [number * seconds for number in range(int(until / seconds))]


def test_a_single_edit_is_repaired_at_once() -> None:
    backoff = RepairBackoff()
    assert backoff.pause(0) == 0
    backoff.note_repair(0)
    assert not backoff.active
    assert backoff.seconds_to_end(1) == 0


def test_repairs_that_do_not_last_become_rarer() -> None:
    repairs = _repair_times(RepairBackoff(), _every(1, 3600))
    gaps = [later - earlier for earlier, later in itertools.pairwise(repairs)]
    assert gaps[: QUICK_REPAIRS - 1] == [1] * (QUICK_REPAIRS - 1)
    assert gaps[QUICK_REPAIRS - 1 : QUICK_REPAIRS + 2] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert gaps[-1] == LONGEST_PAUSE


@given(steps)
def test_repairs_stay_few_however_often_they_are_undone(gaps: list[float]) -> None:
    now, times = 0.0, []
    for gap in gaps:
        now += gap
        times.append(now)
    repairs = _repair_times(RepairBackoff(), times)
    assert len(repairs) <= QUICK_REPAIRS + 6 + now / FIRST_PAUSE
    for begin in repairs:
        assert len([one for one in repairs if begin <= one < begin + LONGEST_PAUSE]) <= QUICK_REPAIRS + 6


@given(steps)
def test_repairs_never_cease(gaps: list[float]) -> None:
    backoff, now = RepairBackoff(), 0.0
    for gap in gaps:
        now += gap
        wait = backoff.pause(now)
        assert 0 <= wait <= LONGEST_PAUSE
        assert backoff.active or wait == 0
        if wait == 0:
            backoff.note_repair(now)


@given(st.floats(0.01, 140))
def test_a_contest_ends_when_a_repair_lasts(reaction: float) -> None:
    backoff, now = RepairBackoff(), 0.0
    while not backoff.active:
        if backoff.pause(now) == 0:
            backoff.note_repair(now)
            now += reaction
    now += backoff.pause(now)
    backoff.note_repair(now)
    assert backoff.seconds_to_end(now + reaction) > 0, "the other side has not had its usual time"
    assert backoff.seconds_to_end(now + max(SHORTEST_CALM, 2 * reaction) + 0.01) == 0
    assert not backoff.active


def test_a_contest_that_returns_soon_gets_no_quick_repairs() -> None:
    backoff = RepairBackoff()
    repairs = _repair_times(backoff, _every(1, 60))
    now = repairs[-1] + 30
    assert backoff.seconds_to_end(now) == 0
    assert backoff.pause(now + 1) > 0


def test_a_wanted_change_does_not_end_a_contest() -> None:
    backoff = RepairBackoff()
    repairs = _repair_times(backoff, _every(1, 300))
    backoff.note_change(repairs[-1] + 100)
    assert backoff.seconds_to_end(repairs[-1] + 101) > 0
    assert backoff.pause(repairs[-1] + 102) > 0


def test_a_resumed_backoff_makes_no_quick_repairs() -> None:
    backoff = RepairBackoff.resume(100)
    assert backoff.active
    assert backoff.pause(101) == FIRST_PAUSE - 1
    assert RepairBackoff.resume(100).seconds_to_end(101) > 0
    assert RepairBackoff.resume(100).seconds_to_end(100 + SHORTEST_CALM) == 0
