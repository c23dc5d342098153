"""Compares both revisions' answers to one request, and counts whether they say the same."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Final

from modelway_server.traffic.agreement import CountOne, agreement_of, count_agreement
from modelway_server.traffic.answers import Decode
from modelway_server.traffic.comparison import Sizes
from modelway_server.traffic.shared import Count
from modelway_server.traffic.wire import CandidateAnswer

MAX_COMPARED_BYTES: Final = 32 * 1024 * 1024
"""Of an answer; a larger one takes memory and time that the clients' requests need."""
LARGE_BYTES: Final = 32 * 1024
"""Answers from which on comparing them would hold up the event loop."""


class Comparer:
    """Compares the answers of one rollout.

    Args:
        tolerance: the share by which numbers may differ.
        count: counts.
        amounts: whether integers in answers are amounts, and no labels.

    Attributes:
        tolerance: as given.
        sizes: of the stable revision's numbers so far.
    """

    def __init__(self, tolerance: float, count: CountOne, *, amounts: bool) -> None:
        self.tolerance = tolerance
        self.sizes = Sizes(amounts=amounts)
        self._count = count
        self._one_at_a_time = asyncio.Lock()

    async def compare(self, decode: Decode, own: tuple[bytes, Mapping[bytes, bytes]], answer: CandidateAnswer) -> None:
        """Count whether both answers say the same.

        Args:
            decode: of the protocol that was asked.
            own: the body and the headers of the stable answer.
            answer: of the candidate.
        """
        content, _ = own
        if len(content) > MAX_COMPARED_BYTES:
            self._count(Count.BUSY)
            return
        look = partial(agreement_of, decode, own, answer, self.tolerance, self.sizes)
        is_packed = b"content-encoding" in answer.headers  # a few bytes may hold very many
        if len(content) + len(answer.body) < LARGE_BYTES and not is_packed:
            agreement = look()
        else:
            async with self._one_at_a_time:
                agreement = await asyncio.get_running_loop().run_in_executor(None, look)
        if agreement is not None:
            count_agreement(self._count, agreement)
