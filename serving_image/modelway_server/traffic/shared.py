"""What the workers of a pod share of a rollout: whose turn it is, the evidence against the candidate, and all counts.

It is memory that exists before the workers are forked. Each worker writes its own counts, and so does the process that
sends copies; whoever is scraped sums them. The turn is one for all workers, and so is their evidence. Each changes under
a lock of the kernel, which is free again when its holder dies. The process that sends copies may stand still with a lock
for long. So it weighs evidence of its own, and shares no lock with a worker.
"""

import fcntl
import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum, auto
from hashlib import blake2b
from typing import Final

from modelway_server.traffic.breaker import RATES, Weighed, weigh
from modelway_server.traffic.split import count_on


class Count(IntEnum):
    """What is counted. A count of trials stands right before that of the bad ones."""

    STABLE_REQUESTS = 0
    CANDIDATE_REQUESTS = auto()
    FAILED_TRIALS = auto()
    FAILED_BAD = auto()
    REFUSED_TRIALS = auto()
    REFUSED_BAD = auto()
    SLOW_TRIALS = auto()
    SLOW_BAD = auto()
    STABLE_SLOW_TRIALS = auto()
    STABLE_SLOW_BAD = auto()
    DISAGREEMENT_TRIALS = auto()
    DISAGREEMENT_BAD = auto()
    ROWS_AGREE = auto()
    ROWS_DISAGREE = auto()
    UNREACHABLE = auto()
    BUSY = auto()


_KEY, _OWED, _STOPPED, _EVIDENCE = 0, 1, 2, 3
_TRIALS, _RATIOS, _EVIDENCE_KEY = 0, 1, 1 + len(RATES)
_EVIDENCE_CELLS: Final = _EVIDENCE_KEY + 1
_POD_CELLS: Final = _EVIDENCE + 2 * _EVIDENCE_CELLS
"""The evidence of the workers, and that of the process that sends copies; a rollout has one or the other."""
_WORKER_KEY, _WEIGHT, _COUNTS = 0, 1, 2
_WORKER_CELLS: Final = _COUNTS + len(Count)


class Shared:
    """The memory of one pod.

    Args:
        workers: how many there are.
    """

    def __init__(self, workers: int) -> None:
        size = (_POD_CELLS + (workers + 1) * _WORKER_CELLS) * 8
        self._file = _file(size)
        self._cells = memoryview(mmap.mmap(self._file, size)).cast("d")
        self._workers = workers
        self._own = _POD_CELLS
        self._evidence = _EVIDENCE
        self._key = 0.0

    def enter(self, slot: int) -> None:
        """Make this process worker `slot`, which obeys no rollout yet."""
        self._own = _POD_CELLS + slot * _WORKER_CELLS
        self._cells[self._own + _WEIGHT] = 0.0

    def enter_mirror(self) -> None:
        """Make this process the one that sends copies: it counts, and obeys no weight."""
        self.enter(self._workers)
        self._evidence = _EVIDENCE + _EVIDENCE_CELLS

    def join(self, rollout: str) -> None:
        """Count for a rollout that a worker has begun.

        Args:
            rollout: its id.
        """
        self._key = _key(rollout)
        self._count_for_it()

    def begin(self, rollout: str) -> None:
        """Count for a rollout from now on; one that was counted for before goes on.

        Args:
            rollout: its id.
        """
        self._key = self._cells[_KEY] = _key(rollout)
        self._count_for_it()

    def set_weight(self, percent: float) -> None:
        """Say which weight this worker obeys."""
        self._cells[self._own + _WEIGHT] = percent

    def take_turn(self, share: int) -> bool:
        """Count a request of the pod: whether it is the candidate's; see `split.count_on`."""
        return self.take_turns(share, 1)[0]

    def take_turns(self, share: int, number: int) -> list[bool]:
        """The same for some requests, one after the other."""
        turns = []
        with self._locked(_OWED):
            owed = int(self._cells[_OWED])
            for _ in range(number):
                owed, is_chosen = count_on(owed, share)
                turns.append(is_chosen)
            self._cells[_OWED] = owed
        return turns

    def weigh(self, max_failed: float, *, failed: bool) -> None:
        """Weigh a request that the candidate answered or failed; see `breaker.weigh`."""
        evidence = self._cells[self._evidence : self._evidence + _EVIDENCE_CELLS]
        with self._locked(self._evidence):
            if self._cells[_KEY] != self._key:  # another worker knows of the next rollout already
                return
            is_first = evidence[_EVIDENCE_KEY] != self._key
            before = Weighed() if is_first else Weighed(int(evidence[_TRIALS]), tuple(evidence[_RATIOS:_EVIDENCE_KEY]))
            after = weigh(before, max_failed, failed=failed)
            for cell, value in enumerate((after.trials, *after.ratios, self._key)):
                evidence[cell] = value
            if after.is_enough:
                self._cells[_STOPPED] = self._key

    @property
    def is_stopped(self) -> bool:
        """Whether the candidate fails, so that it gets no request of this pod any more."""
        return self._cells[_STOPPED] == self._key != 0.0

    def add(self, count: Count, number: int = 1) -> None:
        """Count in this process."""
        self._cells[self._own + _COUNTS + count] += number

    def total(self, count: Count) -> int:
        """The sum over the processes, of the rollout that this one counts for."""
        return int(sum(self._cells[process + _COUNTS + count] for process in self._of_this_rollout(self._workers + 1)))

    @property
    def weight(self) -> float:
        """The least weight that a worker obeys, in percent."""
        obeying = [self._cells[worker + _WEIGHT] for worker in self._of_this_rollout(self._workers)]
        return min(obeying) if len(obeying) == self._workers else 0.0

    def _of_this_rollout(self, slots: int) -> list[int]:
        every = (_POD_CELLS + slot * _WORKER_CELLS for slot in range(slots))
        return [process for process in every if self._cells[process + _WORKER_KEY] == self._key]

    def _count_for_it(self) -> None:
        """Begin this process's counts, unless they are those of this rollout."""
        if self._cells[self._own + _WORKER_KEY] != self._key:
            for cell in range(_WORKER_CELLS):
                self._cells[self._own + cell] = 0.0
            self._cells[self._own + _WORKER_KEY] = self._key

    @contextmanager
    def _locked(self, lock: int) -> Iterator[None]:
        """Change what is one for all, under the lock of the byte of that number. Without a lock, as where the kernel has none left, a count may be wrong by one; no request fails."""
        with suppress(OSError):
            fcntl.lockf(self._file, fcntl.LOCK_EX, 1, lock)
        try:
            yield
        finally:
            with suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, lock)


def _key(rollout: str) -> float:
    """A number for an id that a double holds exactly; not 0."""
    return float((int.from_bytes(blake2b(rollout.encode(), digest_size=6).digest(), "big")) + 1)


def _file(size: int) -> int:
    """A file of that size without a name."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("modelway-traffic")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return descriptor
