"""What the candidate made of requests, counted: a trial a request, and whether it was bad."""

import time
from collections.abc import Callable
from enum import Enum, auto
from http import HTTPStatus
from typing import Final, NamedTuple

from modelway_server.traffic.document import Rollout
from modelway_server.traffic.incoming import GRPC_TYPE, SECONDS_HEADER
from modelway_server.traffic.pace import MARGIN_SECONDS, SETTLE_SECONDS, Pace
from modelway_server.traffic.shared import Count, Shared
from modelway_server.traffic.wire import CandidateAnswer

_BUSY: Final = frozenset({408, 425, 429})
"""Statuses that ask to try again."""


class Verdict(Enum):
    """What the candidate made of a request."""

    ANSWERED = auto()
    REFUSED = auto()
    """It says that the client is at fault."""
    FAILED = auto()
    """It says that it is at fault itself, breaks off, or answers something else than its protocol's."""
    LATE = auto()
    """It says nothing in time."""
    BUSY = auto()
    """It has no room for the request now, which says nothing of it."""


class Outcome(NamedTuple):
    """What a request to the candidate came to.

    Attributes:
        verdict: on it.
        seconds: that were waited.
        answer: that came, where it is a success; of others nothing is kept.
    """

    verdict: Verdict
    seconds: float
    answer: CandidateAnswer | None = None


def verdict_of(answer: CandidateAnswer, *, is_message: bool = False) -> Verdict:
    """The verdict on an answer that came; a success of the protocols is 200 and nothing else.

    Args:
        answer: of the candidate.
        is_message: whether a message of gRPC was asked for.
    """
    if answer.status == HTTPStatus.OK:
        is_right = is_message_itself(answer) if is_message else is_plausible(answer)
        return Verdict.ANSWERED if is_right else Verdict.FAILED
    if answer.status in _BUSY or (answer.status == 503 and b"retry-after" in answer.headers):
        return Verdict.BUSY
    if answer.status == HTTPStatus.GATEWAY_TIMEOUT:
        return Verdict.LATE  # it had the time that a request has for both revisions
    return Verdict.REFUSED if 400 <= answer.status < 500 else Verdict.FAILED


def is_plausible(answer: CandidateAnswer) -> bool:
    """Whether an answer looks like what its type says; a program that is no model server may stand there."""
    if answer.headers.get(b"content-type") != b"application/json" or b"content-encoding" in answer.headers:
        return answer.headers.get(b"content-type") in {b"application/json", b"application/octet-stream"}
    return answer.body[:1] == b"{" and answer.body[-1:] == b"}"


def is_message_itself(answer: CandidateAnswer) -> bool:
    """Whether an answer is a message of gRPC as it goes to the client."""
    return answer.headers.get(b"content-type") == GRPC_TYPE.encode() and b"content-encoding" not in answer.headers


class Tally:
    """Counts for one rollout in one worker, until it is over.

    Args:
        rollout: what is ordered.
        shared: has the counts.
        pace: of the stable model.
        stop: called when the candidate fails too often.

    Attributes:
        max_failed: the share of requests that the candidate may fail.
        is_over: whether nothing is counted any more.
    """

    def __init__(self, rollout: Rollout, shared: Shared, pace: Pace, stop: Callable[[], None]) -> None:
        self.max_failed = rollout.max_failed
        self._shared = shared
        self._pace = pace
        self._stop = stop
        self._settled_at = 0.0
        self.is_over = False

    def settle(self) -> None:
        """Take no answer as slow or fast for a while, since the share of requests has changed."""
        self._settled_at = time.monotonic() + SETTLE_SECONDS

    def count(self, count: Count, number: int = 1) -> None:
        """Count."""
        if not self.is_over:
            self._shared.add(count, number)

    def judge(self, outcome: Outcome, stable_seconds: float | None = 0.0, *, is_pair: bool = False) -> None:
        """Count what the candidate made of a request.

        Args:
            outcome: of it.
            stable_seconds: that the stable model took for the same request; None where it has no answer either, which
                says nothing of the candidate. A candidate that had less time than that is not late.
            is_pair: whether the stable model's time counts as soon as the candidate's does, and only then. Whatever else keeps the machine busy
                then makes both slower.
        """
        if stable_seconds is None or (outcome.verdict is Verdict.LATE and stable_seconds >= outcome.seconds):
            self.count(Count.BUSY)
            return
        failed = outcome.verdict in {Verdict.LATE, Verdict.FAILED}
        self.count(Count.FAILED_TRIALS)
        self.count(Count.FAILED_BAD, int(failed))
        self.count(Count.REFUSED_TRIALS)
        self.count(Count.REFUSED_BAD, int(outcome.verdict is Verdict.REFUSED))
        if outcome.answer is not None and outcome.verdict is Verdict.ANSWERED:
            is_counted = self._judge_candidates_pace(outcome.answer)
            if is_pair and is_counted and stable_seconds is not None:
                self.judge_pace(stable_seconds)
        if self.is_over:
            return
        self._shared.weigh(self.max_failed, failed=failed)
        if failed and self._shared.is_stopped:
            self._stop()

    def judge_abandoned(self, verdict: Verdict, seconds: float) -> None:
        """Count a request whose caller gave up before either revision had answered.

        Args:
            verdict: on the candidate; LATE where it has not answered.
            seconds: that the candidate had.
        """
        is_bad = verdict is Verdict.FAILED or (verdict is Verdict.LATE and seconds > self._pace.impatient_seconds)
        if is_bad:
            self.judge(Outcome(verdict, seconds))

    def judge_pace(self, seconds: float) -> None:
        """Count whether an answer of the stable model was slow."""
        self._count_slow(Count.STABLE_SLOW_TRIALS, seconds, margin=0.0)

    def _judge_candidates_pace(self, answer: CandidateAnswer) -> bool:
        """Whether the answer says how long it took, and that counts."""
        try:
            seconds = float(answer.headers.get(SECONDS_HEADER, b""))
        except ValueError:
            return False
        return self._count_slow(Count.SLOW_TRIALS, seconds, margin=MARGIN_SECONDS)

    def _count_slow(self, trials: Count, seconds: float, *, margin: float) -> bool:
        limit = self._pace.slow_seconds
        if limit is None or time.monotonic() < self._settled_at:
            return False
        self.count(trials)
        self.count(Count(trials + 1), int(seconds > limit + margin))
        return True
