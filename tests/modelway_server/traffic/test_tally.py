"""What counts against a candidate, and what is late."""

import random
import time

import pytest

from modelway_server.traffic.document import Rollout
from modelway_server.traffic.incoming import SECONDS_HEADER
from modelway_server.traffic.pace import SETTLE_SECONDS, Pace
from modelway_server.traffic.shared import Count, Shared
from modelway_server.traffic.tally import Outcome, Tally, Verdict, verdict_of
from modelway_server.traffic.wire import CandidateAnswer

ROLLOUT = Rollout("w-1", "w", False, 50_000, "127.0.0.1", 8083, "", 0.001, 0.1)  # noqa: FBT003
GRPC = {b"content-type": b"application/grpc+proto"}
JSON = {b"content-type": b"application/json"}


@pytest.mark.parametrize(
    ("verdict", "waited", "stable_seconds", "failed", "refused"),
    [
        (Verdict.ANSWERED, 1.0, 0.0, 0, 0),
        (Verdict.FAILED, 1.0, 0.1, 1, 0),
        (Verdict.REFUSED, 1.0, 0.1, 0, 1),
        (Verdict.LATE, 1.0, 0.1, 1, 0),
    ],
)
def test_only_what_the_stable_model_does_better_counts(
    verdict: Verdict, waited: float, stable_seconds: float, failed: int, refused: int
) -> None:
    shared = Shared(1)
    shared.begin("w-1")
    Tally(ROLLOUT, shared, Pace(), lambda: None).judge(Outcome(verdict, waited), stable_seconds)
    assert shared.total(Count.FAILED_TRIALS) == shared.total(Count.REFUSED_TRIALS) == 1
    assert (shared.total(Count.FAILED_BAD), shared.total(Count.REFUSED_BAD)) == (failed, refused)


@pytest.mark.parametrize(
    ("verdict", "stable_seconds"),
    [
        (Verdict.FAILED, None),
        (Verdict.REFUSED, None),
        (Verdict.LATE, None),
        (Verdict.LATE, 1.0),
        (Verdict.LATE, 1.5),
    ],
)
def test_what_the_stable_model_does_no_better_is_no_trial(verdict: Verdict, stable_seconds: float | None) -> None:
    shared = Shared(1)
    shared.begin("w-1")
    Tally(ROLLOUT, shared, Pace(), lambda: None).judge(Outcome(verdict, 1.0), stable_seconds)
    assert shared.total(Count.FAILED_TRIALS) == shared.total(Count.REFUSED_TRIALS) == 0
    assert shared.total(Count.BUSY) == 1


@pytest.mark.parametrize(
    ("verdict", "seconds", "usual", "failed"),
    [
        (Verdict.FAILED, 0.001, 0.1, 1),
        (Verdict.LATE, 0.45, 0.1, 0),
        (Verdict.LATE, 0.55, 0.1, 1),
        (Verdict.LATE, 0.01, 0.001, 0),
        (Verdict.LATE, 4.0, None, 0),
        (Verdict.LATE, 6.0, None, 1),
        (Verdict.REFUSED, 6.0, 0.1, 0),
    ],
)
def test_caller_who_gives_up_counts_where_stable_were_faster(
    verdict: Verdict, seconds: float, usual: float | None, failed: int
) -> None:
    shared, pace = Shared(1), Pace()
    shared.begin("w-1")
    pace.measure([] if usual is None else [usual] * 100)
    Tally(ROLLOUT, shared, pace, lambda: None).judge_abandoned(verdict, seconds)
    assert shared.total(Count.FAILED_TRIALS) == shared.total(Count.FAILED_BAD) == failed


def test_callers_give_up_on_few_answers_of_an_equal_candidate() -> None:
    """With a long tail (log-normal, deviation 1) fewer wait so long than the share that may fail by default."""
    dice = random.Random(1)
    pace = Pace()
    pace.measure(dice.lognormvariate(-3, 1) for _ in range(1000))
    late = sum(dice.lognormvariate(-3, 1) > pace.impatient_seconds for _ in range(20_000))
    assert late / 20_000 < 0.001


@pytest.mark.parametrize(("more", "slow"), [(-0.0001, 0), (0.0009, 0), (0.0011, 1)])
def test_candidate_is_slow_a_millisecond_beyond_the_stable_p95(more: float, slow: int) -> None:
    shared, pace = Shared(1), Pace()
    shared.begin("w-1")
    pace.measure([0.02] * 100)
    tally = Tally(ROLLOUT, shared, pace, lambda: None)
    headers = JSON | {SECONDS_HEADER: b"%.6f" % (0.02 + more)}
    tally.judge(Outcome(Verdict.ANSWERED, 0.1, CandidateAnswer(200, headers, b"{}")))
    tally.judge_pace(0.02 + more)
    assert (shared.total(Count.SLOW_TRIALS), shared.total(Count.SLOW_BAD)) == (1, slow)
    assert shared.total(Count.STABLE_SLOW_BAD) == int(more > 0)


