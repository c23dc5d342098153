"""One rollout as a stable server carries it out: each request is answered by one revision, and judged once.

The client always gets an answer. Whatever the candidate makes of a request that is no success, the stable model answers
that request itself, within the time that the request has. Where the candidate gets copies, `copying` does the rest.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial

from modelway_server.dataplane.query import Answer
from modelway_server.prediction.calls import Call, Calls
from modelway_server.traffic.asking import ask_candidate
from modelway_server.traffic.client import Client
from modelway_server.traffic.copying import Copying
from modelway_server.traffic.document import WHOLE, Rollout
from modelway_server.traffic.incoming import Incoming
from modelway_server.traffic.judges import Judges
from modelway_server.traffic.pace import Pace
from modelway_server.traffic.shared import Count, Shared
from modelway_server.traffic.split import is_chosen
from modelway_server.traffic.tally import Outcome, Tally, Verdict
from modelway_server.traffic.way import Way


class HandOver:
    """Carries out one rollout in one worker.

    Args:
        rollout: what is ordered.
        client: asks the candidate.
        shared: counts.
        calls: the way to the stable model.
        pace: of the stable model.
        way: to the process that sends copies.

    Attributes:
        rollout: that is obeyed.
        copying: notes the answers to be copied.
    """

    def __init__(self, rollout: Rollout, client: Client, shared: Shared, calls: Calls, pace: Pace, *, way: Way) -> None:
        self.rollout = rollout
        self._way = way
        self._client = client
        self._shared = shared
        self._calls = calls
        self._pace = pace
        self._tally = Tally(rollout, shared, pace, self.stop)
        if rollout.share:
            self._tally.settle()
        self._judges = Judges(rollout, calls, self._tally.count)
        self.copying = Copying(rollout, shared, self._tally, pace, way, gives_amounts=calls.gives_amounts)
        self._under_way: dict[asyncio.Task[None], Incoming] = {}

    def ask(self, incoming: Incoming) -> None:
        """Have a request answered by the one or the other revision."""
        if not self._is_candidates(incoming):
            self._ask_stable(incoming)
            return
        if self._calls.held_bytes.is_scarce or not incoming.read_timeout() or not self._has_time(incoming):
            self._tally.count(Count.BUSY)
            self._ask_stable(incoming)
            return
        incoming.call.is_own = False
        task = asyncio.get_running_loop().create_task(self._hand_over(incoming))
        incoming.call.elsewhere = task
        self._under_way[task] = incoming
        task.add_done_callback(self._under_way.pop)

    def set_weight(self) -> None:
        """Say which weight is obeyed: none while no copies can be sent."""
        share = self.rollout.share if self._way.is_there or not self.rollout.mirrors else 0
        self._shared.set_weight(share * 100 / WHOLE)

    def obey(self, rollout: Rollout) -> None:
        """Go on with another order for the same attempt: its weight and limits may differ."""
        if rollout.share not in {0, self.rollout.share}:
            self._tally.settle()
        self.rollout = self.copying.rollout = rollout
        self._tally.max_failed, self._judges.comparer.tolerance = rollout.max_failed, rollout.tolerance
        self.set_weight()

    def end(self) -> None:
        """Hand over nothing more; what is under way goes on, and is counted no more."""
        self._tally.is_over = True
        self._client.close()
        self._judges.end()
        self.copying.end()

    def stop(self) -> None:
        """The candidate fails: the stable model answers what waits for it."""
        for task, incoming in list(self._under_way.items()):
            if incoming.call.elsewhere is task:
                incoming.call.elsewhere = incoming.call.abandoned = None
                task.cancel()
                self._fall_back(incoming, None)

    def _is_candidates(self, incoming: Incoming) -> bool:
        """Whether the candidate shall answer."""
        rollout = self.rollout
        if self._shared.is_stopped or incoming.is_pinned:
            return False
        value = incoming.headers.get(rollout.sticky.encode()) if rollout.sticky else None
        if value is not None:
            return is_chosen(value, rollout.candidate, rollout.share)
        return self._shared.take_turn(rollout.share)

    def _has_time(self, incoming: Incoming) -> bool:
        """Whether the stable model can still answer after a candidate that does not."""
        return self._pace.has_time(self._calls.deadline(incoming.call, *incoming.timeouts).at)

    def _ask_stable(self, incoming: Incoming, outcome: Outcome | None = None) -> None:
        """Have the stable model answer.

        Args:
            incoming: the request.
            outcome: with the candidate, which did not answer it; None where it did not see it.
        """
        begun, call = time.monotonic(), incoming.call

        def judge(is_answer: bool) -> None:  # noqa: FBT001
            call.abandoned = None
            self._tally.count(Count.STABLE_REQUESTS)
            if outcome is not None:
                self._tally.judge(outcome, time.monotonic() - begun if is_answer else None)
            elif call.is_own and is_answer and (self.rollout.share or self.rollout.pace_ahead):
                self._tally.judge_pace(call.age)

        def answered(answer: Answer | Exception) -> None:
            try:
                judge(isinstance(answer, Answer))
            finally:  # as below
                incoming.deliver(answer)

        self._calls.ask(call, incoming.read, answered, apart=incoming.apart)

    def _fall_back(self, incoming: Incoming, outcome: Outcome | None) -> None:
        """Have the stable model answer a request that was taken on, once there is room for it."""
        if outcome is not None:
            incoming.call.abandoned = partial(self._tally.judge_abandoned, outcome.verdict, outcome.seconds)
        if self._calls.has_room:
            self._ask_stable(incoming, outcome)
            return
        deadline = self._calls.deadline(incoming.call, *incoming.timeouts)

        def begin(_: bool) -> None:  # noqa: FBT001  (without room it is refused as any other)
            incoming.call.elsewhere = None
            self._ask_stable(incoming, outcome)

        incoming.call.elsewhere = self._calls.when_room(deadline.at, begin)

    async def _read_apart(self, incoming: Incoming) -> bool:
        """Note the timeout in a body that is read apart; whether there is time for both revisions."""
        try:
            query = await self._calls.read_apart(incoming.read)
        except Exception:  # noqa: BLE001  (whoever reads it again says so to its client)
            return False
        incoming.timeouts = (*incoming.timeouts, query.timeout)
        return self._has_time(incoming)

    async def _hand_over(self, incoming: Incoming) -> None:
        if incoming.apart and incoming.may_have_timeout and not await self._read_apart(incoming):
            self._tally.count(Count.BUSY)
            incoming.call.elsewhere = None
            self._fall_back(incoming, None)
            return
        deadline = self._calls.deadline(incoming.call, *incoming.timeouts)
        begin = partial(self._watch, incoming.call)
        outcome = await self._ask_candidate(incoming, self._pace.patience(deadline.at), begin)
        incoming.call.elsewhere = incoming.call.abandoned = None
        if outcome is None or outcome.answer is None or outcome.verdict is not Verdict.ANSWERED:
            self._fall_back(incoming, outcome)
            return
        if incoming.is_message:  # a connection of HTTP counts by itself what its client has not read
            incoming.call.held.charge(len(outcome.answer.body))
        try:
            self._tally.count(Count.CANDIDATE_REQUESTS)
            self._tally.judge(outcome)
        finally:  # whatever becomes of the counts, the client gets its answer
            incoming.deliver(outcome.answer)
        self._judges.compare_later(incoming, outcome.answer)

    def _watch(self, call: Call) -> None:
        """Judge a candidate whose answer a caller does not wait for."""
        begun = time.monotonic()
        call.abandoned = lambda: self._tally.judge_abandoned(Verdict.LATE, time.monotonic() - begun)

    async def _ask_candidate(self, incoming: Incoming, seconds: float, begin: Callable[[], None]) -> Outcome | None:
        """What the candidate makes of a request in so many seconds; None where it does not see it."""
        content = incoming.content(self.rollout.key or self.rollout.id, seconds)
        return await ask_candidate(
            self._client, content, seconds, self._tally.count, is_message=incoming.is_message, begin=begin
        )
