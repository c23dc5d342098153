"""One rollout as a stable server carries it out: each request is answered by one revision, and judged once.

The client always gets an answer. Whatever the candidate makes of a request that is no success, the stable model answers
that request itself, within the time that the request has.
"""

import asyncio
from enum import Enum, auto

from modelway_server.dataplane.query import Answer, Body
from modelway_server.prediction.calls import Calls
from modelway_server.traffic.client import Busy, Client, Unreachable
from modelway_server.traffic.document import WHOLE, Rollout
from modelway_server.traffic.incoming import SECONDS_HEADER, Incoming
from modelway_server.traffic.judges import Judges
from modelway_server.traffic.pace import Pace
from modelway_server.traffic.shared import Count, Shared
from modelway_server.traffic.split import is_chosen
from modelway_server.traffic.wire import BrokenOff, CandidateAnswer, TooLarge


class Verdict(Enum):
    """What the candidate made of a request."""

    ANSWERED = auto()
    REFUSED = auto()
    """It says that the client is at fault."""
    FAILED = auto()
    """It says that it is at fault itself, or says nothing in time."""


def verdict_of(answer: CandidateAnswer) -> Verdict:
    """The verdict on an answer that came."""
    if 200 <= answer.status < 300:
        return Verdict.ANSWERED
    return Verdict.REFUSED if 400 <= answer.status < 500 else Verdict.FAILED