@pytest.mark.parametrize("duration", [b"0.030000", None], ids=["with a time", "without a time"])
@pytest.mark.parametrize("settles", [False, True], ids=["settled", "settling"])
def test_pace_of_a_pair_counts_for_both_or_for_none(duration: bytes | None, settles: bool) -> None:  # noqa: FBT001
    shared, pace = Shared(1), Pace()
    shared.begin("w-1")
    pace.measure([0.02] * 100)
    tally = Tally(ROLLOUT, shared, pace, lambda: None)
    if settles:
        tally.settle()
    headers = JSON if duration is None else JSON | {SECONDS_HEADER: duration}
    tally.judge(Outcome(Verdict.ANSWERED, 0.1, CandidateAnswer(200, headers, b"{}")), 0.025, is_pair=True)
    counted = int(duration is not None and not settles)
    counts = (Count.SLOW_TRIALS, Count.SLOW_BAD, Count.STABLE_SLOW_TRIALS, Count.STABLE_SLOW_BAD)
    assert [shared.total(count) for count in counts] == [counted] * 4
    assert shared.total(Count.FAILED_TRIALS) == 1


def test_pace_counts_again_once_the_share_has_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("modelway_server.traffic.tally.time.monotonic", lambda: now[0])
    shared, pace = Shared(1), Pace()
    shared.begin("w-1")
    pace.measure([0.02] * 100)
    tally = Tally(ROLLOUT, shared, pace, lambda: None)
    tally.settle()
    for after in (SETTLE_SECONDS - 0.1, SETTLE_SECONDS):
        now[0] = 100.0 + after
        tally.judge_pace(0.03)
    assert shared.total(Count.STABLE_SLOW_TRIALS) == 1


def test_third_failure_stops_and_what_is_over_counts_no_more() -> None:
    shared, stops = Shared(1), []
    shared.begin("w-1")
    tally = Tally(ROLLOUT, shared, Pace(), lambda: stops.append(1))
    for _ in range(3):
        tally.judge(Outcome(Verdict.FAILED, 1.0))
    assert len(stops) == 1
    tally.is_over = True
    tally.judge(Outcome(Verdict.FAILED, 1.0))
    assert shared.total(Count.FAILED_TRIALS) == 3


@pytest.mark.parametrize(
    ("status", "headers", "body", "verdict"),
    [
        (200, JSON, b'{"a":1}', Verdict.ANSWERED),
        (200, JSON, b"<html>", Verdict.FAILED),
        (200, {}, b'{"a":1}', Verdict.FAILED),
        (200, {b"content-type": b"application/octet-stream"}, b"\0", Verdict.ANSWERED),
        (200, JSON | {b"content-encoding": b"gzip"}, b"\0", Verdict.ANSWERED),
        (206, JSON, b'{"a":1}', Verdict.FAILED),
        (299, JSON, b'{"a":1}', Verdict.FAILED),
        (404, JSON, b"", Verdict.REFUSED),
        (408, JSON, b"", Verdict.BUSY),
        (429, JSON, b"", Verdict.BUSY),
        (503, JSON | {b"retry-after": b"1"}, b"", Verdict.BUSY),
        (503, JSON, b"", Verdict.FAILED),
        (500, JSON, b"", Verdict.FAILED),
        (301, JSON, b"", Verdict.FAILED),
        (504, JSON, b"{}", Verdict.LATE),
    ],
)
def test_verdict_on_an_answer(status: int, headers: dict[bytes, bytes], body: bytes, verdict: Verdict) -> None:
    assert verdict_of(CandidateAnswer(status, headers, body)) is verdict


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        (GRPC, Verdict.ANSWERED),
        (GRPC | {b"content-encoding": b"gzip"}, Verdict.FAILED),
        (JSON, Verdict.FAILED),
        ({}, Verdict.FAILED),
    ],
)
def test_answer_to_a_message_is_a_message_as_it_is(headers: dict[bytes, bytes], verdict: Verdict) -> None:
    assert verdict_of(CandidateAnswer(200, headers, b"{}"), is_message=True) is verdict


def test_late_is_ten_times_what_is_usual_and_a_second_at_least() -> None:
    pace = Pace()
    pace.measure([])
    assert pace.late_seconds == 5.0
    pace.measure([2.0])
    assert (pace.late_seconds, pace.slow_seconds) == (20.0, None)
    pace.measure([0.01] * 95 + [0.5] * 5)
    assert (pace.late_seconds, pace.slow_seconds) == (5.0, 0.5)
    pace.measure([0.001] * 100)
    assert (pace.late_seconds, pace.slow_seconds) == (1.0, 0.001)
    assert 0.4 < pace.patience(time.monotonic() + 1.0) <= 0.5


@pytest.mark.parametrize(
    ("recent", "left", "has_time"),
    [
        ([], 0.02, True),
        ([], 0.008, False),
        ([16.0], 30.0, False),
        ([16.0], 33.0, True),
        ([16.0] * 100, 30.0, False),
        ([16.0] * 100, 33.0, True),
        ([0.001] * 100, 0.008, False),
        ([0.001] * 100, 30.0, True),
    ],
)
def test_request_has_time_for_both_revisions_or_for_one(recent: list[float], left: float, has_time: bool) -> None:  # noqa: FBT001
    pace = Pace()
    pace.measure(recent)
    assert pace.has_time(time.monotonic() + left) is has_time
