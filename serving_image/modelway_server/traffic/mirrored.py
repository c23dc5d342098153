"""One rollout as the process that sends copies carries it out: each copy goes to the candidate, and its answer is judged once.

Each copy goes out as long after its request as the others do, so that the candidate meets the requests as the stable
revision did.
"""

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from modelway_server.prediction.held_bytes import HeldBytes
from modelway_server.prediction.line import Line
from modelway_server.traffic.answers import Decode, decode_json, decode_v2
from modelway_server.traffic.asking import ask_candidate
from modelway_server.traffic.attention import Attention
from modelway_server.traffic.client import Client, largest_answer
from modelway_server.traffic.comparer import Comparer
from modelway_server.traffic.connector import Connector
from modelway_server.traffic.copies import Copy
from modelway_server.traffic.document import Rollout
from modelway_server.traffic.incoming import GRPC_PATH, request_bytes
from modelway_server.traffic.pace import Pace
from modelway_server.traffic.shared import Count, Shared
from modelway_server.traffic.spare import MAX_WAITING, WAIT_SECONDS, SpareTime, most_bytes
from modelway_server.traffic.tally import Tally, Verdict

DELAY_SECONDS: Final = 0.15
"""Between the answer of a request and its copy: a worker notes answers for less, so that copies keep their distances."""
PROMPT_SECONDS: Final = 0.01
"""Copies that begin later than that come in a burst, after this process stood still."""
BURST_TIMES: Final = 2.0
"""For so many times as long as it stood still, the candidate's pace is not judged: answers of a burst wait for each other."""
COPIES_AT_ONCE: Final = 8
"""Of each worker."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What the process is for.

    Attributes:
        folder: of the order.
        revision: hash of the stable revision.
        workers: that send it copies.
        shared: memory of the pod.
        max_request_bytes: cap on one body.
    """

    folder: Path
    revision: str
    workers: int
    shared: Shared
    max_request_bytes: int


class _Idle:
    """What copies wait for: nothing, since the kernel gives this process its turn.

    Args:
        held: bytes that the process holds.
    """

    is_idle = True

    def __init__(self, held: HeldBytes) -> None:
        self.held_bytes = held
        self.when_idle = Line(lambda: self.is_idle).wait


class Mirrored:
    """One rollout that is mirrored.

    Args:
        rollout: what is ordered.
        task: of the process.
        connector: opens connections to the candidate.
        held: bytes that the process holds.
        decode_message: gives the columns of an answer of gRPC.
    """

    def __init__(
        self, rollout: Rollout, task: Task, connector: Connector, held: HeldBytes, decode_message: Decode
    ) -> None:
        self.rollout = rollout
        self._held = held
        self._decode_message = decode_message
        self._limit = most_bytes(held)
        self._pace = Pace()
        self._tally = Tally(rollout, task.shared, self._pace, lambda: None)
        self._tally.settle()
        self._attention = Attention()
        limit = largest_answer(task.max_request_bytes)
        self._client = Client(connector, limit, rollout.candidate, held, self._attention)
        self._comparer = Comparer(rollout.tolerance, self._tally.count, amounts=False)
        self._spare = SpareTime(
            _Idle(held),
            most=MAX_WAITING * task.workers,
            most_bytes=self._limit,
            at_once=COPIES_AT_ONCE * task.workers,
            share=lambda _: 1.0,
            left_out=self.leave_out,
        )
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._later_bytes = 0
        self._is_calm_at = 0.0
        task.shared.join(rollout.id)

    def obey(self, rollout: Rollout) -> None:
        """Go on with another order for the same attempt."""
        if rollout.share != self.rollout.share:
            self._tally.settle()
        self.rollout = rollout
        self._tally.max_failed, self._comparer.tolerance = rollout.max_failed, rollout.tolerance

    def look(self) -> None:
        """End old connections; called every second or so."""
        self._client.close_old()

    def end(self) -> None:
        """Send and count nothing more."""
        self._tally.is_over = True
        for timer in self._timers.values():
            timer.cancel()
        self._held.charge(-self._later_bytes)
        self._spare.end()
        self._client.close()

    def leave_out(self, number: int = 1) -> None:
        """Count copies that are not sent."""
        self._tally.count(Count.BUSY, number)

    def take(self, copy: Copy) -> None:
        """Send a copy when its time has come."""
        is_full = self._later_bytes > 0 and self._later_bytes + copy.size > self._limit  # one alone may be larger
        if is_full or self._held.is_scarce:
            self.leave_out()
            return
        seconds = min(max(copy.answered + DELAY_SECONDS - time.monotonic(), 0.0), DELAY_SECONDS)
        self._hold(copy.size)
        self._timers[id(copy)] = asyncio.get_running_loop().call_later(seconds, self._begin, copy)

    def _begin(self, copy: Copy) -> None:
        del self._timers[id(copy)]
        now = time.monotonic()
        late = now - copy.answered - DELAY_SECONDS
        if late > PROMPT_SECONDS:
            self._is_calm_at = now + BURST_TIMES * late
        self._hold(-copy.size)
        self._spare.offer(partial(self._send, copy), copy.size)

    def _hold(self, size: int) -> None:
        self._later_bytes += size
        self._held.charge(size)

    async def _send(self, copy: Copy) -> None:
        now = time.monotonic()
        if now - copy.answered > WAIT_SECONDS:
            self.leave_out()
            return
        is_calm = now >= self._is_calm_at
        key, seconds = self.rollout.key or self.rollout.id, copy.late_seconds
        content = request_bytes(copy.target, copy.headers, copy.body, key, seconds)
        is_message = copy.target == GRPC_PATH
        with self._attention.watch():
            outcome = await ask_candidate(self._client, content, seconds, self._tally.count, is_message=is_message)
        if outcome is None:
            return
        self._pace.slow_seconds = copy.slow_seconds if is_calm else None
        self._tally.judge(outcome, copy.seconds, is_pair=True)
        if outcome.answer is None or outcome.verdict is not Verdict.ANSWERED:
            return
        self._comparer.sizes.amounts = copy.gives_amounts
        decode = self._decode_message if is_message else decode_v2 if copy.is_v2 else decode_json
        size = len(outcome.answer.body)
        self._held.charge(size)
        try:
            await self._comparer.compare(decode, (copy.own, copy.own_headers), outcome.answer)
        finally:
            self._held.charge(-size)