class HandOver:
    """Carries out one rollout in one worker.

    Args:
        rollout: what is ordered.
        client: asks the candidate.
        shared: counts.
        calls: the way to the stable model.
        pace: of the stable model.
    """

    def __init__(self, rollout: Rollout, client: Client, shared: Shared, calls: Calls, pace: Pace) -> None:
        self.rollout = rollout
        self._client = client
        self._shared = shared
        self._calls = calls
        self._pace = pace
        self._is_over = False
        self._judges = Judges(rollout, calls, self._count)
        self._under_way: dict[asyncio.Task[None], Incoming] = {}

    def ask(self, incoming: Incoming) -> None:
        """Have a request answered by the one or the other revision."""
        if not self._is_candidates(incoming) or not _read_timeout(incoming):
            self._ask_stable(incoming)
            return
        incoming.call.is_own = False
        task = asyncio.get_running_loop().create_task(self._hand_over(incoming))
        incoming.call.elsewhere = task
        self._under_way[task] = incoming
        task.add_done_callback(self._under_way.pop)

    def end(self) -> None:
        """Hand over nothing more; what is under way goes on, and is counted no more."""
        self._is_over = True
        self._client.close()
        self._judges.end()

    def set_weight(self) -> None:
        """Say which weight is obeyed."""
        self._shared.set_weight(self.rollout.share * 100 / WHOLE)

    def stop(self) -> None:
        """The candidate fails: the stable model answers what waits for it."""
        for task, incoming in list(self._under_way.items()):
            if incoming.call.elsewhere is task:
                incoming.call.elsewhere = None
                task.cancel()
                self._ask_stable(incoming)

    def _is_candidates(self, incoming: Incoming) -> bool:
        """Whether the candidate shall answer."""
        rollout = self.rollout
        if rollout.mirrors or self._shared.is_stopped or incoming.is_pinned:
            return False
        value = incoming.headers.get(rollout.sticky.encode()) if rollout.sticky else None
        if value is not None:
            return is_chosen(value, rollout.candidate, rollout.share)
        return self._shared.take_turn(rollout.share)

    def _ask_stable(self, incoming: Incoming, verdict: Verdict | None = None) -> None:
        """Have the stable model answer.

        Args:
            incoming: the request.
            verdict: on the candidate that did not answer it; None where it was not incoming, or did not see it.
        """

        def answered(answer: Answer | Exception) -> None:
            self._count(Count.STABLE_REQUESTS)
            if verdict is not None:
                self._judge(verdict, could_answer=isinstance(answer, Answer))
            elif incoming.call.is_own and isinstance(answer, Answer):
                self._judge_pace(incoming.call.age, Count.STABLE_SLOW_TRIALS)
            incoming.deliver(answer)
            if self.rollout.mirrors and isinstance(answer, Answer):
                self._mirror(incoming, answer.body)

        self._calls.ask(incoming.call, incoming.read, answered, apart=incoming.apart)

    async def _hand_over(self, incoming: Incoming) -> None:
        call = incoming.call
        verdict: Verdict | None = None
        answer: CandidateAnswer | None = None
        try:
            deadline = self._calls.deadline(call, *incoming.timeouts)
            verdict, answer = await self._ask_candidate(incoming, self._pace.patience(deadline.at))
        except Unreachable:
            self._count(Count.UNREACHABLE)
        except Busy:
            self._count(Count.BUSY)
        call.elsewhere = None
        if answer is None or verdict is not Verdict.ANSWERED:
            self._ask_stable(incoming, verdict)
            return
        self._count(Count.CANDIDATE_REQUESTS)
        self._judge(verdict)
        self._note_seconds(answer)
        incoming.deliver(answer)
        self._judges.compare_later(incoming, answer)

    def _mirror(self, incoming: Incoming, own: Body) -> None:
        """Send the candidate a copy of a request that was answered, if it is its turn."""
        if self._shared.is_stopped or incoming.is_pinned or not self._shared.take_turn(self.rollout.share):
            return
        self._judges.mirror_later(lambda: self._send_copy(incoming, own), len(incoming.body) + len(own.content))

    async def _send_copy(self, incoming: Incoming, own: Body) -> None:
        try:
            verdict, answer = await self._ask_candidate(incoming, self._pace.late_seconds)
        except Unreachable:
            self._count(Count.UNREACHABLE)
            return
        except Busy:
            self._count(Count.BUSY)
            return
        self._judge(verdict)
        if answer is not None and verdict is Verdict.ANSWERED:
            self._note_seconds(answer)
            await self._judges.compare(incoming, own, answer)

    async def _ask_candidate(self, incoming: Incoming, seconds: float) -> tuple[Verdict, CandidateAnswer | None]:
        if seconds <= 0:
            raise Busy
        try:
            answer = await self._client.send(incoming.content(self.rollout.id, seconds), seconds)
        except (BrokenOff, TooLarge, TimeoutError):
            return Verdict.FAILED, None
        return verdict_of(answer), answer

    def _count(self, count: Count, number: int = 1) -> None:
        if not self._is_over:
            self._shared.add(count, number)

    def _judge(self, verdict: Verdict, *, could_answer: bool = True) -> None:
        """Count what the candidate made of a request.

        Args:
            verdict: on it.
            could_answer: whether the stable model answers that request with success.
        """
        failed = verdict is Verdict.FAILED and could_answer
        self._count(Count.FAILED_TRIALS)
        self._count(Count.FAILED_BAD, int(failed))
        self._count(Count.REFUSED_TRIALS)
        self._count(Count.REFUSED_BAD, int(verdict is Verdict.REFUSED and could_answer))
        if self._is_over:
            return
        self._shared.weigh(self.rollout.max_failed, failed=failed)
        if failed and self._shared.is_stopped:
            self.stop()

    def _note_seconds(self, answer: CandidateAnswer) -> None:
        seconds = _seconds(answer)
        if seconds is not None:
            self._judge_pace(seconds, Count.SLOW_TRIALS)

    def _judge_pace(self, seconds: float, trials: Count) -> None:
        """Count whether an answer was slow."""
        limit = self._pace.slow_seconds
        if limit is not None:
            self._count(trials)
            self._count(Count(trials + 1), int(seconds > limit))


def _read_timeout(incoming: Incoming) -> bool:
    """Note the timeout that a request bears in its body; whether the request can go to the candidate then."""
    if b"timeout" not in incoming.body:
        return True
    if incoming.apart:
        return False
    try:
        query = incoming.read()
    except Exception:  # noqa: BLE001  (the stable model's reader will say the same to the client)
        return False
    incoming.timeouts = (*incoming.timeouts, query.timeout)
    incoming.read = lambda: query
    return True


def _seconds(answer: CandidateAnswer) -> float | None:
    """How long the candidate says that it took."""
    try:
        return float(answer.headers.get(SECONDS_HEADER, b""))
    except ValueError:
        return None
