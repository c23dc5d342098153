"""What status holds of a metric follows from it and from what its source says, however often an operator begins anew."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.api.analysis import AnalysisMetric
from modelway.api.status import RolloutMeasure
from modelway.rollout.judge import Counts
from modelway.rollout.metrics import LOOKS, Reading, known_of, source_of, tally_of, value_record

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
QUERIES = {"bad": "b", "trials": "t"}


def metric(**fields: Any) -> AnalysisMetric:
    return AnalysisMetric.model_validate({"name": "app", **fields})


COUNTS = metric(prometheus=QUERIES, maxBad="1%")
VALUE = metric(prometheus={"query": "v"}, min=0.0, max=100.0)


def record(bad: int, trials: int) -> RolloutMeasure:
    """What status holds of `COUNTS`."""
    return RolloutMeasure(
        name="app", bad=bad, trials=trials, bound=0.01, outcome="Undecided", evidence=0.0, source=source_of(COUNTS)
    )


def at(seconds: float, **fields: Any) -> Reading:
    return Reading(NOW + timedelta(seconds=seconds), **fields)


def values(*readings: Reading | None, of: AnalysisMetric = VALUE) -> list[RolloutMeasure]:
    """What status holds after each look."""
    records: list[RolloutMeasure] = []
    for reading in readings:
        records.append(value_record(of, records[-1] if records else None, reading))
    return records


def counted(*pairs: tuple[int, int]) -> tuple[Counts, str]:
    """What is counted after each of these answers, and what the last one leads to say."""
    known = None
    for bad, trials in pairs:
        tally = tally_of(COUNTS, known, at(0, candidate=Counts(bad, trials)))
        known = record(tally.candidate.bad, tally.candidate.trials)
    return tally.candidate, tally.fall


def test_value_rolls_back_after_looks_in_a_row() -> None:
    records = values(*(at(15 * number, value=120.0) for number in range(LOOKS)))
    assert [one.bad for one in records] == [1, 2, 3, 4, 5]
    assert [one.outcome for one in records] == [*["Undecided"] * (LOOKS - 1), "Worse"]


def test_value_within_its_limits_ends_the_row() -> None:
    records = values(*(at(15 * number, value=value) for number, value in enumerate([120.0, -1.0, 50.0, 120.0])))
    assert [(one.bad, one.outcome) for one in records][1:] == [(2, "Undecided"), (0, "NotWorse"), (1, "Undecided")]


def test_look_that_tells_nothing_is_passed_over() -> None:
    records = values(at(0, value=120.0), at(15, problem="silent"), None, at(30, value=120.0))
    assert [one.bad for one in records] == [1, 1, 1, 2]
    assert [one.problem for one in records] == [None, "silent", "silent", None]


def test_answer_counts_once_however_often_it_is_seen() -> None:
    reading = at(0, value=120.0)
    assert values(reading, reading, reading)[-1].bad == 1


def test_silence_is_inconclusive_once_it_lasts() -> None:
    records = values(*(at(15 * number, problem="silent") for number in range(3)))
    assert [one.outcome for one in records] == ["Undecided", "Undecided", "Inconclusive"]
    assert len({one.time for one in records}) == 1


def test_another_limit_begins_the_row_anew() -> None:
    known = values(at(0, value=120.0), at(15, value=120.0))[-1]
    stricter = VALUE.model_copy(update={"max": 110.0})
    assert known_of(stricter, known) is known
    assert value_record(stricter, known, at(30, value=120.0)).bad == 1


@pytest.mark.parametrize(
    "changed",
    [
        metric(prometheus={"bad": "b", "trials": "other"}, maxBad="1%"),
        metric(webhook={"url": "https://a/b"}, maxBad="1%"),
        metric(prometheus={"bad": "$(revision)", "trials": "$(revision)"}, maxBad="1%", besideStable=True),
    ],
    ids=["query", "source", "arms"],
)
def test_another_question_starts_over(changed: AnalysisMetric) -> None:
    known = record(3, 10)
    assert known_of(COUNTS, known) is known
    assert known_of(changed, known) is None


def test_another_share_keeps_what_is_counted() -> None:
    known = record(3, 10)
    assert known_of(COUNTS.model_copy(update={"max_bad": "5%"}), known) is known


def test_counter_that_falls_counts_nothing_twice() -> None:
    counts, fall = counted((5, 1000), (0, 10))
    assert counts == Counts(5, 1000)
    assert fall == (
        "bad fell from 5 to 0, as after a restart: 5 stands until it counts more; "
        "trials fell from 1000 to 10, as after a restart: 1000 stands until it counts more"
    )
    assert counted((5, 1000), (0, 10), (5, 1001)) == (Counts(5, 1001), "")


def test_estimate_that_wobbles_is_no_fall() -> None:
    assert counted((3, 1000), (2, 960)) == (Counts(3, 1000), "")


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 500)), min_size=1, max_size=20))
def test_counts_are_never_above_what_was_said(pairs: list[tuple[int, int]]) -> None:
    counts, _ = counted(*pairs)
    assert counts == Counts(max(bad for bad, _ in pairs), max(trials for _, trials in pairs))


@given(st.lists(st.none() | st.floats(-200, 200), min_size=1, max_size=25))
def test_value_is_worse_only_after_a_row(looks: list[float | None]) -> None:
    readings = [at(15 * i, problem="silent") if v is None else at(15 * i, value=v) for i, v in enumerate(looks)]
    records = values(*readings)
    first = next((number for number, one in enumerate(records) if one.outcome == "Worse"), None)
    if first is not None:
        numbers = [value for value in looks[: first + 1] if value is not None]
        assert all(not 0 <= value <= 100 for value in numbers[-LOOKS:])
        assert len(numbers) >= LOOKS
