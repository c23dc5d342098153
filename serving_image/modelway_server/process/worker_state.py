"""The state of each worker process: starting, ready, draining; alive or stuck.

The record is in anonymous shared memory, so that every worker of a pod can answer a probe for all of them. Each cell
is one aligned 8-byte number that one process writes, and needs no lock.
"""

import mmap
import time

STARTING, READY = 0.0, 1.0
HEARTBEAT_LIMIT_SECONDS = 30.0
"""A worker whose event loop has not turned for this long is stuck: its loop beats every second."""

_DRAINING_CELL, _COMPLETE_CELL, _FIRST_CELL = range(3)
_CELLS_PER_WORKER = 3
_STATE, _HEARTBEAT, _BUSY_SINCE = range(_CELLS_PER_WORKER)


class WorkerStates:
    """The states of one pod's workers, shared by its processes.

    Args:
        workers: how many there are.
        stuck_after: seconds that one prediction may take until its worker counts as stuck.
    """

    def __init__(self, workers: int, *, stuck_after: float) -> None:
        cells = _FIRST_CELL + workers * _CELLS_PER_WORKER
        self._cells = memoryview(mmap.mmap(-1, cells * 8)).cast("d")
        self._workers = workers
        self._stuck_after = stuck_after
        self._slot = 0

    def enter(self, slot: int) -> None:
        """Make this process worker `slot`."""
        self._slot = slot
        self.reset(slot)

    def reset(self, slot: int) -> None:
        """Record that worker `slot` starts again."""
        self._put(_STATE, STARTING, slot)
        self._put(_HEARTBEAT, 0.0, slot)
        self._put(_BUSY_SINCE, 0.0, slot)

    def mark_ready(self) -> None:
        """Record that this worker is warm and listens."""
        self.beat()
        self._put(_STATE, READY, self._slot)
        if all(self._get(_STATE, slot) == READY for slot in range(self._workers)):
            self._cells[_COMPLETE_CELL] = 1.0

    def begin_drain(self) -> None:
        """Record that the pod is ending: no worker is ready from now on."""
        self._cells[_DRAINING_CELL] = 1.0

    def beat(self) -> None:
        """Record that this worker's event loop turns."""
        self._put(_HEARTBEAT, time.monotonic(), self._slot)

    def begin_prediction(self) -> None:
        """Record that this worker's model starts to work."""
        self._put(_BUSY_SINCE, time.monotonic(), self._slot)

    def end_prediction(self) -> None:
        """Record that this worker's model is idle."""
        self._put(_BUSY_SINCE, 0.0, self._slot)

    @property
    def draining(self) -> bool:
        """Whether the pod is ending."""
        return self._cells[_DRAINING_CELL] != 0.0

    @property
    def ready(self) -> bool:
        """Whether the pod can take requests: once every worker was ready, one that answers is enough."""
        if self.draining or not self._cells[_COMPLETE_CELL]:
            return False
        return any(self._get(_STATE, slot) == READY and self.why_stuck(slot) is None for slot in range(self._workers))

    def why_stuck(self, slot: int) -> str | None:
        """Why worker `slot` must be ended, or None when it is well."""
        now = time.monotonic()
        heartbeat, busy_since = self._get(_HEARTBEAT, slot), self._get(_BUSY_SINCE, slot)
        if heartbeat and now - heartbeat > HEARTBEAT_LIMIT_SECONDS:
            return f"worker {slot} has not turned its event loop for {now - heartbeat:.0f} s"
        if busy_since and now - busy_since > self._stuck_after:
            return f"a prediction of worker {slot} has been running for {now - busy_since:.0f} s"
        return None

    def why_all_stuck(self) -> str | None:
        """Why the pod must be restarted, or None while a worker is well."""
        reasons = [self.why_stuck(slot) for slot in range(self._workers)]
        return reasons[0] if all(reasons) else None

    def _get(self, cell: int, slot: int) -> float:
        return self._cells[_FIRST_CELL + slot * _CELLS_PER_WORKER + cell]

    def _put(self, cell: int, value: float, slot: int) -> None:
        self._cells[_FIRST_CELL + slot * _CELLS_PER_WORKER + cell] = value
