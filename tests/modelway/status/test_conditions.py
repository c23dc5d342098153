"""Conditions: the transition time moves on a flip only, the generation always."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from modelway.status.conditions import LONGEST_MESSAGE, ConditionVerdict, merge
from modelway.status.reasons import Reason

THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = THEN + timedelta(minutes=1)

statuses = st.sampled_from(["True", "False", "Unknown"])


def _ready(
    status: Literal["True", "False", "Unknown"], reason: Reason = Reason.PROGRESSING, message: str = "m"
) -> ConditionVerdict:
    return ConditionVerdict("Ready", status, reason, message)


@given(statuses, statuses, st.integers(0, 9))
def test_transition_time_changes_only_when_status_flips(
    before: Literal["True", "False", "Unknown"], after: Literal["True", "False", "Unknown"], generation: int
) -> None:
    old = merge([], [_ready(before)], generation=generation, now=THEN)
    [condition] = merge(old, [_ready(after, Reason.CRASH_LOOP, "other")], generation=generation + 1, now=LATER)
    moved = condition["lastTransitionTime"] != old[0]["lastTransitionTime"]
    assert moved == (before != after)
    assert condition["observedGeneration"] == generation + 1
    assert (condition["status"], condition["reason"], condition["message"]) == (after, "CrashLoop", "other")


def test_a_first_condition_is_stamped_now_in_utc() -> None:
    [condition] = merge([], [_ready("True")], generation=1, now=THEN)
    assert condition["lastTransitionTime"] == "2026-01-02T03:04:05Z"


def test_a_type_that_is_no_longer_judged_goes() -> None:
    old = merge(
        [],
        [_ready("True"), ConditionVerdict("AutoscalingActive", "True", Reason.VALID_METRIC_FOUND, "")],
        generation=1,
        now=THEN,
    )
    assert [one["type"] for one in merge(old, [_ready("True")], generation=1, now=LATER)] == ["Ready"]


def test_merging_the_same_verdicts_again_changes_nothing() -> None:
    judged = [_ready("False"), ConditionVerdict("Stalled", "True", Reason.CRASH_LOOP, "m")]
    once = merge([], judged, generation=3, now=THEN)
    assert merge(once, judged, generation=3, now=LATER) == once


def test_a_message_of_several_lines_becomes_one() -> None:
    [condition] = merge([], [_ready("False", message="boom:\n\tno such\n file\n")], generation=1, now=THEN)
    assert condition["message"] == "boom: no such file"


def test_an_endless_message_is_cut() -> None:
    [condition] = merge([], [_ready("False", message="x" * 5000)], generation=1, now=THEN)
    assert len(condition["message"]) == LONGEST_MESSAGE
