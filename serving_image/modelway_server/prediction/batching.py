"""The queue of a busy model, and how much of it goes in one call.

There is no waiting window. A request that finds the model idle is taken at once; requests that arrive while the model
works are taken together. Work is of classes, which never share a call. This module knows jobs, sizes and times only.
"""

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, NamedTuple, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

EXPLANATION_SHARE = 0.2
"""Of the model's time, for explanations as long as predictions wait."""


class Work(IntEnum):
    """What a call of the model is for."""

    PREDICTION = 0
    """The answer to a request. It goes first."""
    EXPLANATION = 1
    """How an answer comes about: calls with many rows, made of those of a request; and answers that are compared with another revision's."""


class Deadline(NamedTuple):
    """When a request must be answered.

    Attributes:
        at: on the monotonic clock, in seconds.
        callers: whether it is the caller's own; else it is the server's.
    """

    at: float
    callers: bool = False


@dataclass(slots=True, eq=False)
class Job(Generic[Q, A]):
    """One request that waits for the model.

    Attributes:
        query: the request.
        size: its rows.
        deadline: when it must be answered.
        since: when it came, on the monotonic clock.
        deliver: takes its answer, or why there is none.
        work: its class.
        is_done: whether nobody waits for it any more: it has an outcome, or its caller has gone.
    """

    query: Q
    size: int
    deadline: Deadline
    since: float
    deliver: Callable[[A | Exception], None]
    work: Work = Work.PREDICTION
    is_done: bool = False

    def settle(self, outcome: A | Exception) -> None:
        """Give the outcome to the caller, unless it has gone or already has an outcome."""
        if not self.is_done:
            self.is_done = True
            self.deliver(outcome)


class Waiting(Generic[Q, A]):
    """The jobs that wait, in a lane for each class of work, and the class whose turn it is.

    Predictions go first. While none waits, explanations have the model for themselves. While some wait, explanations go
    ahead of them within a share of the model's time, and never in two calls on end. A call is charged when it has
    ended, since nobody knows its time before. What explanations leave of their share is not saved up.

    Args:
        max_rows: of one call; a larger job goes alone. 1 never joins two jobs.
        kind_of: the kind of a query. Jobs of one kind and class may share a call; those of None go alone.
        max_waiting: how many jobs of each class may wait, in the order of `Work`.
        share: of the model's time that explanations get while predictions wait, 0 to 1.
    """

    def __init__(
        self,
        max_rows: int,
        kind_of: Callable[[Q], Hashable | None],
        *,
        max_waiting: tuple[int, int],
        share: float = EXPLANATION_SHARE,
    ) -> None:
        self.max_rows = max_rows
        self._share = share
        self._max_waiting = max_waiting
        self._lanes: tuple[Lane[Q, A], Lane[Q, A]] = (Lane(kind_of), Lane(kind_of))
        self._running = self._lanes[Work.PREDICTION]
        self._begun, self._is_ahead = 0.0, False
        self._credit = 0.0

    def __len__(self) -> int:
        predictions, explanations = self._lanes
        return len(predictions.jobs) + len(explanations.jobs)

    def count(self, work: Work) -> int:
        """How many jobs of a class wait."""
        return len(self._lanes[work].jobs)

    def is_full(self, work: Work) -> bool:
        """Whether as many jobs of a class wait as may."""
        return len(self._lanes[work].jobs) >= self._max_waiting[work]

    def push(self, job: Job[Q, A]) -> None:
        """Add a job behind all others of its class."""
        self._lanes[job.work].jobs.append(job)

    def remove(self, job: Job[Q, A]) -> None:
        """Drop a job whose caller has gone; the model is not called for it unless it was taken already."""
        job.is_done = True
        jobs = self._lanes[job.work].jobs
        if job in jobs:
            jobs.remove(job)

    def take(self, now: float) -> list[Job[Q, A]]:
        """The oldest job whose turn it is and those that go in one call with it; empty when none waits.

        Args:
            now: when the call begins; `end` must follow before the next one begins.
        """
        predictions, explanations = self._lanes
        self._begun, self._running = now, predictions
        if not explanations.jobs:
            return predictions.take(self.max_rows)
        batch = [] if self._credit > 0.0 else predictions.take(self.max_rows)
        if not batch and (batch := explanations.take(self.max_rows)):
            self._running, self._is_ahead = explanations, bool(predictions.jobs)
        return batch or predictions.take(self.max_rows)

    def end(self, now: float) -> None:
        """Charge the call that `take` began and that has ended now."""
        predictions, explanations = self._lanes
        if not predictions.jobs:
            self._credit = 0.0
        elif self._running is explanations:
            self._credit = min(self._credit - (1.0 - self._share) * self._held_up(predictions, now), 0.0)
        elif explanations.jobs or self._credit:
            credit = self._credit + self._share * (now - self._begun)
            self._credit = credit if explanations.jobs else min(credit, 0.0)

    def expired(self, now: float) -> list[Job[Q, A]]:
        """Remove and give the jobs whose deadline has passed."""
        predictions, explanations = self._lanes
        late = predictions.expired(now)
        return late + explanations.expired(now) if explanations.jobs else late

    def next_deadline(self) -> float:
        """The earliest deadline of the waiting jobs; infinity when there is none."""
        predictions, explanations = self._lanes
        earliest = predictions.next_deadline()
        return min(earliest, explanations.next_deadline()) if explanations.jobs else earliest

    def _held_up(self, predictions: "Lane[Q, A]", now: float) -> float:
        """Seconds for which a call of explanations that has ended now kept predictions waiting."""
        if self._is_ahead:
            return now - self._begun
        return now - max(predictions.jobs[0].since, self._begun) if predictions.jobs else 0.0


class Lane(Generic[Q, A]):
    """The waiting jobs of one class, oldest first.

    Args:
        kind_of: the kind of a query; see `Waiting`.

    Attributes:
        jobs: that wait; some may be without a caller by now.
    """

    def __init__(self, kind_of: Callable[[Q], Hashable | None]) -> None:
        self._kind_of = kind_of
        self.jobs: deque[Job[Q, A]] = deque()

    def take(self, max_rows: int) -> list[Job[Q, A]]:
        """The oldest job and those of its kind that fit into one call with it; empty when none waits."""
        first = self._next()
        if first is None:
            return []
        kind = self._kind_of(first.query) if self.jobs and first.size < max_rows else None
        return [first] if kind is None else [first, *self._of_kind(kind, max_rows - first.size)]

    def expired(self, now: float) -> list[Job[Q, A]]:
        """Remove and give the jobs whose deadline has passed."""
        late = [job for job in self.jobs if job.deadline.at <= now]
        if late:
            self.jobs = deque(job for job in self.jobs if job.deadline.at > now)
        return late

    def next_deadline(self) -> float:
        """The earliest deadline; infinity when none waits."""
        return min((job.deadline.at for job in self.jobs), default=float("inf"))

    def _next(self) -> Job[Q, A] | None:
        while self.jobs:
            job = self.jobs.popleft()
            if not job.is_done:
                return job
        return None

    def _of_kind(self, kind: Hashable, room: int) -> list[Job[Q, A]]:
        taken: list[Job[Q, A]] = []
        left: deque[Job[Q, A]] = deque()
        for job in self.jobs:
            if job.is_done:
                continue
            if job.size <= room and self._kind_of(job.query) == kind:
                taken.append(job)
                room -= job.size
            else:
                left.append(job)
        self.jobs = left
        return taken


def total_rows(batch: Sequence[Job[Q, A]]) -> int:
    """Rows of all jobs."""
    return sum(job.size for job in batch)
