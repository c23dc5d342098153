"""Second answers: where the candidate answered a request in the stable model's place, that model answers a sample of them, too, when nobody waits."""

from functools import partial
from typing import Final

from modelway_server.errors import ModelwayServerError
from modelway_server.prediction.calls import Calls
from modelway_server.traffic.agreement import CountOne
from modelway_server.traffic.comparer import Comparer
from modelway_server.traffic.document import Rollout
from modelway_server.traffic.incoming import Incoming
from modelway_server.traffic.shared import Count
from modelway_server.traffic.spare import MAX_WAITING, SpareTime, most_bytes
from modelway_server.traffic.wire import CandidateAnswer

SHARE: Final = 0.2
"""Of time, for answering requests a second time."""
LONG_SECONDS: Final = 0.01
LEAST_SHARE: Final = 0.05
"""Second answers that take longer than LONG_SECONDS get as much less of the time, and no less than this: a client may wait for one of them."""
MAX_PAUSE_SECONDS: Final = 10.0
"""After a second answer, where that leaves them no more than SHARE of the time."""


class Judges:
    """Compares the answers of one rollout.

    Args:
        rollout: says how near numbers must be.
        calls: the way to the stable model.
        count: counts.

    Attributes:
        comparer: compares.
    """

    def __init__(self, rollout: Rollout, calls: Calls, count: CountOne) -> None:
        self.comparer = Comparer(rollout.tolerance, count, amounts=calls.gives_amounts)
        self._calls = calls
        self._second_answers = SpareTime(
            calls,
            most=MAX_WAITING,
            most_bytes=most_bytes(calls.held_bytes),
            at_once=1,
            share=share_of,
            left_out=partial(count, Count.BUSY),
        )

    def compare_later(self, incoming: Incoming, answer: CandidateAnswer) -> None:
        """Have the stable model answer, too, what the candidate answered, and compare."""
        self._second_answers.offer(
            partial(self._answer_and_compare, incoming, answer), len(incoming.body) + len(answer.body)
        )

    def end(self) -> None:
        """Compare no more."""
        self._second_answers.end()

    async def _answer_and_compare(self, incoming: Incoming, answer: CandidateAnswer) -> None:
        try:
            own = await self._calls.answer_aside(incoming.read, apart=incoming.apart)
        except ModelwayServerError:
            return  # the stable model has no answer to compare with
        await self.comparer.compare(incoming.decode, (own.body.content, dict(own.body.headers)), answer)


def share_of(seconds: float) -> float:
    """The share of time for second answers, by how long the last one took."""
    by_length = SHARE * LONG_SECONDS / max(seconds, 1e-9)
    return min(SHARE, max(LEAST_SHARE, by_length, seconds / (seconds + MAX_PAUSE_SECONDS)))
