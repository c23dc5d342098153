"""The queue of a busy model, and how much of it goes in one call.

There is no waiting window. A request that finds the model idle is taken at once; requests that arrive while the model
works are taken together. This module knows futures and sizes only.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Deadline(NamedTuple):
    """When a request must be answered.

    Attributes:
        at: on the monotonic clock, in seconds.
        callers: whether it is the caller's own; else it is the server's.
    """

    at: float
    callers: bool = False


def settle(answer: asyncio.Future[A], outcome: A | Exception) -> None:
    """Set what an answer came to, unless nobody waits for it any more or it is set already."""
    if answer.done():
        return
    if isinstance(outcome, Exception):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)


@dataclass(slots=True, eq=False)
class Job(Generic[Q, A]):
    """One request that waits for the model.

    Attributes:
        query: the request.
        size: its rows.
        deadline: when it must be answered.
        since: when it came, on the monotonic clock.
        answer: set by whoever takes the job; done already when its caller has gone.
    """

    query: Q
    size: int
    deadline: Deadline
    since: float
    answer: asyncio.Future[A]

    def settle(self, outcome: A | Exception) -> None:
        """Give the outcome to the caller, unless it has gone or already has an answer."""
        settle(self.answer, outcome)


class Waiting(Generic[Q, A]):
    """The jobs that wait, oldest first.

    Args:
        max_rows: of one call; a larger job goes alone. 1 never joins two jobs.
        kind_of: the kind of a query. Jobs of one kind may share a call; those of None go alone.
    """

    def __init__(self, max_rows: int, kind_of: Callable[[Q], Hashable | None]) -> None:
        self.max_rows = max_rows
        self._kind_of = kind_of
        self._jobs: deque[Job[Q, A]] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    def push(self, job: Job[Q, A]) -> None:
        """Add a job behind all others."""
        self._jobs.append(job)

    def remove(self, job: Job[Q, A]) -> None:
        """Drop a job whose caller has gone, unless it was taken already."""
        if job in self._jobs:
            self._jobs.remove(job)

    def take(self) -> list[Job[Q, A]]:
        """The oldest job and those of its kind that fit into one call with it; empty when none waits."""
        first = self._next()
        if first is None:
            return []
        kind = self._kind_of(first.query) if self._jobs and first.size < self.max_rows else None
        return [first] if kind is None else [first, *self._of_kind(kind, self.max_rows - first.size)]

    def expired(self, now: float) -> list[Job[Q, A]]:
        """Remove and give the jobs whose deadline has passed."""
        late = [job for job in self._jobs if job.deadline.at <= now]
        if late:
            self._jobs = deque(job for job in self._jobs if job.deadline.at > now)
        return late

    def next_deadline(self) -> float:
        """The earliest deadline of the waiting jobs; infinity when there is none."""
        return min((job.deadline.at for job in self._jobs), default=float("inf"))

    def _next(self) -> Job[Q, A] | None:
        while self._jobs:
            job = self._jobs.popleft()
            if not job.answer.done():
                return job
        return None

    def _of_kind(self, kind: Hashable, room: int) -> list[Job[Q, A]]:
        taken: list[Job[Q, A]] = []
        left: deque[Job[Q, A]] = deque()
        for job in self._jobs:
            if job.answer.done():
                continue
            if job.size <= room and self._kind_of(job.query) == kind:
                taken.append(job)
                room -= job.size
            else:
                left.append(job)
        self._jobs = left
        return taken


def total_rows(batch: Sequence[Job[Q, A]]) -> int:
    """Rows of all jobs."""
    return sum(job.size for job in batch)
