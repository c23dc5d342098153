"""Several worker processes behind one port, forked from a parent that holds the model and never runs it.

The parent has one thread and no event loop, so that it can fork again at any time. It replaces a worker that dies, after
a longer pause each time, and kills one that is stuck. It ends the pod when workers keep dying and none is left to answer.
"""

import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress

from prometheus_client.multiprocess import mark_process_dead

from modelway_server.errors import LOAD_FAILURES, LoadFailed
from modelway_server.process.child import follow_parent
from modelway_server.process.exit_report import report_failure
from modelway_server.process.worker_state import WorkerStates

MAX_DEATHS = 5
"""This many deaths within DEATH_WINDOW_SECONDS end the pod, unless another worker answers."""
DEATH_WINDOW_SECONDS = 60.0
FIRST_DELAY_SECONDS = 0.1
MAX_DELAY_SECONDS = 5.0
CHECK_SECONDS = 1.0
"""How often workers are checked for being stuck."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
_REPORTED = frozenset(failure.exit_code for failure in LOAD_FAILURES)
_LOGGER = logging.getLogger(__name__)


def supervise(count: int, work: Callable[[int], int], worker_states: WorkerStates) -> int:
    """Keep `count` workers running until a signal ends them, or until they keep dying.

    Args:
        count: how many workers.
        work: runs worker number n; its result is the exit status of the worker.
        worker_states: shared with the workers.

    Returns:
        The exit status of the pod's process: 0 after a drain.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    supervisor = _Supervisor(work, worker_states)
    for slot in range(count):
        supervisor.spawn(slot)
    return supervisor.run()


class _Supervisor:
    def __init__(self, work: Callable[[int], int], worker_states: WorkerStates) -> None:
        self._work = work
        self._worker_states = worker_states
        self._workers: dict[int, int] = {}
        self._due: dict[int, float] = {}
        self._deaths: list[float] = []
        self._status = 0
        self._ending = False

    def spawn(self, slot: int) -> None:
        """Fork worker `slot`."""
        self._due.pop(slot, None)
        self._worker_states.reset(slot)
        try:
            with warnings.catch_warnings():
                # BLAS handles its own threads at a fork, and there is no other Python thread
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
        except OSError as error:
            self._miss(slot, f"worker {slot} cannot be started ({error.strerror})")
            return
        if pid:
            self._workers[pid] = slot
            return
        status = 1
        try:
            follow_parent()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            status = self._work(slot)
        except BaseException:
            _LOGGER.exception("worker %d ends", slot)
        finally:
            sys.stderr.flush()
            os._exit(status)

    def run(self) -> int:
        """Handle signals and deaths until no worker is left and none is wanted; the exit status."""
        while self._workers or not self._ending:
            received = signal.sigtimedwait(_SIGNALS, self._patience())
            if received is not None and received.si_signo in {signal.SIGTERM, signal.SIGINT}:
                self._pass_on(signal.Signals(received.si_signo))
            self._bury()
            self._end_stuck()
            for slot in [slot for slot, due in self._due.items() if due <= time.monotonic() and not self._ending]:
                self.spawn(slot)
        return self._status

    def _patience(self) -> float:
        now = time.monotonic()
        return max(min((due - now for due in self._due.values()), default=CHECK_SECONDS), 0.0)

    def _pass_on(self, signum: signal.Signals) -> None:
        if signum is signal.SIGTERM:
            self._worker_states.begin_drain()
        self._ending = True
        self._kill(signum)

    def _kill(self, signum: signal.Signals) -> None:
        for pid in self._workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signum)

    def _bury(self) -> None:
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            slot = self._workers.pop(pid, None)
            if slot is None:  # an orphan of a worker, whose parent is now the first process of the pod
                continue
            mark_process_dead(slot)  # type: ignore[no-untyped-call]  # its files bear its number
            if not self._ending:
                self._replace(slot, os.waitstatus_to_exitcode(status))

    def _end_stuck(self) -> None:
        """Kill the workers that will answer nobody any more; they are replaced like others that die."""
        for pid, slot in self._workers.items():
            reason = None if self._ending else self._worker_states.why_stuck(slot)
            if reason is not None:
                _LOGGER.error("%s, and is killed", reason)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _replace(self, slot: int, status: int) -> None:
        self._worker_states.reset(slot)
        if status in _REPORTED and not self._worker_states.ready:
            self._give_up(status)
            return
        how = f"by signal {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        self._miss(slot, f"worker {slot} ended {how}")

    def _miss(self, slot: int, why: str) -> None:
        """Start another worker later, or end the pod: so many have ended that the next would, too, and none answers."""
        now = time.monotonic()
        self._deaths = [*(death for death in self._deaths if now - death < DEATH_WINDOW_SECONDS), now]
        if len(self._deaths) >= MAX_DEATHS and not self._worker_states.ready:
            message = (
                f"worker processes keep ending: {len(self._deaths)} within {DEATH_WINDOW_SECONDS:g} s; at last {why}"
            )
            remedy = "Read the server's log; a crash in native code often means a library of another version than the model's, and SIGKILL a lack of memory."
            self._give_up(report_failure(LoadFailed(message, remedy=remedy)))
            return
        delay = min(FIRST_DELAY_SECONDS * 2.0 ** min(len(self._deaths) - 1, 30), MAX_DELAY_SECONDS)
        _LOGGER.error("%s; another starts in %g s", why, delay)
        self._due[slot] = now + delay

    def _give_up(self, status: int) -> None:
        self._status = status
        self._ending = True
        self._due.clear()
        self._kill(signal.SIGKILL)
