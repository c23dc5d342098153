"""Answers of both revisions to the same request, compared when nobody waits.

Where the candidate answered in the stable model's place, the stable model answers a sample of those requests
afterwards. Where it gets copies, both answers are there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from modelway_server.dataplane.query import Body
from modelway_server.errors import ModelwayServerError
from modelway_server.prediction.calls import Calls
from modelway_server.traffic.agreement import CountOne, agreement_of, count_agreement
from modelway_server.traffic.comparison import Agreement, Sizes
from modelway_server.traffic.document import Rollout
from modelway_server.traffic.incoming import Incoming
from modelway_server.traffic.shared import Count
from modelway_server.traffic.spare import SpareTime
from modelway_server.traffic.wire import CandidateAnswer

MAX_WAITING: Final = 64
MAX_WAITING_BYTES: Final = 16 * 1024 * 1024
WAITING_PART: Final = 8
"""What waits holds no more than so large a part of the bytes that all requests may hold."""
COPIES_AT_ONCE: Final = 8
SHARE: Final = 0.2
"""Of time, for answering requests a second time."""
LONG_SECONDS: Final = 0.01
LEAST_SHARE: Final = 0.05
"""Second answers that take longer than LONG_SECONDS get as much less of the time, and no less than this: a client may wait for one of them."""
MAX_PAUSE_SECONDS: Final = 10.0
"""After a second answer, where that leaves them no more than SHARE of the time."""
MAX_COMPARED_BYTES: Final = 32 * 1024 * 1024
"""Of an answer; a larger one takes memory and time that the clients' requests need."""
LARGE_BYTES: Final = 32 * 1024
"""Answers from which on comparing them would hold up the event loop."""


class Judges:
    """Compares the answers of one rollout.

    Args:
        rollout: says how near numbers must be.
        calls: the way to the stable model.
        count: counts.

    Attributes:
        tolerance: the share by which numbers may differ.
    """

    def __init__(self, rollout: Rollout, calls: Calls, count: CountOne) -> None:
        self.tolerance = rollout.tolerance
        self._calls = calls
        self._count = count
        self._sizes = Sizes(amounts=calls.gives_amounts)
        self._one_at_a_time = asyncio.Lock()
        left_out = partial(count, Count.BUSY)
        self._second_answers, self._copies = (
            SpareTime(
                calls,
                most=MAX_WAITING,
                most_bytes=min(MAX_WAITING_BYTES, calls.held_bytes.limit // WAITING_PART),
                at_once=at_once,
                share=share,
                left_out=left_out,
            )
            for at_once, share in ((1, share_of), (COPIES_AT_ONCE, lambda _: 1.0))
        )

    def compare_later(self, incoming: Incoming, answer: CandidateAnswer) -> None:
        """Have the stable model answer, too, what the candidate answered, and compare."""
        self._second_answers.offer(
            partial(self._answer_and_compare, incoming, answer), len(incoming.body) + len(answer.body)
        )

    def mirror_later(self, copy: Callable[[], Awaitable[None]], size: int) -> None:
        """Have a copy sent."""
        self._copies.offer(copy, size)

    def end(self) -> None:
        """Compare no more."""
        self._second_answers.end()
        self._copies.end()

    async def compare(self, incoming: Incoming, own: Body, answer: CandidateAnswer) -> None:
        """Count whether both answers say the same."""
        if len(own.content) > MAX_COMPARED_BYTES:
            self._count(Count.BUSY)
            return
        look = partial(self._agreement, incoming, own, answer)
        is_packed = b"content-encoding" in answer.headers  # a few bytes may hold very many
        if len(own.content) + len(answer.body) < LARGE_BYTES and not is_packed:
            agreement = look()
        else:
            async with self._one_at_a_time:
                agreement = await asyncio.get_running_loop().run_in_executor(None, look)
        if agreement is not None:
            count_agreement(self._count, agreement)

    async def _answer_and_compare(self, incoming: Incoming, answer: CandidateAnswer) -> None:
        try:
            own = await self._calls.answer_aside(incoming.read, apart=incoming.apart)
        except ModelwayServerError:
            return  # the stable model has no answer to compare with
        await self.compare(incoming, own.body, answer)

    def _agreement(self, incoming: Incoming, own: Body, answer: CandidateAnswer) -> Agreement | None:
        """How many rows agree; None where the stable answer cannot be read."""
        return agreement_of(incoming.decode, (own.content, dict(own.headers)), answer, self.tolerance, self._sizes)


def share_of(seconds: float) -> float:
    """The share of time for second answers, by how long the last one took."""
    by_length = SHARE * LONG_SECONDS / max(seconds, 1e-9)
    return min(SHARE, max(LEAST_SHARE, by_length, seconds / (seconds + MAX_PAUSE_SECONDS)))
