"""What the workers of a pod share of a rollout: whose turn it is, the evidence against the candidate, and all counts.

It is memory that exists before the workers are forked. Each worker writes its own counts, and whoever is scraped sums
them. The turn and the evidence are one for all, and change under a lock of the kernel: it is free again when its holder
dies.
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


_KEY, _OWED, _STOPPED, _TRIALS, _RATIOS = 0, 1, 2, 3, 4
_POD_CELLS: Final = _RATIOS + len(RATES)
_WORKER_KEY, _WEIGHT, _COUNTS = 0, 1, 2
_WORKER_CELLS: Final = _COUNTS + len(Count)


class Shared:
    """The memory of one pod.

    Args:
        workers: how many there are.
    """

    def __init__(self, workers: int) -> None:
        size = (_POD_CELLS + workers * _WORKER_CELLS) * 8
        self._file = _file(size)
        self._cells = memoryview(mmap.mmap(self._file, size)).cast("d")
        self._workers = workers
        self._own = _POD_CELLS
        self._key = 0.0

    def enter(self, slot: int) -> None:
        """Make this process worker `slot`, which obeys no rollout yet."""
        self._own = _POD_CELLS + slot * _WORKER_CELLS
        self._cells[self._own + _WEIGHT] = 0.0

    def begin(self, rollout: str) -> None:
        """Count for a rollout from now on; one that was counted for before goes on.

        Args:
            rollout: its id.
        """
        self._key = _key(rollout)
        with self._locked():
            if self._cells[_KEY] != self._key:
                self._cells[_KEY] = self._key
                for cell in range(_STOPPED, _POD_CELLS):
                    self._cells[cell] = 0.0
        if self._cells[self._own + _WORKER_KEY] != self._key:
            for cell in range(_WORKER_CELLS):
                self._cells[self._own + cell] = 0.0
            self._cells[self._own + _WORKER_KEY] = self._key

    def set_weight(self, percent: float) -> None:
        """Say which weight this worker obeys."""
        self._cells[self._own + _WEIGHT] = percent

    def take_turn(self, share: int) -> bool:
        """Count a request of the pod: whether it is the candidate's; see `split.count_on`."""
        with self._locked():
            owed, is_chosen = count_on(int(self._cells[_OWED]), share)
            self._cells[_OWED] = owed
        return is_chosen

    def weigh(self, max_failed: float, *, failed: bool) -> None:
        """Weigh a request that the candidate answered or failed; see `breaker.weigh`."""
        with self._locked():
            if self._cells[_KEY] != self._key:  # another worker knows of the next rollout already
                return
            before = Weighed(int(self._cells[_TRIALS]), tuple(self._cells[_RATIOS:_POD_CELLS]))
            after = weigh(before, max_failed, failed=failed)
            self._cells[_TRIALS] = after.trials
            for cell, ratio in enumerate(after.ratios, start=_RATIOS):
                self._cells[cell] = ratio
            if after.is_enough:
                self._cells[_STOPPED] = 1.0

    @property
    def is_stopped(self) -> bool:
        """Whether the candidate fails, so that it gets no request of this pod any more."""
        return self._cells[_STOPPED] != 0.0 and self._cells[_KEY] == self._key

    def add(self, count: Count, number: int = 1) -> None:
        """Count in this worker."""
        self._cells[self._own + _COUNTS + count] += number

    def total(self, count: Count) -> int:
        """The sum over the workers, of the rollout that this one obeys."""
        return int(sum(self._cells[worker + _COUNTS + count] for worker in self._of_this_rollout()))

    @property
    def weight(self) -> float:
        """The least weight that a worker obeys, in percent."""
        obeying = [self._cells[worker + _WEIGHT] for worker in self._of_this_rollout()]
        return min(obeying) if len(obeying) == self._workers else 0.0

    def _of_this_rollout(self) -> list[int]:
        every = (_POD_CELLS + slot * _WORKER_CELLS for slot in range(self._workers))
        return [worker for worker in every if self._cells[worker + _WORKER_KEY] == self._key]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Change what is one for all. Without a lock, as where the kernel has none left, a count may be wrong by one; no request fails."""
        with suppress(OSError):
            fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            with suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_UN)


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
