"""What a worker does for copies: it notes its answers, and later has the candidate's share of them sent by another process.

Nothing of that happens before a client has its answer. What is done for many answers at once costs each of them far less
than what is done for one: the code and its memory are in the processor's caches then.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from modelway_server.dataplane.query import Answer, Body
from modelway_server.prediction.calls import Answered, Call
from modelway_server.traffic.answers import decode_v2
from modelway_server.traffic.comparer import MAX_COMPARED_BYTES
from modelway_server.traffic.copies import LONGEST_LATE_SECONDS, Copy, pack
from modelway_server.traffic.document import Rollout
from modelway_server.traffic.incoming import Incoming
from modelway_server.traffic.pace import Pace
from modelway_server.traffic.shared import Count, Shared
from modelway_server.traffic.tally import Tally
from modelway_server.traffic.way import PACKET_BYTES, Way

NOTE_SECONDS: Final = 0.1
"""An answer waits for others for so long."""
MOST_NOTES: Final = 32


class _Note(NamedTuple):
    """A request that the stable model has answered.

    Attributes:
        answered: when, on the monotonic clock.
        seconds: that it took, from when the request had arrived whole.
        body: of the answer; None where it is an error.
        incoming: gives the request.
        is_own: whether the stable model was asked first.
    """

    answered: float
    seconds: float
    body: Body | None
    incoming: Callable[[], Incoming]
    is_own: bool


class Copying:
    """Copies the requests of one worker.

    Args:
        rollout: what is ordered.
        shared: gives the turns.
        tally: counts.
        pace: of the stable model.
        way: to the process that sends the copies.
        gives_amounts: whether integers in the model's answers are amounts, and no labels.
    """

    def __init__(
        self, rollout: Rollout, shared: Shared, tally: Tally, pace: Pace, way: Way, *, gives_amounts: bool
    ) -> None:
        self.rollout = rollout
        self._shared = shared
        self._tally = tally
        self._pace = pace
        self._gives_amounts = gives_amounts
        self._way = way
        self._notes: list[_Note] = []
        self._bytes = 0
        self._flush: asyncio.Handle | None = None

    def answered(
        self, call: Call, size: int, deliver: Callable[[Answer | Exception], None], incoming: Callable[[], Incoming]
    ) -> Answered:
        """What takes the stable model's answer to a request: it is delivered, and noted.

        Args:
            call: of the request.
            size: bytes of its body.
            deliver: takes the answer.
            incoming: gives the request, where it is wanted later.
        """

        def take(answer: Answer | Exception) -> None:
            seconds = call.age
            deliver(answer)
            body = answer.body if isinstance(answer, Answer) else None
            self._note(_Note(time.monotonic(), seconds, body, incoming, call.is_own), size)

        return take

    def end(self) -> None:
        """Forget what is noted."""
        self._notes = []
        if self._flush is not None:
            self._flush.cancel()

    def _note(self, note: _Note, size: int) -> None:
        if self._tally.is_over:
            return
        self._notes.append(note)
        self._bytes += size + (0 if note.body is None else len(note.body.content))
        is_enough = len(self._notes) >= MOST_NOTES or self._bytes > PACKET_BYTES
        if is_enough or self._flush is None:
            if self._flush is not None:
                self._flush.cancel()
            loop = asyncio.get_running_loop()
            self._flush = loop.call_soon(self.flush) if is_enough else loop.call_later(NOTE_SECONDS, self.flush)

    def flush(self) -> None:
        """Count what is noted, and send the copies of those whose turn it is."""
        notes, self._notes, self._bytes, self._flush = self._notes, [], 0, None
        self._tally.count(Count.STABLE_REQUESTS, len(notes))
        if self._shared.is_stopped or not self._way.is_there or not self.rollout.mirrors:
            return
        known = [(note, note.body, note.incoming()) for note in notes if note.is_own and note.body is not None]
        unpinned = [each for each in known if not each[2].is_pinned]
        turns = self._shared.take_turns(self.rollout.share, len(unpinned)) if unpinned else []
        chosen = [each for each, is_its in zip(unpinned, turns, strict=True) if is_its]
        small = [each for each in chosen if len(each[1].content) <= MAX_COMPARED_BYTES]
        self._leave_out(len(chosen) - len(small))
        self._send([self._copy(*each) for each in small])

    def _copy(self, note: _Note, body: Body, incoming: Incoming) -> list[bytes]:
        return pack(
            Copy(
                answered=note.answered,
                seconds=note.seconds,
                late_seconds=min(self._pace.late_seconds, LONGEST_LATE_SECONDS),
                slow_seconds=self._pace.slow_seconds,
                is_v2=incoming.decode is decode_v2,
                gives_amounts=self._gives_amounts,
                rollout=self.rollout.id,
                target=incoming.target,
                headers=incoming.headers,
                own_headers=dict(body.headers),
                body=incoming.body,
                own=body.content,
            )
        )

    def _send(self, frames: list[list[bytes]]) -> None:
        """Send small ones together, and each large one by itself."""
        packet: list[bytes] = []
        size = number = 0
        for frame in frames:
            length = sum(map(len, frame))
            if length > PACKET_BYTES:
                self._way.send_large(frame, self._leave_out)
                continue
            if size + length > PACKET_BYTES:
                self._send_packet(packet, number)
                packet, size, number = [], 0, 0
            packet += frame
            size, number = size + length, number + 1
        if packet:
            self._send_packet(packet, number)

    def _send_packet(self, packet: list[bytes], number: int) -> None:
        if not self._way.send(b"".join(packet)):
            self._leave_out(number)

    def _leave_out(self, number: int = 1) -> None:
        self._tally.count(Count.BUSY, number)
